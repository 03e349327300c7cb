//! Which server answers, and in what condition: identity, findings, the pepper, and what the log says.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use redial_store::redis::RedisOptions;
use redial_store::store::ServerId;
use tokio::sync::watch;
use tracing::subscriber::DefaultGuard;

use super::*;

pub(super) fn connect_with(url: &str, options: RedisOptions) -> RedisStore {
    RedisStore::connect_with(&url.into(), StoreSettings::default(), options).unwrap()
}

pub(super) fn looking_often() -> RedisOptions {
    RedisOptions { health_interval: Duration::from_millis(200), ..RedisOptions::default() }
}

/// Waits until a server answers that is not `last`.
pub(super) async fn another(server: &mut watch::Receiver<Option<ServerId>>, last: Option<&ServerId>) -> ServerId {
    let other = server.wait_for(|id| id.is_some() && id.as_ref() != last);
    tokio::time::timeout(Duration::from_secs(30), other)
        .await
        .expect("another server answers")
        .unwrap()
        .clone()
        .unwrap()
}

async fn lost(server: &mut watch::Receiver<Option<ServerId>>) {
    let none = server.wait_for(Option::is_none);
    tokio::time::timeout(Duration::from_secs(10), none).await.expect("no server answers").unwrap();
}

async fn cut_connections(raw: &mut MultiplexedConnection) {
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
    let _: u32 = kill.query_async(raw).await.unwrap();
}

async fn config_set(raw: &mut MultiplexedConnection, name: &str, value: &str) {
    let () = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async(raw).await.unwrap();
}

/// Waits until the health report has, or has no more, a finding with `part` in it.
pub(super) async fn until_found(store: &RedisStore, part: &str, expected: bool) {
    eventually(|| async {
        let findings = store.health().await.unwrap().findings;
        if findings.iter().any(|finding| finding.contains(part)) == expected { Ok(()) } else { Err(findings) }
    })
    .await;
}

/// Collects what this thread logs.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    pub(super) fn count(&self, part: &str) -> usize {
        self.text().matches(part).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_restarted_server_is_another_one() {
    let mut server = RedisServer::start().await;
    let store = store(&server).await;
    let mut id = store.server();
    let first = another(&mut id, None).await;
    server.kill();
    lost(&mut id).await;
    server.restart().await;
    let second = another(&mut id, None).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_server_that_was_only_out_of_reach_is_the_same() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    let mut id = store.server();
    let first = another(&mut id, None).await;
    cut_connections(&mut raw).await;
    lost(&mut id).await;
    assert_eq!(another(&mut id, None).await, first);
    assert_eq!(log.count("keeps nothing on disk"), 1, "{}", log.text());
}

#[tokio::test]
async fn a_server_whose_data_has_another_history_is_another_one() {
    let server = RedisServer::start_with(&["--enable-debug-command", "yes"]).await;
    let store = connect_with(&server.url(), looking_often());
    let mut id = store.server();
    let first = another(&mut id, None).await;
    // As after a failover and back, without a lost connection.
    let mut raw = server.raw().await;
    let () = redis::cmd("DEBUG").arg("CHANGE-REPL-ID").query_async(&mut raw).await.unwrap();
    another(&mut id, Some(&first)).await;
}

#[tokio::test]
async fn a_server_that_does_not_say_who_it_is_is_new_at_each_connection() {
    let (log, _guard) = Log::start();
    let user = "gateway on >word ~sarah:* -@all +@read +@write -@dangerous +eval +evalsha +ping";
    let mut args = vec!["--user"];
    args.extend(user.split_whitespace());
    let server = RedisServer::start_with(&args).await;
    let store = connect_with(&server.url().replace("//", "//gateway:word@"), looking_often());
    let mut id = store.server();
    let first = another(&mut id, None).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*id.borrow(), Some(first.clone()), "looking again changes nothing");
    cut_connections(&mut server.raw().await).await;
    another(&mut id, Some(&first)).await;
    eventually(|| store.health()).await;
    store.begin_call(&caller()).await.unwrap();

    let findings = store.health().await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.contains("allow +info")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.contains("allow +time")), "{findings:?}");
    assert_eq!(log.count("INFO is forbidden"), 1, "{}", log.text());
}

#[tokio::test]
async fn what_would_cost_callers_is_found_and_said_once() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]).await;
    let store = connect_with(&server.url(), looking_often());
    for part in ["allkeys-lru", "keeps nothing on disk", "the user is `default`"] {
        until_found(&store, part, true).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for part in ["allkeys-lru", "keeps nothing on disk", "the user is `default`", "a crash costs everything"] {
        assert_eq!(log.count(part), 1, "{part}: {}", log.text());
    }
    assert_eq!(log.count("WARN"), 3, "{}", log.text());

    let mut raw = server.raw().await;
    config_set(&mut raw, "maxmemory-policy", "noeviction").await;
    config_set(&mut raw, "appendonly", "yes").await;
    until_found(&store, "allkeys-lru", false).await;
    until_found(&store, "on disk", false).await;
}

#[tokio::test]
async fn evicted_keys_are_found() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let store = connect_with(&server.url(), looking_often());
    let mut raw = server.raw().await;
    store.begin_call(&caller()).await.unwrap();
    config_set(&mut raw, "maxmemory", "1").await;
    let _ = store.begin_call(&caller()).await;
    until_found(&store, "forgotten already", true).await;
    let findings = store.health().await.unwrap().findings;
    assert_eq!(findings.iter().filter(|finding| finding.contains("maxmemory")).count(), 1, "{findings:?}");
}

#[tokio::test]
async fn another_pepper_is_refused_until_the_keys_are_its_own() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start().await;
    let with = |check: &str| RedisOptions { pepper_check: Some(check.to_owned()), ..RedisOptions::default() };
    let first = connect_with(&server.url(), with("one"));
    first.begin_call(&caller()).await.unwrap();
    connect_with(&server.url(), with("one")).begin_call(&caller()).await.unwrap();

    let second = connect_with(&server.url(), with("two"));
    // Each link finds out for itself.
    eventually(|| async {
        let advice = advice(second.load_session(&"CA1".parse().unwrap()).await);
        if advice.contains("still being connected") { Err(advice) } else { Ok(()) }
    })
    .await;
    for advice in [
        advice(second.health().await),
        advice(second.begin_call(&caller()).await),
        advice(second.commit_session(&hang_up("CA1", 1, NOON, 0)).await),
        advice(second.load_session(&"CA1".parse().unwrap()).await),
    ] {
        assert!(advice.contains("MEMORY_PHONE_PEPPER"), "{advice}");
    }
    assert_eq!(log.count("ERROR"), 1, "{}", log.text());
    assert!(log.text().contains("another pepper is in use"), "{}", log.text());

    let mut raw = server.raw().await;
    assert_eq!(raw.get("sarah:meta:pepper").await.unwrap().as_deref(), Some("one"));
    assert_eq!(ttl_s(&mut raw, "sarah:meta:pepper").await, -1);
    drop(first);
    raw.del("sarah:meta:pepper").await.unwrap();
    eventually(|| async { second.begin_call(&caller()).await }).await;
    assert_eq!(raw.get("sarah:meta:pepper").await.unwrap().as_deref(), Some("two"));
}

#[tokio::test]
async fn a_pepper_that_cannot_be_checked_does_not_stop_calls() {
    let user = "gateway on >word ~sarah:phone:* ~sarah:user:* ~sarah:session:* ~sarah:done:* -@all +@read +@write \
                -@dangerous +eval +evalsha +ping +info +role +time";
    let mut args = vec!["--user"];
    args.extend(user.split_whitespace());
    let server = RedisServer::start_with(&args).await;
    let options = RedisOptions { pepper_check: Some("one".to_owned()), ..looking_often() };
    let store = connect_with(&server.url().replace("//", "//gateway:word@"), options);
    store.begin_call(&caller()).await.unwrap();
    until_found(&store, "same pepper could not be checked", true).await;
}

#[tokio::test]
async fn the_documented_acl_user_lets_everything_but_the_disk_be_checked() {
    let rules = "~sarah:* ~conversation:* -@all +@read +@write -@dangerous +eval +evalsha +ping +info \
                 +role +wait +time +select +hello +multi +exec";
    let user = format!("gateway on >word {rules}");
    let mut args = vec!["--appendonly", "yes", "--user"];
    args.extend(user.split_whitespace());
    let server = RedisServer::start_with(&args).await;
    let options = RedisOptions { pepper_check: Some("one".to_owned()), ..looking_often() };
    let store = connect_with(&server.url().replace("//", "//gateway:word@"), options);
    store.begin_call(&caller()).await.unwrap();
    until_found(&store, "CONFIG is forbidden", true).await;
    assert_eq!(store.health().await.unwrap().findings.len(), 1);
}

#[tokio::test]
async fn connecting_losing_and_finding_again_is_logged_in_the_known_words() {
    let (log, _guard) = Log::start();
    let mut server = RedisServer::start().await;
    let store = store(&server).await;
    assert_eq!(log.count("SessionManager: Redis connection established"), 1, "{}", log.text());
    store.commit_session(&hang_up("CA1", 5, NOON, 0)).await.unwrap();
    store.load_session(&"CA1".parse().unwrap()).await.unwrap().unwrap();
    assert!(log.text().contains("Session saved for chat_id: CA1, 5 messages, TTL: 86400s"), "{}", log.text());
    assert!(log.text().contains("Session retrieved for chat_id: CA1, 5 messages"), "{}", log.text());
    server.kill();
    let failed = "⚠️ Redis connection failed, using this process's own queue for hang-ups, and no memory for new calls: \
                  Connection refused: nothing listens there";
    eventually(|| async { if log.text().contains(failed) { Ok(()) } else { Err(log.text()) } }).await;
    assert!(log.text().contains("error_class=\"refused\""), "{}", log.text());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.count(failed), 1, "not again with every attempt");
    server.restart().await;
    eventually(|| store.health()).await;
    assert_eq!(log.count("SessionManager: Redis connection established"), 2, "{}", log.text());
}

#[tokio::test]
async fn each_known_trouble_is_logged_in_the_words_that_operators_look_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("redis://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let locked = RedisServer::start_with(&["--requirepass", "word"]).await;
    let plain = RedisServer::start().await;
    for (url, words, way_out) in [
        (
            format!("redis://127.0.0.1:{}", free_port()),
            "Connection refused",
            "check that Redis runs, and the host and port",
        ),
        (locked.url(), "NOAUTH Authentication required", "REDIS_PASSWORD"),
        (plain.url().replace("redis:", "rediss:"), "connecting timed out", "REDIS_SSL=false"),
        (silent, "connecting timed out", "the firewall between"),
    ] {
        let (log, _guard) = Log::start();
        let _store = connect(&url, StoreSettings::default());
        eventually(|| async { if log.text().contains(words) { Ok(()) } else { Err(log.text()) } }).await;
        assert!(log.text().contains(way_out), "{}", log.text());
    }
}
