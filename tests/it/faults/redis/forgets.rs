//! Redis forgets while it runs, or comes back as it was once: what was delivered lately is sent again, and who was erased
//! since stays so.

use std::time::{Duration, Instant};

use redial_identity::UserId;
use redial_store::spool::SpoolSettings;
use tempfile::TempDir;

use super::clocks::{Machine, Skew};
use crate::faults::bed::contents::Contents;
use crate::support::redis::RedisServer;

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until Redis is as wanted; what it holds then.
async fn eventually(server: &RedisServer, what: &str, wanted: impl Fn(&Contents) -> bool) -> Contents {
    let (mut raw, deadline) = (server.raw().await, Instant::now() + PATIENCE);
    loop {
        let contents = Contents::of(&mut raw).await;
        if wanted(&contents) {
            return contents;
        }
        assert!(Instant::now() < deadline, "{what}: never; there is\n{}", contents.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the mark by which a server shows that it has not forgotten is there.
async fn marked(server: &RedisServer) {
    eventually(server, "a mark", |contents| contents.text().contains("sarah:meta:marker:")).await;
}

async fn tell(server: &RedisServer, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.exec_async(&mut server.raw().await).await.unwrap();
}

/// All that was said is there, and each call counts once.
fn is_whole(contents: &Contents, said: &[String]) -> bool {
    let sessions = contents.sessions();
    let counted: u64 = contents.profiles().values().map(|(calls, _)| calls).sum();
    said.iter().all(|sid| sessions.contains_key(sid)) && counted == said.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_flushed_under_us_gets_the_last_hour_again() {
    let (server, dir) = (RedisServer::start().await, TempDir::new().unwrap());
    let mut machine = Machine::with("flush", dir.path(), &server, Skew::of(0), SpoolSettings::default());
    let mut said = machine.round().await;
    assert!(machine.spool.delivered(PATIENCE).await);
    marked(&server).await;
    for _ in 0..2 {
        tell(&server, &["FLUSHALL"]).await;
        eventually(&server, "all that was delivered", |contents| is_whole(contents, &said)).await;
        marked(&server).await;
        said.extend(machine.round().await);
        assert!(machine.spool.delivered(PATIENCE).await);
    }
    eventually(&server, "all of it, once", |contents| is_whole(contents, &said)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_back_to_a_snapshot_gets_what_it_lacks() {
    let server = RedisServer::start_with(&["--enable-debug-command", "yes"]).await;
    let dir = TempDir::new().unwrap();
    let mut machine = Machine::with("back", dir.path(), &server, Skew::of(0), SpoolSettings::default());
    let mut said = machine.round().await;
    assert!(machine.spool.delivered(PATIENCE).await);
    marked(&server).await;
    let text = async || Contents::of(&mut server.raw().await).await.text();
    let mark = |text: String| text.lines().find(|line| line.starts_with("sarah:meta:marker:")).map(str::to_owned);
    tell(&server, &["SAVE"]).await;
    let then = mark(text().await);
    said.extend(machine.round().await);
    assert!(machine.spool.delivered(PATIENCE).await);
    let deadline = Instant::now() + PATIENCE;
    while mark(text().await) == then {
        assert!(Instant::now() < deadline, "the mark does not move although more is delivered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The same process with the same run id, and what it held once.
    tell(&server, &["DEBUG", "RELOAD", "NOSAVE"]).await;
    eventually(&server, "all that was delivered since", |contents| is_whole(contents, &said)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_does_not_come_back_with_an_older_snapshot() {
    let (mut server, dir) = (RedisServer::start().await, TempDir::new().unwrap());
    let settings = SpoolSettings { replay: Duration::from_secs(1), ..SpoolSettings::default() };
    let mut machine = Machine::with("erased", dir.path(), &server, Skew::of(0), settings);
    machine.round().await;
    assert!(machine.spool.delivered(PATIENCE).await);
    tell(&server, &["SAVE"]).await;
    let ana = UserId::parse("u_0").unwrap();
    machine.spool.forget(&ana).await.unwrap();
    assert!(machine.spool.delivered(PATIENCE).await);
    let holds_ana = |contents: &Contents| {
        let profile = contents.profiles().contains_key("u_0");
        profile || contents.sessions().keys().any(|sid| sid.starts_with("erased_0"))
    };
    eventually(&server, "nothing of her", |contents| !holds_ana(contents)).await;
    // The window is over: the outbox has nothing left to send again, the erasure included.
    let deadline = Instant::now() + PATIENCE;
    while machine.spool.figures().await.unwrap().delivered > 0 {
        assert!(Instant::now() < deadline, "the window never ends");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.kill();
    server.restart().await;
    assert!(holds_ana(&Contents::of(&mut server.raw().await).await), "the snapshot has her");
    let contents = eventually(&server, "nothing of her again", |contents| !holds_ana(contents)).await;
    assert!(contents.profiles().contains_key("u_1"), "and the others");
    assert!(contents.text().contains("sarah:user:u_0:gone"), "nothing late brings her back");
}
