//! The call survives us: the process dies, or is replaced, and the talk goes on with its history.

use std::time::{Duration, Instant};

use redial::simulate::{Report, Script, Step, WarningCode};
use redial_call::Role;
use redial_identity::UserId;
use redial_memory::model::SessionDoc;
use redial_store::directory::Directory as _;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::Store as _;
use tempfile::TempDir;

use crate::support::gateway::{Setup, audio};
use crate::support::line::{call_sid, dtmf, start, stop};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

/// A session, once the gateway has written it.
async fn stored(dir: &TempDir, sid: &str) -> SessionDoc {
    stored_with(dir, sid, |_| true).await
}

/// A session, once it is written as wanted.
async fn stored_with(dir: &TempDir, sid: &str, wanted: impl Fn(&SessionDoc) -> bool) -> SessionDoc {
    let store = SqliteStore::open(&dir.path().join("redial.sqlite"), StoreSettings::default()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let session = store.load_session(&sid.parse().unwrap()).await.unwrap();
        if let Some(session) = session.as_ref().filter(|session| wanted(session)) {
            return session.clone();
        }
        assert!(Instant::now() < deadline, "session {sid} is not written as wanted: {session:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A caller with three things to say.
fn script(sid: &str, n: usize) -> Script {
    let say = |label: &str| Step::say(label, audio("goforward").unwrap());
    Script {
        call_sid: sid.to_owned(),
        steps: vec![say("one"), say("two"), say("three")],
        ..Script::new(format!("+1415555{:04}", 200 + n), "+18005550199")
    }
}

/// From the loss of the socket to the first audio of the agent after it. By messages: what is heard may run on without a
/// pause, when the agent was speaking.
fn outage_ms(report: &Report) -> u64 {
    let lost = report.warnings.iter().find(|warning| warning.code == WarningCode::ClosedAbnormally);
    let lost = lost.unwrap_or_else(|| panic!("the stream did not break: {:?}", report.warnings)).at_ms;
    let again = report.messages.get("media").and_then(|media| media.iter().find(|at| **at >= lost));
    again.unwrap_or_else(|| panic!("the agent never came back: {:?}", report.warnings)) - lost
}

fn words(session: &SessionDoc, role: Role) -> Vec<&str> {
    let turns = session.conversation_history.iter().map(|message| &message.turn);
    turns.filter(|turn| turn.role == role).map(|turn| turn.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_goes_on_as_the_same_session() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let sid = call_sid();
    let mut first = gateway.stream(&sid, "+14155550123").await;
    first.expect("media").await;
    first.send(&dtmf('7')).await;
    first.send(&dtmf('#')).await;
    first.expect("clear").await;
    // The answer: keys that follow each other without one are one row.
    first.expect("media").await;
    drop(first);
    let token = gateway.resume(&sid, "+14155550123").await;
    let mut second = gateway.socket().await;
    second.send(&start(&sid, &token)).await;
    second.expect("media").await;
    second.send(&dtmf('8')).await;
    second.send(&dtmf('#')).await;
    second.expect("clear").await;
    second.send(&stop(&sid)).await;
    let session = gateway.session_with(&sid, |session| session.end_reason == "caller_hung_up").await;
    assert_eq!(words(&session, Role::Caller), ["7#", "8#"]);
    let times: Vec<u64> = session.conversation_history.iter().map(|message| message.turn.start_ms).collect();
    assert!(times.is_sorted(), "one clock for the whole call: {times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_caller_cannot_take_up_a_call() {
    let gateway = Setup::hearing(["Hello."]).start().await;
    let sid = call_sid();
    let mut first = gateway.stream(&sid, "+14155550123").await;
    first.expect("media").await;
    first.send(&dtmf('7')).await;
    first.send(&dtmf('#')).await;
    first.expect("clear").await;
    drop(first);
    let token = gateway.resume(&sid, "+14155550199").await;
    let mut second = gateway.socket().await;
    second.send(&start(&sid, &token)).await;
    second.expect("media").await;
    second.send(&stop(&sid)).await;
    let own = gateway.session(&sid).await;
    assert_eq!(words(&own, Role::Caller), ["7#"], "the stranger's call is not added, nor does it replace it");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_callers_hear_the_agent_again_within_two_seconds_of_a_kill() {
    const CALLERS: usize = 20;
    let dir = TempDir::new().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[]).await;
    gateway.ready().await;
    let (sids, simulator): (Vec<String>, _) = ((0..CALLERS).map(|_| call_sid()).collect(), gateway.simulator());
    let calls: Vec<_> = sids
        .iter()
        .enumerate()
        .map(|(n, sid)| {
            let (simulator, script) = (simulator.clone(), script(sid, n));
            tokio::spawn(async move { simulator.call(script).await.unwrap() })
        })
        .collect();
    // In the middle of the talk.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let acknowledged = gateway.acknowledged();
    gateway.kill();
    gateway.restart().await;
    let mut gaps = Vec::new();
    for call in calls {
        gaps.push(outage_ms(&call.await.unwrap()));
    }
    gaps.sort_unstable();
    eprintln!("{CALLERS} calls over a kill: the agent was heard again after {gaps:?} ms");
    assert!(gaps.iter().all(|gap| *gap <= 2000), "{gaps:?}");
    assert!(acknowledged.len() >= CALLERS, "{} turns before the kill", acknowledged.len());
    for sid in &sids {
        let session = stored(&dir, sid).await;
        for (_, turn) in acknowledged.iter().filter(|(kept, _)| kept == sid) {
            let there = session.conversation_history.iter().any(|message| u64::from(message.turn.id.0) == *turn);
            assert!(there, "{sid} lost turn {turn}");
        }
        let agent = words(&session, Role::Agent).join(" ");
        assert!(agent.contains("Sorry, I lost you"), "{agent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_asked_for_and_never_taken_up_is_delivered_all_the_same() {
    const FROM: &str = "+14155550123";
    let dir = TempDir::new().unwrap();
    // The first try comes while the call may still be taken up.
    let mut gateway = GatewayProcess::start(dir.path(), &[("RESUME_GRACE_SECONDS", "2")]).await;
    gateway.ready().await;
    let sid = call_sid();
    let mut socket = gateway.wire().stream(&sid, FROM).await;
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !gateway.acknowledged().iter().any(|(kept, _)| *kept == sid) {
        assert!(Instant::now() < deadline, "the turn is not kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway.kill();
    gateway.restart().await;
    gateway.ready().await;
    // The carrier asks, and the caller hangs up before the stream is there.
    gateway.wire().resume(&sid, FROM).await;
    let session = stored(&dir, &sid).await;
    assert_eq!(words(&session, Role::Caller), ["7#"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_hands_running_calls_over_between_two_turns() {
    const CALLERS: usize = 5;
    let dir = TempDir::new().unwrap();
    let mut old = GatewayProcess::start(dir.path(), &[("TEST_HAND_OVER", "1")]).await;
    old.ready().await;
    let (sids, simulator): (Vec<String>, _) = ((0..CALLERS).map(|_| call_sid()).collect(), old.simulator());
    let calls: Vec<_> = sids
        .iter()
        .enumerate()
        .map(|(n, sid)| {
            let (simulator, script) = (simulator.clone(), script(sid, n));
            tokio::spawn(async move { simulator.call(script).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let new = old.start_beside(dir.path()).await;
    old.terminate();
    assert_eq!(old.ended(Duration::from_secs(40)).await, Some(0));
    for (call, sid) in calls.into_iter().zip(&sids) {
        let report = call.await.unwrap();
        assert_eq!(report.redirects, 1, "{sid} was not handed over: {:?}", report.warnings);
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        assert!(report.spoken.iter().all(|spoken| !spoken.cut), "a word was torn: {:?}", report.spoken);
        let session = stored_with(&dir, sid, |session| session.end_reason != "handed_over").await;
        let said = words(&session, Role::Caller);
        assert_eq!(said.len(), 3, "{said:?}");
    }
    drop(new);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_takes_a_call_up_from_the_mirror() {
    const FROM: &str = "+14155550123";
    const PEPPER: (&str, &str) = ("MEMORY_PHONE_PEPPER", "0123456789abcdef0123456789abcdef");
    let redis = RedisServer::start().await;
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let url = redis.url();
    let vars = [("REDIS_URL", url.as_str()), PEPPER, ("RESUME_GRACE_SECONDS", "1")];
    let mut first = GatewayProcess::start(here.path(), &vars).await;
    let second = GatewayProcess::start(there.path(), &vars).await;
    first.ready().await;
    second.ready().await;
    let sid = call_sid();
    let mut socket = first.wire().stream(&sid, FROM).await;
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    socket.expect("clear").await;
    let mut raw = redis.raw().await;
    let list = format!("conversation:messages:{sid}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while redis::cmd("LLEN").arg(&list).query_async::<u64>(&mut raw).await.unwrap() < 2 {
        assert!(Instant::now() < deadline, "the call is not mirrored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.kill();
    let lost = Instant::now();
    let token = second.wire().resume(&sid, FROM).await;
    let mut socket = second.wire().socket().await;
    socket.send(&start(&sid, &token)).await;
    socket.expect("media").await;
    assert!(lost.elapsed() < Duration::from_secs(2), "{:?}", lost.elapsed());
    socket.send(&dtmf('8')).await;
    socket.send(&dtmf('#')).await;
    socket.expect("clear").await;
    socket.send(&stop(&sid)).await;
    // The dead one comes back and delivers its part of the same call, which must not count again or take anything away.
    first.restart().await;
    first.ready().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let store = RedisStore::connect(&url.into(), StoreSettings::default()).unwrap();
    store.health().await.unwrap();
    let session = store.load_session(&sid.parse().unwrap()).await.unwrap().expect("the session is written");
    assert_eq!(words(&session, Role::Caller), ["7#", "8#"]);
    let user = UserId::parse(&session.user_id).unwrap();
    assert_eq!(store.user(&user).await.unwrap().unwrap().calls, 1);
    for name in ["messages", "turns", "summary", "call"] {
        let key = format!("conversation:{name}:{sid}");
        assert_eq!(redis::cmd("EXISTS").arg(&key).query_async::<u64>(&mut raw).await.unwrap(), 0, "{key} is left");
    }
}
