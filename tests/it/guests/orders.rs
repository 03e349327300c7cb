//! A carrier that is told by its API that a call is over.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial::simulate::{HangUp, Script, Step};
use redial_call::Act;
use redial_provider::agent::Delta;
use redial_provider::scripted::ScriptedAgent;

use super::{FROM, setup};
use crate::support::gateway::{TOKEN, audio};

const ACCOUNT: &str = "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// What Twilio's API was asked, and what it answers: the first of these, in turn; then 200.
#[derive(Clone, Default)]
struct Api {
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Api {
    /// Starts it on a free port, and returns its URL.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(Self::on_request).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    async fn on_request(State(api): State<Self>, uri: Uri, headers: HeaderMap, body: String) -> StatusCode {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        api.asked.lock().unwrap().push((uri.path().to_owned(), authorization, body));
        api.answers.lock().unwrap().pop().unwrap_or(StatusCode::OK)
    }

    fn asked(&self) -> Vec<(String, String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_agent_ends_is_ended_at_the_carriers_api_as_well() {
    let api = Api::default();
    api.answers.lock().unwrap().push(StatusCode::SERVICE_UNAVAILABLE);
    let url = api.start().await;
    let mut setup = setup(&["That is all."]).var("TWILIO_ACCOUNT_SID", ACCOUNT).var("TWILIO_API_URL", &url);
    setup.providers.agent =
        Arc::new(ScriptedAgent::new(|_, _| vec![Delta::Text("Goodbye.".to_owned()), Delta::Act(Act::EndCall)]));
    let gateway = setup.start().await;
    let script = Script::new(FROM, "+18005550199").with_steps([Step::say("all", audio("hibari_appt").unwrap())]);
    let report = gateway.simulator().call(script).await.unwrap();
    assert_eq!(gateway.session(&report.call_sid).await.end_reason, "agent_hung_up");
    let deadline = Instant::now() + Duration::from_secs(20);
    while api.asked().len() < 2 {
        assert!(Instant::now() < deadline, "asked again once it did not work: {:?}", api.asked());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", report.call_sid);
    let token = TOKEN;
    let credentials = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{token}")));
    for asked in api.asked() {
        assert_eq!(asked, (path.clone(), credentials.clone(), "Status=completed".to_owned()));
    }
    // A caller who hangs up has told the carrier.
    let script = Script::new(FROM, "+18005550199").with_steps([Step::HangUp(HangUp::Normal)]);
    let report = gateway.simulator().call(script).await.unwrap();
    assert_eq!(gateway.session(&report.call_sid).await.end_reason, "caller_hung_up");
    gateway.idle().await;
    assert_eq!(api.asked().len(), 2);
}
