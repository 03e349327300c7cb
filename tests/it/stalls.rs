//! The link stands still, or the process does: no call ends for it, nothing that was said meanwhile is lost, and nothing is
//! answered twice, or as if it were said now.
//!
//! `FREEZE=long` runs the long form: 20 calls, and pauses of 1, 3, 6 and 9 s. Each form prints its figures.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redial::simulate::{EndedBy, HangUp, Report, Script, Simulator, Step, WarningCode, Who};
use redial_call::Role;
use redial_memory::model::SessionDoc;
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::Store as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::support::gateway::{ACCOUNT_SID, Setup, TOKEN, TestGateway, audio};
use crate::support::line::{call_sid, media};
use crate::support::ports::free_port;
use crate::support::process::{GatewayProcess, PROCESS_SCRIPT};
use crate::support::proxy::{Mode, Proxy};

const VISIT: &str = "I want to move my visit to Friday.";
const NAME: &str = "My name is Ana.";
/// The most that a call may leave in the log.
const MOST_LOG_BYTES: usize = 10_000;

fn origin(proxy: &Proxy) -> String {
    format!("http://127.0.0.1:{}", proxy.port())
}

fn simulator(proxy: &Proxy) -> Simulator {
    Simulator::new(&origin(proxy), ACCOUNT_SID, Some(TOKEN.into())).unwrap()
}

/// A gateway in this process that is reached through a proxy only.
async fn behind_proxy(setup: Setup) -> (TestGateway, Proxy) {
    let port = free_port();
    let proxy = Proxy::before(port).await;
    let setup = setup.var("BIND_ADDR", &format!("127.0.0.1:{port}")).var("PUBLIC_URL", &origin(&proxy));
    (setup.var("MEMORY_CONSENT", "implicit").start().await, proxy)
}

fn words(session: &SessionDoc, role: Role) -> Vec<&str> {
    let turns = session.conversation_history.iter().map(|message| &message.turn);
    turns.filter(|turn| turn.role == role).map(|turn| turn.text.as_str()).collect()
}

/// A caller speaks while the link stands still, and again once it does not.
async fn a_link_that_stands_still(pause: Duration) {
    let (gateway, proxy) = behind_proxy(Setup::hearing([VISIT, NAME])).await;
    let steps = vec![
        Step::Wait(Duration::from_millis(4000)),
        Step::say("in the pause", audio("goforward").unwrap()),
        Step::say("after it", audio("goforward").unwrap()),
        // Shorter than a line that stays late would be.
        Step::Wait(Duration::from_secs(7)),
        Step::HangUp(HangUp::Normal),
    ];
    let script = Script::new("+14155550123", "+18005550199").with_steps(steps);
    let simulator = simulator(&proxy);
    let (report, ()) = tokio::join!(simulator.call(script), async {
        sleep(Duration::from_millis(3800)).await;
        proxy.set(Mode::Silent).await;
        sleep(pause).await;
        proxy.set(Mode::Pass).await;
    });
    let report = report.unwrap();
    let session = gateway.session(&report.call_sid).await;
    assert_eq!((report.redirects, session.end_reason.as_str()), (0, "caller_hung_up"), "{report:?}");
    assert_eq!(words(&session, Role::Caller), [VISIT, NAME], "each once: {session:?}");
    let answers = words(&session, Role::Agent);
    assert_eq!(answers.len(), 3, "the greeting, and one answer each: {answers:?}");
    assert!(!answers.iter().any(|answer| answer.contains("still there")), "{answers:?}");
    let after = report.spoken.iter().find(|spoken| spoken.label.as_deref() == Some("after it")).unwrap();
    let answered = report.spoken.iter().any(|spoken| spoken.who == Who::Agent && spoken.start_ms >= after.end_ms);
    assert!(answered, "the line stays late: {:?}", report.spoken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stands_still_for_three_seconds_loses_no_word() {
    a_link_that_stands_still(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stands_still_for_nine_seconds_loses_no_word() {
    a_link_that_stands_still(Duration::from_secs(9)).await;
}

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Process,
    Link,
}

async fn stand_still(what: What, gateway: &GatewayProcess, proxy: &Proxy, pause: Duration) {
    match what {
        What::Process => {
            gateway.signal("-STOP");
            sleep(pause).await;
            gateway.signal("-CONT");
        }
        What::Link => {
            proxy.set(Mode::Silent).await;
            sleep(pause).await;
            proxy.set(Mode::Pass).await;
        }
    }
}

/// Whether a call went on as if nothing had happened, to its end.
fn went_on(report: &Report) -> bool {
    let broken = report.warnings.iter().any(|warning| warning.code == WarningCode::ClosedAbnormally);
    matches!(report.ended_by, EndedBy::Caller(_)) && report.redirects == 0 && !broken
}

async fn stored(dir: &TempDir, sid: &str) -> SessionDoc {
    let store = SqliteStore::open(&dir.path().join("redial.sqlite"), StoreSettings::default()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(session) = store.load_session(&sid.parse().unwrap()).await.unwrap() {
            return session;
        }
        assert!(Instant::now() < deadline, "session {sid} is not written");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Callers who have three things to say, the second of them in the pause.
async fn calls_over_a_pause(what: What, calls: usize, pause: Duration) {
    redial_outgoing::tls::install_provider();
    let dir = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::before(listener.local_addr().unwrap().port()).await;
    let public = origin(&proxy);
    let vars = [("PUBLIC_URL", public.as_str()), ("RUST_LOG", "info"), ("MEMORY_CONSENT", "implicit")];
    let gateway = GatewayProcess::start_on(listener, dir.path(), &vars).await;
    gateway.ready().await;
    let before = gateway.log().len();
    let simulator = simulator(&proxy);
    let say = |label: &str| Step::say(label, audio("goforward").unwrap());
    let calling = join_all((0..calls).map(|n| {
        let script = Script::new(format!("+1415555{n:04}"), "+18005550199");
        // The third come after the answer to the second: said at once they would be of the same turn, for which the scripted
        // recogniser has one line. And they are the last: the agent says goodbye to them, which is an end of its own.
        let steps = vec![say("one"), say("two"), Step::Wait(pause), say("three"), Step::HangUp(HangUp::Normal)];
        simulator.call(script.with_steps(steps))
    }));
    let (reports, ()) = tokio::join!(calling, async {
        sleep(Duration::from_millis(5000)).await;
        stand_still(what, &gateway, &proxy, pause).await;
    });
    let reports: Vec<Report> = reports.into_iter().map(Result::unwrap).collect();
    let (mut live, mut whole, mut answers) = (0, 0, 0);
    for report in &reports {
        live += usize::from(went_on(report));
        let session = stored(&dir, &report.call_sid).await;
        let said = words(&session, Role::Caller).join(" ");
        whole += usize::from(PROCESS_SCRIPT[..3].iter().all(|words| said.matches(words).count() == 1));
        answers += words(&session, Role::Agent).len();
    }
    let log = gateway.log().len() - before;
    eprintln!(
        "{what:?} still for {} s: {live} of {calls} calls go on, {whole} with every word once, {:.1} agent turns and {} B of log a call",
        pause.as_secs(),
        answers as f64 / calls as f64,
        log / calls
    );
    assert_eq!((live, whole), (calls, calls), "{reports:#?}");
    assert!(log / calls < MOST_LOG_BYTES, "{}", gateway.log());
}

fn is_long() -> bool {
    std::env::var("FREEZE").is_ok_and(|form| form == "long")
}

async fn every_pause(what: What) {
    let (calls, pauses): (usize, &[u64]) = if is_long() { (20, &[1, 3, 6, 9]) } else { (5, &[3]) };
    for pause in pauses {
        calls_over_a_pause(what, calls, Duration::from_secs(*pause)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_loses_no_call() {
    every_pause(What::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stands_still_loses_no_call() {
    every_pause(What::Link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_its_call_with_a_few_lines_of_log() {
    let dir = TempDir::new().unwrap();
    let gateway = GatewayProcess::start(dir.path(), &[("RUST_LOG", "info")]).await;
    gateway.ready().await;
    let audio = json!({ "event": "media", "media": { "payload": "/".repeat(4000) } }).to_string();
    for flood in [Message::text(r#"{"event":"x"}"#), Message::Ping(Vec::new().into()), Message::text(audio)] {
        let before = gateway.log().len();
        let sid = call_sid();
        let mut socket = gateway.wire().stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        let flooding = async {
            use futures_util::SinkExt as _;
            while socket.0.send(flood.clone()).await.is_ok() {}
        };
        tokio::time::timeout(Duration::from_secs(30), flooding).await.expect("the flood is stopped");
        assert_eq!(stored(&dir, &sid).await.end_reason, "disconnected");
        let log = gateway.log()[before..].to_owned();
        assert_eq!(log.matches("not a carrier").count(), 1, "{log}");
        assert!(log.len() < MOST_LOG_BYTES, "{} bytes: {}", log.len(), &log[..MOST_LOG_BYTES]);
    }
}

/// The call does not end at once: its last words are awaited, and meanwhile the socket is closed, and read no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_in_the_middle_of_a_sentence_ends_its_call_with_a_few_lines_of_log_as_well() {
    use futures_util::SinkExt as _;
    let dir = TempDir::new().unwrap();
    let gateway = GatewayProcess::start(dir.path(), &[("RUST_LOG", "info"), ("TEST_EARS_MS", "1500")]).await;
    gateway.ready().await;
    let speech = audio("goforward").unwrap();
    for flood in [Message::text(r#"{"event":"x"}"#), Message::Ping(Vec::new().into())] {
        let before = gateway.log().len();
        let sid = call_sid();
        let mut socket = gateway.wire().stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for (n, frame) in (0..).zip(speech.chunks(160).take(80)) {
            pace.tick().await;
            socket.send(&media(Some(n * 20), frame)).await;
        }
        let flooding = async { while socket.0.send(flood.clone()).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(30), flooding).await.expect("the flood is stopped");
        drop(socket);
        let session = stored(&dir, &sid).await;
        assert_eq!(session.end_reason, "disconnected");
        assert_eq!(words(&session, Role::Caller), [PROCESS_SCRIPT[0]], "its last words are awaited");
        let log = gateway.log()[before..].to_owned();
        assert!(log.len() < MOST_LOG_BYTES, "{} bytes: {}", log.len(), &log[..MOST_LOG_BYTES]);
        assert_eq!(log.matches("not a carrier").count(), 1, "{log}");
    }
}
