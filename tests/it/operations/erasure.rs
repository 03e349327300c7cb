//! After an erasure no byte of the caller's words is left: in Redis, in the data directory, of calls that are over and of
//! one that goes on.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redial::simulate::{HangUp, Report, Script, Step};
use redial_provider::scripted::ScriptedStt;
use redial_provider::stt::{Stt, SttContext, SttStream};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{ANA, BOB, bytes_below, bytes_in, holds};
use crate::support::gateway::{Setup, TestGateway, audio};
use crate::support::line::call_sid;
use crate::support::redis::RedisServer;

const BEFORE: &str = "The zebracorn invoice is wrong.";
const LIVE: &str = "The quagmirage will be late.";
const AFTER: &str = "The wolverdine has arrived.";
const OTHER: &str = "The marmalope is mine.";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// What is unlike anything that the agent says.
const THEIRS: [&str; 3] = ["zebracorn", "quagmirage", "wolverdine"];

/// Hears something else in each call.
struct ByCall(Mutex<VecDeque<ScriptedStt>>);

impl Stt for ByCall {
    fn open(&self, context: SttContext) -> SttStream {
        self.0.lock().unwrap().pop_front().unwrap().open(context)
    }
}

fn hearing(calls: &[&[&str]]) -> Setup {
    let scripts = calls.iter().map(|words| ScriptedStt::new(words.iter().copied())).collect();
    let mut setup = Setup::hearing([""]);
    setup.providers.stt = Arc::new(ByCall(Mutex::new(scripts)));
    setup
}

fn script(sid: &str, from: &str, steps: Vec<Step>) -> Script {
    Script { call_sid: sid.to_owned(), steps, ..Script::new(from, "+18005550199") }
}

fn say(words: &str) -> Step {
    Step::say(words, audio("goforward").unwrap())
}

/// A whole call.
async fn call(gateway: &TestGateway, from: &str) {
    let sid = call_sid();
    let steps = vec![say("once"), Step::Wait(Duration::from_secs(3)), Step::HangUp(HangUp::Normal)];
    gateway.simulator().call(script(&sid, from, steps)).await.unwrap();
    gateway.session(&sid).await;
    gateway.idle().await;
}

/// A call that says something, goes on, and says something else.
fn long_call(gateway: &TestGateway, from: &'static str) -> JoinHandle<Report> {
    let simulator = gateway.simulator();
    let steps = vec![
        say("first"),
        Step::Wait(Duration::from_secs(16)),
        say("second"),
        Step::Wait(Duration::from_secs(3)),
        Step::HangUp(HangUp::Normal),
    ];
    tokio::spawn(async move { simulator.call(script(&call_sid(), from, steps)).await.unwrap() })
}

async fn eventually(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn left(bytes: &[u8]) -> Vec<&'static str> {
    THEIRS.into_iter().filter(|words| holds(bytes, words)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_redis_and_on_the_disk_also_of_a_live_call() {
    let server = RedisServer::start().await;
    let gateway = hearing(&[&[BEFORE], &[OTHER], &[LIVE, AFTER]])
        .var("REDIS_URL", &server.url())
        .var("CALL_LOG", "true")
        .var("ADMIN_ADDR", "127.0.0.1:0")
        .var("ADMIN_TOKEN", TOKEN)
        .start()
        .await;
    call(&gateway, ANA).await;
    call(&gateway, BOB).await;
    let live = long_call(&gateway, ANA);
    let wait = Duration::from_secs(12);
    eventually("the live call is in journal, log and mirror", wait, async || {
        let (disk, redis) = (bytes_below(gateway.dir.path()), bytes_in(&server).await);
        holds(&disk, "quagmirage") && holds(&redis, "quagmirage")
    })
    .await;
    assert_eq!(left(&bytes_in(&server).await), ["zebracorn", "quagmirage"], "else there is nothing to erase");

    let url = format!("http://{}/api/v1/callers/forget", gateway.gateway.admin_address().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).bearer_auth(TOKEN).json(&json!({ "caller": ANA })).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let receipt: Value = answer.json().await.unwrap();
    assert_eq!(receipt["erased"][0]["live_calls"], 1, "{receipt}");
    assert_eq!(receipt["erased"][0]["here"]["calls"], 1, "{receipt}");
    assert_eq!(receipt["erased"][0]["here"]["call_logs"], 2, "{receipt}");
    assert_eq!(receipt["erased"][0]["store"]["sessions"], 1, "{receipt}");
    assert!(!receipt.to_string().contains("4155550147"), "{receipt}");

    assert_eq!(left(&bytes_below(gateway.dir.path())), [""; 0], "on the disk");
    assert_eq!(left(&bytes_in(&server).await), [""; 0], "in Redis");
    live.await.unwrap();
    gateway.idle().await;
    assert!(gateway.gateway.shut_down(Duration::from_secs(10), redial::gateway::RunningCalls::Finish).await);
    let (disk, redis) = (bytes_below(gateway.dir.path()), bytes_in(&server).await);
    assert_eq!((left(&disk), left(&redis)), (vec![], vec![]), "after the hang-up");
    assert!(holds(&redis, "marmalope"), "somebody else is still remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_beside_a_running_gateway_leaves_nothing_either() {
    let gateway = hearing(&[&[BEFORE], &[LIVE, AFTER]]).var("CALL_LOG", "true").start().await;
    let dir = gateway.dir.path().to_owned();
    call(&gateway, ANA).await;
    let live = long_call(&gateway, ANA);
    eventually("the live call is in the journal", Duration::from_secs(12), async || {
        holds(&bytes_below(&dir), "quagmirage")
    })
    .await;
    let output = tokio::task::spawn_blocking({
        let dir = dir.clone();
        move || forget(&dir, ANA)
    });
    let text = output.await.unwrap();
    assert!(text.contains("Erased."), "{text}");
    assert!(!text.contains("4155550147"), "{text}");
    assert!(text.contains("redial::audit") && text.contains("callers.forget"), "{text}");
    assert_eq!(left(&bytes_below(&dir)), [""; 0], "on the disk");
    live.await.unwrap();
    gateway.idle().await;
    assert!(gateway.gateway.shut_down(Duration::from_secs(10), redial::gateway::RunningCalls::Finish).await);
    assert_eq!(left(&bytes_below(&dir)), [""; 0], "after the hang-up");
}

fn forget(dir: &Path, number: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_redial"))
        .args(["caller", "forget", number])
        .env_clear()
        .env("DATA_DIR", dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}
