//! A carrier beside Twilio, with other framing: whole calls through the real gateway.

mod caller;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redial_call::{Role, Via};
use redial_carrier::Carrier;
use redial_carrier::control::Control;
use redial_carrier::line::{Capabilities, Codec, Inbound, LineCommand, Message, Outbound, ReadError, WriteError};
use redial_carrier::scripted::wideband::Wideband;
use redial_carrier::webhook::Webhook;
use redial_memory::session_id::SessionId;
use redial_provider::agent::Delta;
use redial_provider::scripted::ScriptedAgent;
use serde_json::json;

use self::caller::{Caller, KEY, incoming, over, post, signature, try_socket};
use crate::support::gateway::{Setup, TOKEN, TestGateway};
use crate::support::line::{call_sid, fields, stop};

const APPOINTMENT: &str = "I would like to change my appointment to Tuesday at three pm.";
const NAME: &str = "My name is Jennifer Parker and I live in Chicago.";
/// Seven seconds by the scripted voice, in one sentence.
const LONG: &str = "Then these are all the hours of all the days of the week on which somebody would have time for you and for \
                    whatever it is that you want to talk about, from the first of them on Monday in the early morning to the very \
                    last one of them on Friday in the late evening, one after the other, read slowly, so that you can write them \
                    all down and choose one.";

/// Answers keys at length, and words shortly.
fn talks() -> ScriptedAgent {
    ScriptedAgent::new(|_, prompt| {
        let last = prompt.history.last().expect("the caller's turn");
        let answer = match (last.via, last.text.as_str()) {
            (Via::Keypad, _) => LONG,
            (Via::Voice, NAME) => "Thank you, Jennifer.",
            (Via::Voice, _) => "Please key in the number of the office.",
        };
        vec![Delta::Text(answer.to_owned())]
    })
}

/// The same carrier, were it unable to take back what it was sent.
struct Blunt(Wideband);

impl Carrier for Blunt {
    fn name(&self) -> &'static str {
        "blunt"
    }

    fn webhook(&self) -> &dyn Webhook {
        self.0.webhook()
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(BluntStream(self.0.codec()))
    }

    fn control(&self) -> Option<&dyn Control> {
        None
    }
}

struct BluntStream(Box<dyn Codec>);

impl Codec for BluntStream {
    fn capabilities(&self) -> Capabilities {
        Capabilities { clear: false, ..self.0.capabilities() }
    }

    fn read(&mut self, message: Inbound<'_>) -> Result<Message, ReadError> {
        self.0.read(message)
    }

    fn write(&mut self, command: LineCommand<'_>, send: &mut dyn FnMut(Outbound<'_>)) -> Result<(), WriteError> {
        match command {
            LineCommand::Clear => Ok(()),
            other => self.0.write(other, send),
        }
    }
}

async fn gateway() -> TestGateway {
    let mut setup = Setup::hearing([APPOINTMENT, NAME]);
    setup.providers.agent = Arc::new(talks());
    setup.providers.carriers = vec![Arc::new(Wideband::new(KEY)), Arc::new(Blunt(Wideband::new(KEY)))];
    setup.var("CALL_LOG", "true").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_of_a_carrier_with_wide_audio_and_without_marks() {
    let gateway = gateway().await;
    let sid = call_sid();
    let (status, document) = incoming(&gateway, "wideband", &sid, "+14155550123").await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(document["action"], "connect");
    assert_eq!(document["url"], gateway.url("/wideband/media-stream").replacen("http", "ws", 1));
    assert_eq!(document["then"], gateway.url("/wideband/voice/resume"));

    let mut caller = Caller::answer(&document, &sid).await;
    caller.hears_something("the greeting").await;
    caller.hears_nothing_more().await;
    let greeting_frames = caller.frames();
    caller.says("hibari_appt");
    caller.hears_something("an answer").await;
    caller.hears_nothing_more().await;
    for digit in ["4", "2", "#"] {
        caller.sends(&json!({ "event": "websocket:dtmf", "digit": digit }));
    }
    caller.hears_something("the long answer").await;
    caller.says("hibari_name");
    caller.is_cleared().await;
    caller.hears_something("an answer to the interruption").await;
    caller.hears_nothing_more().await;
    over(&gateway, "wideband", &sid).await;
    caller.is_closed().await;

    let session = gateway.session(&sid).await;
    assert_eq!(session.end_reason, "caller_hung_up");
    let turns: Vec<_> = session.conversation_history.iter().map(|message| &message.turn).collect();
    let roles: Vec<Role> = turns.iter().map(|turn| turn.role).collect();
    let [us, them] = [Role::Agent, Role::Caller];
    assert_eq!(roles, [us, them, us, them, us, them, us], "{turns:?}");
    // The scripted voice takes a frame for each character.
    assert_eq!(
        greeting_frames,
        turns[0].text.chars().count(),
        "all of it was sent, and nothing but it: {:?}",
        turns[0]
    );
    assert_eq!((turns[1].text.as_str(), turns[1].via), (APPOINTMENT, Via::Voice));
    assert_eq!(turns[2].text, "Please key in the number of the office.");
    assert_eq!((turns[3].text.as_str(), turns[3].via), ("42#", Via::Keypad));
    // Without marks the clock tells what was heard of it.
    assert!(LONG.starts_with(turns[4].text.trim()) && !turns[4].text.is_empty(), "{:?}", turns[4]);
    assert!(turns[4].text.len() < LONG.len() - 20, "{:?}", turns[4]);
    assert_eq!(turns[5].text, NAME);
    assert_eq!(turns[6].text, "Thank you, Jennifer.");
    gateway.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_name_could_be_a_path_is_remembered_and_logged_where_all_calls_are() {
    let gateway = gateway().await;
    let call = format!("../v3:{}@carrier", call_sid());
    let (status, document) = incoming(&gateway, "wideband", &call, "+14155550123").await;
    assert_eq!((status, &document["action"]), (200, &json!("connect")), "{document}");
    let mut caller = Caller::answer(&document, &call).await;
    caller.hears_something("the greeting").await;
    caller.hears_nothing_more().await;
    caller.says("hibari_appt");
    caller.hears_something("an answer").await;
    over(&gateway, "wideband", &call).await;
    caller.is_closed().await;

    let session = gateway.session(&call).await;
    assert_eq!(session.conversation_history[1].turn.text, APPOINTMENT);
    assert_eq!(session.session_id, SessionId::named(&call));
    assert_eq!(gateway.remembered("+14155550123").await.episodes[0].session_id, session.session_id);
    let log = gateway.dir.path().join("calls").join(format!("{}.ndjson", session.session_id));
    assert!(log.exists(), "{log:?}");
    gateway.idle().await;
}

/// What the log of a call says of its settings.
async fn settings(gateway: &TestGateway, sid: &str) -> String {
    let path = gateway.dir.path().join("calls").join(format!("{sid}.ndjson"));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some((header, _)) = log.split_once('\n') {
            return header.to_owned();
        }
        assert!(Instant::now() < deadline, "{} has no header", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_takes_nothing_back_is_sent_little_ahead_and_can_be_interrupted_all_the_same() {
    let gateway = gateway().await;
    let sid = call_sid();
    let (_, document) = incoming(&gateway, "blunt", &sid, "+14155550123").await;
    let mut caller = Caller::answer(&document, &sid).await;
    caller.hears_something("the greeting").await;
    caller.hears_nothing_more().await;
    let greeting_frames = caller.frames();
    caller.says("hibari_appt");
    caller.hears_something("an answer").await;
    caller.hears_nothing_more().await;
    for digit in ["4", "2", "#"] {
        caller.sends(&json!({ "event": "websocket:dtmf", "digit": digit }));
    }
    caller.hears_something("the long answer").await;
    caller.says("hibari_name");
    caller.hears_nothing_more().await;
    caller.hears_something("an answer to the interruption").await;
    caller.hears_nothing_more().await;
    assert_eq!(caller.clears(), 0);
    over(&gateway, "blunt", &sid).await;
    let session = gateway.session(&sid).await;
    let turns: Vec<_> = session.conversation_history.iter().map(|message| &message.turn).collect();
    assert_eq!(greeting_frames, turns[0].text.chars().count(), "{:?}", turns[0]);
    assert!(!turns[4].cut.is_empty() || !turns[4].never_sent.is_empty(), "{:?}", turns[4]);
    assert_eq!(turns.last().unwrap().text, "Thank you, Jennifer.");
    let settings = settings(&gateway, &sid).await;
    assert!(settings.contains("\"lead_ms\":100,") && settings.contains("\"mark_grace_ms\":0,"), "{settings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_by_closing_the_socket_can_be_taken_up_again() {
    let gateway = gateway().await;
    let sid = call_sid();
    let (_, document) = incoming(&gateway, "wideband", &sid, "+14155550123").await;
    let mut caller = Caller::answer(&document, &sid).await;
    caller.hears_something("the greeting").await;
    caller.hears_nothing_more().await;
    caller.closes().await;
    let asks = json!({ "call": sid, "status": "answered", "from": "+14155550123" });
    let (status, document) = post(&gateway, "/wideband/voice/resume", &asks, &signature(&asks)).await;
    assert_eq!((status, &document["action"]), (200, &json!("connect")));
    let mut caller = Caller::answer(&document, &sid).await;
    caller.hears_something("that the call goes on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_at_each_door_of_a_guest() {
    let gateway = gateway().await;
    let ringing = json!({ "call": call_sid(), "status": "ringing", "from": "+14155550123" });
    let of_another = json!({ "call": call_sid(), "status": "ringing", "from": "+14155550199" });
    let by_twilio = redial_carrier::twilio::signature::sign_websocket(TOKEN, &gateway.url("/wideband/voice"));
    for path in ["/wideband/voice", "/wideband/voice/resume", "/wideband/voice/status"] {
        for wrong in ["", "junk", &"0".repeat(64), &signature(&of_another), &by_twilio] {
            let (status, answer) = post(&gateway, path, &ringing, wrong).await;
            assert_eq!(status, 403, "{path}, {wrong}: {answer}");
        }
    }
    // Who is no guest has no doors, signed or not.
    let (status, _) = post(&gateway, "/relay/voice", &ringing, &signature(&ringing)).await;
    assert_eq!(status, 404);
    let (status, document) = incoming(&gateway, "wideband", &call_sid(), "+14155550123").await;
    assert_eq!(status, 200, "{document}");
    let url = document["url"].as_str().unwrap();
    let of_other_url = redial_carrier::scripted::hooks::sign(KEY, gateway.url("/wideband/media-stream").as_bytes());
    for wrong in [None, Some("junk".to_owned()), Some("0".repeat(64)), Some(of_other_url)] {
        assert_eq!(try_socket(url, wrong.as_deref()).await.err(), Some(403), "{wrong:?}");
    }
    assert!(try_socket(url, Some(&redial_carrier::scripted::hooks::sign(KEY, url.as_bytes()))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_carriers_have_calls_side_by_side() {
    let gateway = gateway().await;
    let [here, there] = [call_sid(), call_sid()];
    let (_, document) = incoming(&gateway, "wideband", &here, "+14155550123").await;
    let mut caller = Caller::answer(&document, &here).await;
    let mut twilio = gateway.stream(&there, "+14155550124").await;
    caller.hears_something("the greeting").await;
    twilio.expect("media").await;
    twilio.expect("mark").await;
    twilio.send(&stop(&there)).await;
    assert_eq!(gateway.session(&there).await.end_reason, "caller_hung_up");
    // The other call goes on, and each carrier asks at its own door.
    caller.says("hibari_appt");
    caller.hears_something("an answer").await;
    let (status, document) = gateway.post("/voice", &fields(&call_sid(), "+14155550125")).await;
    assert!(status == 200 && document.contains("<Stream"), "{status}: {document}");
    over(&gateway, "wideband", &here).await;
    caller.is_closed().await;
    assert_eq!(gateway.session(&here).await.end_reason, "caller_hung_up");
    // Each is paced by what its line can do.
    let [wideband, twilio] = [settings(&gateway, &here).await, settings(&gateway, &there).await];
    assert!(wideband.contains("\"lead_ms\":400,") && wideband.contains("\"mark_grace_ms\":0,"), "{wideband}");
    assert!(twilio.contains("\"lead_ms\":400,") && twilio.contains("\"mark_grace_ms\":1500,"), "{twilio}");
}
