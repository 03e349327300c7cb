//! A whole call of a carrier that carries words: it recognises and speaks, we read and write.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redial_call::{Role, Via};
use redial_carrier::scripted::hooks::sign;
use redial_carrier::scripted::relay::{Relay, SIGNATURE};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::caller::KEY;
use super::talks;
use crate::support::gateway::{Setup, TestGateway};
use crate::support::line::{STREAM, call_sid};

/// How long an answer may take. Generous: it is never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// The carrier's answer to a call that comes in.
async fn incoming(gateway: &TestGateway, sid: &str) -> Value {
    let body = json!({ "call": sid, "status": "ringing", "from": "+14155550123" }).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(gateway.url("/relay/voice")).header("content-type", "application/json");
    let request = request.header(SIGNATURE.as_str(), sign(KEY, body.as_bytes()));
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn send(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// What we have said next.
async fn next_text(socket: &mut Socket) -> String {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("it comes").expect("the socket is open").unwrap();
        let Message::Text(text) = message else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["type"] == "text" {
            return message["token"].as_str().unwrap().trim().to_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_of_a_carrier_of_words() {
    let mut setup = Setup::hearing([""]);
    setup.providers.agent = Arc::new(talks());
    setup.providers.carriers = vec![Arc::new(Relay::new(KEY))];
    let gateway = setup.start().await;
    let sid = call_sid();
    let document = incoming(&gateway, &sid).await;
    let url = document["url"].as_str().unwrap();
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(SIGNATURE, sign(KEY, url.as_bytes()).parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let setup =
        json!({ "type": "setup", "sessionId": STREAM, "callSid": sid, "customParameters": document["headers"] });
    socket.send(Message::text(setup.to_string())).await.unwrap();

    let greeting = next_text(&mut socket).await;
    assert!(greeting.starts_with("Hello"), "{greeting}");
    send(&mut socket, &json!({ "type": "prompt", "voicePrompt": "What are your", "last": false })).await;
    send(&mut socket, &json!({ "type": "prompt", "voicePrompt": "What are your hours?", "last": true })).await;
    let answer = next_text(&mut socket).await;
    assert_eq!(answer, "Please key in the number of the office.");
    send(&mut socket, &json!({ "type": "interrupt", "utteranceUntilInterrupt": "Please key in" })).await;
    send(&mut socket, &json!({ "type": "prompt", "voicePrompt": super::NAME, "last": true })).await;
    assert_eq!(next_text(&mut socket).await, "Thank you, Jennifer.");
    socket.close(None).await.unwrap();

    let session = gateway.session(&sid).await;
    let turns: Vec<_> = session.conversation_history.iter().map(|message| &message.turn).collect();
    let callers: Vec<&str> =
        turns.iter().filter(|turn| turn.role == Role::Caller).map(|turn| turn.text.as_str()).collect();
    assert_eq!(callers, ["What are your hours?", super::NAME], "{turns:?}");
    assert!(turns.iter().all(|turn| turn.via == Via::Voice));
    let cut = turns.iter().find(|turn| turn.text == "Please key in").expect("what was heard of it");
    assert_eq!(format!("{} {}", cut.cut, cut.never_sent).trim(), "the number of the office.");
    gateway.idle().await;
}
