//! Whole calls through the webhook and the socket: memory between them, providers that fail, shutdown, privacy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redial::gateway::RunningCalls;
use redial::simulate::{HangUp, Report, Script, Step};
use redial_call::Role;
use redial_memory::model::SessionDoc;
use redial_provider::scripted::{Heard, ScriptedAgent, ScriptedTts};
use redial_store::archive::Archive as _;
use redial_store::archive::ndjson::NdjsonArchive;

use crate::support::gateway::{Setup, TestGateway, audio};
use crate::support::line::{call_sid, fields, stop};
use crate::support::redis::RedisServer;

const APPOINTMENT: &str = "I would like to change my appointment to Tuesday at three pm.";
const NAME: &str = "My name is Jennifer Parker and I live in Chicago.";

/// A caller who says these fixtures, one at a time, and hangs up.
async fn call(gateway: &TestGateway, from: &str, says: &[&str]) -> SessionDoc {
    let report = place(gateway, from, says).await;
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    gateway.session(&report.call_sid).await
}

/// The same, whatever the carrier thinks of it.
async fn place(gateway: &TestGateway, from: &str, says: &[&str]) -> Report {
    let mut script = Script::new(from, "+18005550199");
    script.steps = says
        .iter()
        .map(|name| Step::say(*name, audio(name).unwrap()))
        .chain([Step::Wait(Duration::from_millis(3000)), Step::HangUp(HangUp::Normal)])
        .collect();
    gateway.simulator().call(script).await.unwrap()
}

fn said_by(session: &SessionDoc, role: Role) -> Vec<&str> {
    let history = &session.conversation_history;
    history.iter().filter(|message| message.turn.role == role).map(|message| message.turn.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_greeted_by_what_the_last_call_was_about_and_nobody_else_is() {
    let gateway = Setup::hearing([APPOINTMENT, NAME]).start().await;
    let first = call(&gateway, "+14155550123", &["hibari_appt", "hibari_name"]).await;
    assert_eq!(said_by(&first, Role::Caller), [APPOINTMENT, NAME]);
    gateway.idle().await;
    let again = call(&gateway, "+14155550123", &[]).await;
    assert_eq!(said_by(&again, Role::Agent)[0], "Welcome back, Jennifer. Is this about your appointment?");
    assert_eq!(again.user_id, first.user_id);
    for stranger in ["+14155550124", "anonymous", "anonymous", "+266696687", ""] {
        let session = call(&gateway, stranger, &[]).await;
        let greeting = said_by(&session, Role::Agent)[0].to_owned();
        assert!(!greeting.contains("Jennifer") && !greeting.contains("appointment"), "{stranger:?}: {greeting}");
        assert!(!greeting.starts_with("Welcome back"), "{stranger:?}: {greeting}");
        assert_ne!(session.user_id, first.user_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_call_redis_holds_the_documented_keys_and_no_number() {
    let server = RedisServer::start().await;
    let gateway = Setup::hearing([APPOINTMENT, NAME]).var("REDIS_URL", &server.url()).start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt", "hibari_name"]).await;
    let uid = &session.user_id;
    let mut redis = server.raw().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let phone = keys.iter().find(|key| key.starts_with("sarah:phone:")).expect("a mapping");
    let mut expected = vec![
        phone.clone(),
        format!("sarah:user:{uid}:profile"),
        format!("sarah:user:{uid}:sessions"),
        format!("sarah:session:{}", session.session_id),
        format!("sarah:done:{}", session.session_id),
        "sarah:meta:pepper".to_owned(),
        keys.iter().find(|key| key.starts_with("sarah:meta:marker:")).expect("an outbox's mark").clone(),
        keys.iter().find(|key| key.starts_with("sarah:token:")).expect("a token that was taken").clone(),
    ];
    let mut found = keys.clone();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let mapped: String = redis::cmd("GET").arg(phone).query_async(&mut redis).await.unwrap();
    assert_eq!(mapped, *uid);
    for (key, ttl) in [
        (phone.clone(), 90 * 86_400),
        (format!("sarah:user:{uid}:profile"), 90 * 86_400),
        (format!("sarah:user:{uid}:sessions"), 90 * 86_400),
        (format!("sarah:session:{}", session.session_id), 86_400),
    ] {
        let left: i64 = redis::cmd("TTL").arg(&key).query_async(&mut redis).await.unwrap();
        assert!((ttl - 120..=ttl).contains(&left), "{key}: {left} s");
    }
    for key in &keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(key).query_async(&mut redis).await.unwrap();
        assert!(!holds_number(&dump) && !holds_number(key.as_bytes()), "{key} holds the number");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_stored_under_an_earlier_spelling_is_welcomed_back_by_any() {
    let server = RedisServer::start().await;
    let pepper = "0123456789abcdef0123456789abcdef";
    let setup = Setup::hearing([APPOINTMENT, NAME]).var("REDIS_URL", &server.url());
    let gateway = setup.var("MEMORY_PHONE_PEPPER", pepper).start().await;
    let first = call(&gateway, "+525512345678", &["hibari_appt", "hibari_name"]).await;
    let mut redis = server.raw().await;
    for (stored, spelling) in [
        // The hashes of `+5215512345678` and of the second address, computed with another implementation.
        ("5jibze2c5bmnqggbk4y3xyayg6", "+525512345678"),
        ("5jibze2c5bmnqggbk4y3xyayg6", "+5215512345678"),
        ("p7o6dbadqk5z6pjigcrorcifqm", "sip:14155550124@10.0.0.5:5060"),
    ] {
        gateway.idle().await;
        // As an earlier release left it.
        let mappings: Vec<String> = redis::cmd("KEYS").arg("sarah:phone:*").query_async(&mut redis).await.unwrap();
        assert_eq!(mappings.len(), 1, "{mappings:?}");
        let stored = format!("sarah:phone:{stored}");
        let () = redis::cmd("RENAME").arg(&mappings[0]).arg(&stored).query_async(&mut redis).await.unwrap();
        let again = call(&gateway, spelling, &[]).await;
        assert_eq!(again.user_id, first.user_id, "{spelling}");
        let greeting = said_by(&again, Role::Agent)[0].to_owned();
        assert!(greeting.starts_with("Welcome back, Jennifer."), "{spelling}: {greeting}");
        let left: bool = redis::cmd("EXISTS").arg(&stored).query_async(&mut redis).await.unwrap();
        assert!(!left, "{spelling}: the mapping was not moved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_caller_hears_a_greeting_and_the_session_arrives_later() {
    let mut server = RedisServer::start().await;
    let gateway = Setup::hearing([APPOINTMENT]).var("REDIS_URL", &server.url()).start().await;
    server.kill();
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    socket.send(&stop(&sid)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.restart().await;
    assert_eq!(gateway.session_when_up(&sid).await.end_reason, "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_is_covered_by_the_built_in_agent() {
    let mut setup = Setup::hearing([APPOINTMENT]);
    setup.providers.agent = Arc::new(ScriptedAgent::new(|_, _| Vec::new()).breaking_off());
    let gateway = setup.start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt"]).await;
    let answers = said_by(&session, Role::Agent);
    assert!(answers.get(1).is_some_and(|answer| answer.contains("name")), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_only_sounds_as_if_it_asked_erases_nobody() {
    // What the built-in agent asks before it erases somebody; nothing is meant by it here.
    let parrot = ScriptedAgent::saying("Some ask: Shall I delete everything that is kept about you?");
    let mut setup = Setup::hearing(["Please delete my data.", "Yes, please."]);
    setup.providers.agent = Arc::new(parrot);
    let gateway = setup.start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt", "hibari_appt"]).await;
    assert_eq!(said_by(&session, Role::Caller), ["Please delete my data.", "Yes, please."]);
    assert!(said_by(&session, Role::Agent)[1].contains("Shall I delete everything"));
    assert!(session.metadata.acts);
    let next = call(&gateway, "+14155550123", &[]).await;
    assert_eq!(next.user_id, session.user_id, "the caller is who they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_fails_does_not_end_the_call() {
    let mut setup = Setup::hearing([APPOINTMENT]);
    setup.providers.tts = Arc::new(ScriptedTts::new().failing_after(0));
    let gateway = setup.start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt"]).await;
    assert_eq!(session.end_reason, "caller_hung_up");
    assert_eq!(said_by(&session, Role::Caller), [APPOINTMENT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_not_understood_are_asked_for_again() {
    let gateway = Setup::hearing([Heard::Failure, Heard::Text(APPOINTMENT.to_owned())]).start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt", "hibari_appt"]).await;
    let answers = said_by(&session, Role::Agent);
    assert!(answers[1].starts_with("Sorry"), "{answers:?}");
    assert_eq!(said_by(&session, Role::Caller), ["", APPOINTMENT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_panics_ends_one_call_and_what_was_said_is_kept() {
    let panics = ScriptedAgent::new(|_, _| panic!("a fault of the agent's own"));
    let mut setup = Setup::hearing([APPOINTMENT]);
    setup.providers.agent = Arc::new(panics);
    let gateway = setup.start().await;
    // The carrier sees the connection break, and takes the call up again.
    let (report, bystander) =
        tokio::join!(place(&gateway, "+14155550123", &["hibari_appt"]), call(&gateway, "+14155550124", &[]));
    assert!(report.redirects > 0, "{report:?}");
    assert_eq!(bystander.end_reason, "caller_hung_up");
    let session = gateway.session(&report.call_sid).await;
    assert_eq!(session.end_reason, "internal_error");
    assert_eq!(said_by(&session, Role::Caller), [APPOINTMENT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_takes_no_new_calls_says_goodbye_and_writes_everything() {
    let server = RedisServer::start().await;
    let gateway = Setup::hearing([""]).var("REDIS_URL", &server.url()).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let url = gateway.url("");
    let TestGateway { gateway: running, dir: _dir, .. } = gateway;
    let stopping = tokio::spawn(running.shut_down(Duration::from_secs(8), RunningCalls::Finish));
    let closed = socket.closed().await;
    assert_eq!(closed, Some(1000), "the goodbye was heard and the socket closed");
    drop(socket);
    assert!(stopping.await.unwrap(), "everything is written");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(client.get(url).send().await.is_err(), "the port is closed");
    let mut redis = server.raw().await;
    let document: String =
        redis::cmd("HGET").arg(format!("sarah:session:{sid}")).arg("doc").query_async(&mut redis).await.unwrap();
    assert!(document.contains("\"end_reason\":\"shutdown\""), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_is_nowhere_but_in_the_carriers_request() {
    let gateway = Setup::hearing([APPOINTMENT, NAME]).var("CALL_LOG", "true").start().await;
    let session = call(&gateway, "+14155550123", &["hibari_appt", "hibari_name"]).await;
    call(&gateway, "+14155550123", &[]).await;
    let (_, twiml) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert!(!holds_number(twiml.as_bytes()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/metrics", "/readyz"] {
        let text = client.get(gateway.operators_url(path)).send().await.unwrap().text().await.unwrap();
        assert!(!holds_number(text.as_bytes()), "{path}");
    }
    let mut files = 0;
    let mut folders = vec![gateway.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert!(!holds_number(&std::fs::read(&path).unwrap()), "{}", path.display());
            }
        }
    }
    assert!(files >= 3, "store, pepper and call log were looked at");
    let log = std::fs::read_to_string(gateway.dir.path().join(format!("calls/{}.ndjson", session.session_id))).unwrap();
    let replayed = redial_call::log::Log::parse(&log).unwrap().replay();
    let turns: Vec<&str> = replayed
        .iter()
        .filter_map(|(_, action)| match action {
            redial_call::Action::TurnDone(turn) => Some(turn.text.as_str()),
            _ => None,
        })
        .collect();
    let stored: Vec<&str> = session.conversation_history.iter().map(|message| message.turn.text.as_str()).collect();
    assert_eq!(turns, stored, "the log replays as the call was");
}

/// The digits of the tests' number, however they are written.
fn holds_number(bytes: &[u8]) -> bool {
    let digits = b"4155550123";
    bytes.windows(digits.len()).any(|window| window == digits)
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_calls_are_offered_to_the_archive() {
    let archive = tempfile::tempdir().unwrap();
    let place = format!("file:{}", archive.path().display());
    let gateway = Setup::hearing(["Hello."]).var("MEMORY_ARCHIVE", &place).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    socket.send(&stop(&sid)).await;
    let session = gateway.session(&sid).await;
    let files = NdjsonArchive::open(archive.path()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let kept = loop {
        if let Some(kept) = files.get(&sid.parse().unwrap()).await.unwrap() {
            break kept;
        }
        assert!(Instant::now() < deadline, "nothing is archived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(kept, session);
}
