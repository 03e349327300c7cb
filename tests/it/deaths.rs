//! Threads and long tasks that die. What kills them here is what anybody may install: a recorder of metrics that breaks.
//!
//! Each of these tests needs a process of its own, as nextest gives it one: there is one recorder a process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::Message;
use redial_store::clock;
use redial_store::spool::{OpenCall, Spool, SpoolSettings};
use redial_store::sqlite::Database;

use crate::support::gateway::{Setup, TestGateway};
use crate::support::line::{call_sid, fields};
use crate::support::metrics::BrokenRecorder;

const WITHIN: Duration = Duration::from_secs(60);

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn installed(recorder: BrokenRecorder) -> BrokenRecorder {
    metrics::set_global_recorder(recorder.clone()).expect("this test needs a process of its own");
    recorder
}

/// Status and text of an answer.
async fn get(url: String) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn is_ready(gateway: &TestGateway) -> bool {
    get(gateway.url("/readyz")).await.0 == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_sweeper_and_outbox_are_started_again_when_they_die() {
    let parts = [
        ("public listener", "redial_connections public"),
        ("operators listener", "redial_connections operators"),
        ("sweeper", "redial_calls"),
        ("outbox", "redial_outbox_waiting"),
    ];
    let broken = |recorder: BrokenRecorder, (_, metric): &(&str, &str)| recorder.breaking(metric, 1);
    let recorder = installed(parts.iter().fold(BrokenRecorder::default(), broken));
    let gateway = Setup::hearing([""]).start().await;
    for (part, metric) in parts {
        eventually(part, async || recorder.recorded(metric) > 0).await;
        assert_eq!(recorder.recorded(&format!("redial_restarts_total {part}")), 1, "{part}");
    }
    assert!(is_ready(&gateway).await);
    let (status, detail) = get(gateway.operators_url("/readyz")).await;
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!((status, &detail["failing"]), (200, &serde_json::json!([])), "{detail}");
    gateway.ring(&call_sid(), "+14155550123").await;
    assert!(gateway.gateway.shut_down(Duration::ZERO, redial::gateway::RunningCalls::Finish).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_a_part_that_keeps_dying_says_so_and_takes_no_calls() {
    installed(BrokenRecorder::default().breaking("redial_calls", u32::MAX));
    let gateway = Setup::hearing([""]).start().await;
    eventually("it is still ready", async || !is_ready(&gateway).await).await;
    let (status, detail) = get(gateway.operators_url("/readyz")).await;
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(status, 503);
    assert_eq!(detail["accepting_calls"], false);
    assert_eq!(detail["failing"], serde_json::json!(["sweeper"]), "{detail}");
    let (status, _) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert_eq!(status, 503, "the carrier is to ask another instance");
}

fn caller() -> Caller {
    Caller { user_id: UserId::parse("u_a").unwrap(), hash: Some(PhoneHash::parse("hu_a").unwrap()) }
}

fn message(id: u32, text: &str) -> Message {
    let (cut, never_sent, text, start_ms) = (String::new(), String::new(), text.to_owned(), u64::from(id) * 1000);
    let (id, role, via, end_ms) = (TurnId(id), Role::Caller, Via::Voice, start_ms + 500);
    Message { turn: Turn { id, role, via, text, cut, never_sent, acts: Vec::new(), start_ms, end_ms } }
}

fn open_spool() -> Spool {
    let database = Arc::new(Database::open_in_memory(clock::system()).unwrap());
    Spool::open(database, None, SpoolSettings::default()).unwrap()
}

fn begin(spool: &Spool) {
    let (sid, parameters, turns, summary) = ("CA1".to_owned(), Vec::new(), Vec::new(), String::new());
    spool.begin(OpenCall {
        session_id: sid.parse().unwrap(),
        caller: caller(),
        started_at: 1_763_690_000_000,
        parameters,
        turns,
        summary,
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_dies_goes_on_and_has_every_turn() {
    let recorder = installed(BrokenRecorder::default().breaking("redial_journal_seconds", 2));
    let spool = open_spool();
    begin(&spool);
    for (id, text) in [(1, "Hello"), (2, "I need a plumber"), (3, "Goodbye")] {
        let kept = tokio::time::timeout(WITHIN, spool.turn(&"CA1".parse().unwrap(), message(id, text))).await;
        kept.expect("nobody answers").expect("nobody keeps it");
    }
    assert_eq!(recorder.recorded("redial_restarts_total journal"), 2);
    eventually("it says that nothing is kept", async || !spool.is_degraded()).await;
    let found = spool.resume(&"CA1".parse().unwrap(), caller().hash.as_ref()).await.unwrap().unwrap();
    let words: Vec<&str> = found.turns.iter().map(|message| message.turn.text.as_str()).collect();
    assert_eq!(words, ["Hello", "I need a plumber", "Goodbye"]);
}

#[test]
fn a_journal_that_nobody_writes_any_more_says_so_and_tells_whoever_waits() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let writing = runtime();
    let spool = {
        let _entered = writing.enter();
        open_spool()
    };
    begin(&spool);
    assert!(!spool.is_degraded());
    writing.shutdown_timeout(WITHIN);
    assert!(spool.is_degraded(), "what is said now is kept nowhere");
    let kept = spool.turn(&"CA1".parse().unwrap(), message(1, "Hello"));
    assert!(runtime().block_on(async { tokio::time::timeout(WITHIN, kept).await }).expect("nobody answers").is_err());
}
