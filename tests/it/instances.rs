//! Several instances behind one number: what one process remembers is not the state of the call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use redial_agent::prompts;
use redial_call::{Act, Role};
use redial_memory::model::SessionDoc;
use redial_provider::agent::Delta;
use redial_provider::scripted::ScriptedAgent;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::support::gateway::{Setup, TestGateway};
use crate::support::line::{Socket, call_sid, dtmf, fields, start, stop};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

const FROM: &str = "+14155550123";
const HANG_UP: &str = "<Response><Hangup/></Response>";

/// Says goodbye to whatever is said.
fn leaves() -> ScriptedAgent {
    ScriptedAgent::new(|_, _| vec![Delta::Text("Goodbye.".to_owned()), Delta::Act(Act::EndCall)])
}

/// One of several instances over a Redis.
async fn instance(redis: &RedisServer) -> TestGateway {
    setup(redis).start().await
}

fn setup(redis: &RedisServer) -> Setup {
    let setup = Setup::hearing([""]).var("REDIS_URL", &redis.url());
    setup.var("MEMORY_PHONE_PEPPER", "0123456789abcdef0123456789abcdef")
}

/// One whose agent hangs up.
async fn leaving(redis: &RedisServer) -> TestGateway {
    let mut setup = setup(redis);
    setup.providers.agent = Arc::new(leaves());
    setup.start().await
}

/// A stream that has started, on whichever instance it came to.
async fn stream(gateway: &TestGateway, sid: &str, token: &str) -> Socket {
    let mut socket = gateway.socket().await;
    socket.send(&start(sid, token)).await;
    socket
}

/// Listens for long enough to hear some words.
async fn listen(socket: &mut Socket) {
    socket.expect("media").await;
    tokio::time::sleep(Duration::from_millis(800)).await;
}

/// The caller presses keys, and hears the goodbye that follows.
async fn hear_goodbye(socket: &mut Socket) {
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    assert_eq!(socket.closed().await, Some(1000));
}

fn agent_words(session: &SessionDoc) -> Vec<&str> {
    let history = session.conversation_history.iter().map(|message| &message.turn);
    history.filter(|turn| turn.role == Role::Agent).map(|turn| turn.text.as_str()).collect()
}

/// Whether it begins as calls do, and not as one that was lost.
fn is_greeted(session: &SessionDoc) -> bool {
    let first = agent_words(session).first().copied().unwrap_or_default().to_owned();
    !first.is_empty() && !prompts::resumed().starts_with(&first) && !first.starts_with("Sorry")
}

async fn answer(gateway: &TestGateway, path: &str, sid: &str) -> String {
    let (status, document) = gateway.post(path, &fields(sid, FROM)).await;
    assert_eq!(status, 200, "{document}");
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn after_our_goodbye_on_one_instance_another_one_says_no_more() {
    let redis = RedisServer::start().await;
    let (here, there) = (leaving(&redis).await, leaving(&redis).await);
    let sid = call_sid();
    let token = here.ring(&sid, FROM).await;
    hear_goodbye(&mut stream(&here, &sid, &token).await).await;
    // At once, as the carrier does.
    for path in ["/voice/resume", "/voice"] {
        let document = answer(&there, path, &sid).await;
        assert!(document.contains(HANG_UP), "{path}: {document}");
    }
    assert_eq!(there.gateway.calls(), 0);
    // And from the store, once that is all that knows.
    there.session(&sid).await;
    let gone: u64 =
        redis::cmd("DEL").arg(format!("sarah:over:{sid}")).query_async(&mut redis.raw().await).await.unwrap();
    assert_eq!(gone, 1);
    let third = leaving(&redis).await;
    assert!(answer(&third, "/voice/resume", &sid).await.contains(HANG_UP));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_webhook_another_instance_has_answered_is_served_and_its_caller_is_known() {
    let redis = RedisServer::start().await;
    let (here, there) = (instance(&redis).await, instance(&redis).await);
    let before = call_sid();
    let mut socket = here.stream(&before, FROM).await;
    socket.expect("media").await;
    socket.send(&stop(&before)).await;
    let before = here.session(&before).await;
    for _ in 0..2 {
        let sid = call_sid();
        let token = here.ring(&sid, FROM).await;
        let mut socket = stream(&there, &sid, &token).await;
        listen(&mut socket).await;
        socket.send(&stop(&sid)).await;
        let session = there.session(&sid).await;
        assert!(is_greeted(&session), "{session:?}");
        assert_eq!(
            (session.user_id.as_str(), session.end_reason.as_str()),
            (before.user_id.as_str(), "caller_hung_up")
        );
    }
    // A withheld number stays nobody's.
    let sid = call_sid();
    let token = here.ring(&sid, "anonymous").await;
    let mut socket = stream(&there, &sid, &token).await;
    socket.expect("media").await;
    socket.send(&stop(&sid)).await;
    assert!(there.session(&sid).await.user_id.starts_with("anon_"));
}

/// Whether a stream is closed before a word is said in it.
async fn is_refused(mut socket: Socket) -> bool {
    loop {
        match socket.0.next().await {
            Some(Ok(Message::Text(text))) if text.contains("media") => return false,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return true,
            Some(Ok(_)) => (),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_one_stream_over_all_instances() {
    let redis = RedisServer::start().await;
    let (here, there) = (instance(&redis).await, instance(&redis).await);
    let sid = call_sid();
    let tokens = [here.ring(&sid, FROM).await, here.ring(&sid, FROM).await];
    let mut socket = stream(&here, &sid, &tokens[0]).await;
    socket.expect("media").await;
    assert!(is_refused(stream(&there, &sid, &tokens[0]).await).await, "the same token elsewhere");
    assert!(is_refused(stream(&there, &sid, &tokens[1]).await).await, "a second stream elsewhere");
    assert!(is_refused(stream(&here, &sid, &tokens[1]).await).await, "a second stream");
    socket.send(&stop(&sid)).await;
    here.session(&sid).await;
    // The other way round. Where the call rings, Redis is waited for only as long as nobody notices: on a busy machine it may
    // take longer now and then, and the stream is served.
    let mut refused = false;
    for _ in 0..5 {
        let sid = call_sid();
        let token = here.ring(&sid, FROM).await;
        let mut socket = stream(&there, &sid, &token).await;
        socket.expect("media").await;
        refused |= is_refused(stream(&here, &sid, &token).await).await;
        socket.send(&stop(&sid)).await;
        there.session(&sid).await;
    }
    assert!(refused, "a token that was taken elsewhere is taken again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_has_heard_yet_is_greeted_wherever_it_is_taken_up() {
    let redis = RedisServer::start().await;
    let (here, there) = (instance(&redis).await, instance(&redis).await);
    let sid = call_sid();
    here.ring(&sid, FROM).await;
    // The stream came nowhere; the carrier asks another instance.
    let token = there.resume(&sid, FROM).await;
    let mut socket = stream(&there, &sid, &token).await;
    listen(&mut socket).await;
    socket.send(&stop(&sid)).await;
    let session = there.session(&sid).await;
    assert!(is_greeted(&session), "{session:?}");
    // Or the same one.
    let alone = Setup::hearing([""]).start().await;
    let sid = call_sid();
    alone.ring(&sid, FROM).await;
    let token = alone.resume(&sid, FROM).await;
    let mut socket = stream(&alone, &sid, &token).await;
    listen(&mut socket).await;
    socket.send(&stop(&sid)).await;
    assert!(is_greeted(&alone.session(&sid).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_only_rang_does_not_think_that_the_call_still_does() {
    let redis = RedisServer::start().await;
    let (here, there) = (leaving(&redis).await, leaving(&redis).await);
    // Ended elsewhere by us.
    let sid = call_sid();
    let token = here.ring(&sid, FROM).await;
    hear_goodbye(&mut stream(&there, &sid, &token).await).await;
    assert!(answer(&here, "/voice/resume", &sid).await.contains(HANG_UP));
    assert_eq!(here.gateway.calls(), 0, "it still rings");
    // Broken elsewhere: it goes on here with what was said.
    let (here, there) = (instance(&redis).await, instance(&redis).await);
    let sid = call_sid();
    let token = here.ring(&sid, FROM).await;
    let mut socket = stream(&there, &sid, &token).await;
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    socket.expect("clear").await;
    drop(socket);
    there.idle().await;
    let token = here.resume(&sid, FROM).await;
    let mut socket = stream(&here, &sid, &token).await;
    listen(&mut socket).await;
    socket.send(&stop(&sid)).await;
    let session = here.session_with(&sid, |session| session.end_reason == "caller_hung_up").await;
    let said = session.conversation_history.iter().map(|message| &message.turn);
    let keys: Vec<&str> = said.filter(|turn| turn.role == Role::Caller).map(|turn| turn.text.as_str()).collect();
    assert_eq!(keys, ["7#"], "{session:?}");
    assert!(agent_words(&session).iter().any(|words| words.starts_with("Sorry")), "{session:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_died_has_not_made_a_ringing_call_an_old_one_nor_an_old_one_new() {
    let dir = TempDir::new().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[("RESUME_GRACE_SECONDS", "600")]).await;
    gateway.ready().await;
    let (rung, had) = (call_sid(), call_sid());
    gateway.wire().ring(&rung, FROM).await;
    let mut socket = gateway.wire().stream(&had, "+14155550124").await;
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    socket.expect("clear").await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while gateway.acknowledged().is_empty() {
        assert!(Instant::now() < deadline, "no turn is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway.kill();
    gateway.restart().await;
    gateway.ready().await;
    // The carrier sends the webhook again, as the first was never answered: it is a call.
    assert!(!gateway.wire().ring(&rung, FROM).await.is_empty());
    // Of a call that was had, nobody says that it rings, except who has captured its webhook.
    let (_, document) = gateway.wire().post("/voice", &fields(&had, "+14155550124")).await;
    assert!(document.contains(HANG_UP), "{document}");
    // The carrier's own question finds it as it was, also at the URL for when others fail.
    let mut answered = fields(&had, "+14155550124");
    answered[3].1 = "in-progress".to_owned();
    let (_, document) = gateway.wire().post("/voice", &answered).await;
    let mut socket = gateway.wire().socket().await;
    socket.send(&start(&had, &crate::support::line::token(&document))).await;
    socket.expect("media").await;
    socket.send(&stop(&had)).await;
}
