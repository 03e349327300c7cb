//! The nearest ancestor's faults, one test each: what it got wrong is our first list of promises.
//!
//! Faults 3, 4 and 8 are held against every store in `memory/conformance.rs`, under names that begin with `fault_`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use redial::simulate::{Script, Step};
use redial_call::Role;
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, AgentSession, Delta, Prompt};
use serde_json::json;

use crate::support::gateway::{Setup, audio};
use crate::support::line::{STREAM, call_sid, encode, fields, start, stop, token};

/// 1: the caller's number was overwritten by a query parameter that nobody sends, so that all callers were one.
#[tokio::test(flavor = "multi_thread")]
async fn fault_01_callers_are_told_apart_by_the_signed_form_only() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let mut users = Vec::new();
    for from in ["+14155550101", "+14155550102"] {
        let sid = call_sid();
        let form = fields(&sid, from);
        // A query that names somebody else changes nothing.
        let (status, document) = gateway.post("/voice?From=%2B14155550199", &form).await;
        assert_eq!(status, 200, "{document}");
        let mut socket = gateway.socket().await;
        socket.send(&start(&sid, &token(&document))).await;
        socket.expect("media").await;
        socket.send(&stop(&sid)).await;
        users.push(gateway.session(&sid).await.user_id);
    }
    assert_ne!(users[0], users[1]);
    assert!(users.iter().all(|user| user.starts_with("u_")), "{users:?}");
}

/// 2: the phone hash was a plain one of 16 digits, which is reversed in seconds; and withheld numbers were hashed too.
#[tokio::test(flavor = "multi_thread")]
async fn fault_02_a_number_cannot_be_found_again_without_the_key() {
    let plain = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(b"+14155550123"))
    };
    let mut users = Vec::new();
    for _ in 0..2 {
        let gateway = Setup::hearing(["Hello."]).start().await; // each with a pepper of its own
        let sid = call_sid();
        let mut socket = gateway.stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        socket.send(&stop(&sid)).await;
        users.push(gateway.session(&sid).await.user_id);
        let bytes = std::fs::read(gateway.dir.path().join("redial.sqlite")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&plain[..16]), "a plain hash is stored");
    }
    assert_ne!(users[0], users[1], "the hash does not depend on the key");
}

/// 3: two first calls at once made two users. (Under load, over all stores: the conformance suite.)
#[tokio::test(flavor = "multi_thread")]
async fn fault_03_first_calls_at_once_are_one_user() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let (one, two) = (call_sid(), call_sid());
    let mut sockets = [gateway.stream(&one, "+14155550123").await, gateway.stream(&two, "+1 (415) 555-0123").await];
    for (socket, sid) in sockets.iter_mut().zip([&one, &two]) {
        socket.expect("media").await;
        socket.send(&stop(sid)).await;
    }
    assert_eq!(gateway.session(&one).await.user_id, gateway.session(&two).await.user_id);
}

/// 5: calls that started or ended during the autosave's loop broke it, and the rest was not saved.
#[tokio::test(flavor = "multi_thread")]
async fn fault_05_calls_that_come_and_go_at_once_are_all_saved() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let calls: Vec<(String, String)> = (0..60).map(|n| (call_sid(), format!("+1415555{n:04}"))).collect();
    let live = calls.iter().map(|(sid, from)| async {
        let mut socket = gateway.stream(sid, from).await;
        socket.expect("media").await;
        socket.send(&stop(sid)).await;
    });
    futures_util::future::join_all(live).await;
    for (sid, _) in &calls {
        // A connection that is dropped with unread audio is reset, which may overtake the `stop`.
        let reason = gateway.session(sid).await.end_reason;
        assert!(["caller_hung_up", "disconnected"].contains(&reason.as_str()), "{reason}");
    }
}

/// 6: up to two model calls of 10 s ran before a hang-up was saved.
#[tokio::test(flavor = "multi_thread")]
async fn fault_06_a_hang_up_is_saved_without_waiting_for_a_model() {
    /// A model that never answers.
    struct Stuck;
    impl Agent for Stuck {
        fn open(&self, _: AgentContext) -> Box<dyn AgentSession> {
            Box::new(Self)
        }
    }
    impl AgentSession for Stuck {
        fn reply(&mut self, _: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
            futures_util::stream::pending().boxed()
        }
    }
    let mut setup = Setup::hearing(["I would like to change my appointment."]);
    setup.providers.agent = Arc::new(Stuck);
    let gateway = setup.start().await;
    let mut script = Script::new("+14155550123", "+18005550199");
    script.steps = vec![
        Step::say("appt", audio("hibari_appt").unwrap()),
        Step::Wait(Duration::from_millis(600)),
        Step::HangUp(redial::simulate::HangUp::Normal),
    ];
    let report = gateway.simulator().call(script).await.unwrap();
    let began = std::time::Instant::now();
    let session = gateway.session(&report.call_sid).await;
    assert!(began.elapsed() < Duration::from_secs(2), "saved after {:?}", began.elapsed());
    let words: Vec<&str> = session
        .conversation_history
        .iter()
        .filter(|message| message.turn.role == Role::Caller)
        .map(|message| message.turn.text.as_str())
        .collect();
    assert_eq!(words, ["I would like to change my appointment."]);
}

/// 7: whether the last call was cut off could never be known.
#[tokio::test(flavor = "multi_thread")]
async fn fault_07_a_call_that_was_cut_off_is_kept_as_such() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    drop(socket);
    let session = gateway.session(&sid).await;
    assert_eq!(session.end_reason, "disconnected");
    let greeting = &session.conversation_history[0].turn;
    assert_eq!(greeting.role, Role::Agent);
    assert!(!greeting.cut.is_empty() || !greeting.never_sent.is_empty(), "{greeting:?}");
}

/// 9: webhook and socket were joined by a table of call ids alone, without anything that only the carrier knows.
#[tokio::test(flavor = "multi_thread")]
async fn fault_09_the_socket_needs_the_token_of_its_webhook() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let sid = call_sid();
    gateway.ring(&sid, "+14155550123").await;
    let mut socket = gateway.socket().await;
    socket.send(&start(&sid, "")).await;
    assert_eq!(socket.closed().await, Some(1008));
}

/// 10: dashboards showed phones and transcripts to everyone, and webhooks were not signed.
#[tokio::test]
async fn fault_10_nothing_is_shown_or_taken_without_proof() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let form = fields(&call_sid(), "+14155550123");
    for path in ["/voice", "/voice/resume", "/voice/status"] {
        assert_eq!(gateway.post_raw(path, encode(&form), None).await.0, 403, "{path}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/", "/api/status", "/dashboard/memory", "/api/v1/callers", "/api/call"] {
        assert_eq!(client.get(gateway.url(path)).send().await.unwrap().status().as_u16(), 404, "{path}");
    }
}

/// 11: the greeting was a blocking `<Say>` before the stream, and the read loop slept while the caller spoke.
#[tokio::test(flavor = "multi_thread")]
async fn fault_11_the_greeting_is_ours_and_the_caller_is_heard_meanwhile() {
    let gateway = Setup::hearing(["I would like to change my appointment."]).start().await;
    let sid = call_sid();
    let (_, document) = gateway.post("/voice", &fields(&sid, "+14155550123")).await;
    assert!(!document.contains("<Say"), "{document}");
    let mut socket = gateway.socket().await;
    socket.send(&start(&sid, &token(&document))).await;
    socket.expect("media").await;
    // The caller's words begin at once and last longer than the greeting; a burst of them stays in order.
    let speech = audio("hibari_appt").unwrap();
    for (n, frame) in speech.chunks(160).chain(std::iter::repeat_n(&[0xff; 160][..], 100)).enumerate() {
        use base64::Engine as _;
        let payload = base64::engine::general_purpose::STANDARD.encode(frame);
        let number = (n + 2).to_string();
        let media = json!({ "track": "inbound", "chunk": n.to_string(), "payload": payload });
        socket.send(&json!({ "event": "media", "sequenceNumber": number, "streamSid": STREAM, "media": media })).await;
        tokio::time::sleep(Duration::from_millis(18)).await; // the pace of a line
    }
    socket.send(&stop(&sid)).await;
    let session = gateway.session(&sid).await;
    let heard = session.conversation_history.iter().any(|message| message.turn.role == Role::Caller);
    assert!(heard, "{session:?}");
}
