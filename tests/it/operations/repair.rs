//! Repairing what somebody else has put in the place of our keys.

use redial_identity::UserId;
use redial_store::directory::Directory as _;
use redial_store::redis::{RedisStore, RepairError, RepairOutcome};
use redial_store::settings::StoreSettings;
use redial_store::store::Store as _;
use redis::aio::MultiplexedConnection;
use secrecy::SecretString;

use super::{Desk, bytes_in, holds};
use crate::support::redis::RedisServer;

async fn bench() -> (RedisServer, RedisStore, MultiplexedConnection) {
    let server = RedisServer::start().await;
    let store = RedisStore::connect(&SecretString::from(server.url()), StoreSettings::default()).unwrap();
    store.health().await.unwrap();
    let raw = server.raw().await;
    (server, store, raw)
}

async fn run(redis: &mut MultiplexedConnection, command: &[&str]) {
    let (name, args) = command.split_first().unwrap();
    redis::cmd(name).arg(args).query_async::<redis::Value>(redis).await.unwrap();
}

async fn kind(redis: &mut MultiplexedConnection, key: &str) -> String {
    redis::cmd("TYPE").arg(key).query_async(redis).await.unwrap()
}

async fn ttl(redis: &mut MultiplexedConnection, key: &str) -> i64 {
    redis::cmd("TTL").arg(key).query_async(redis).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_text_become_hashes_and_a_list_becomes_an_index() {
    let (_server, store, mut redis) = bench().await;
    let session = include_str!("../../../fixtures/import/sarah/session.json");
    let profile = include_str!("../../../fixtures/import/sarah/user_profile.json");
    let uid = "7f3b2c1a-0d4e-4a55-9c1e-1b2f3a4c5d6e";
    let (profile_key, index_key) = (format!("sarah:user:{uid}:profile"), format!("sarah:user:{uid}:sessions"));
    run(&mut redis, &["SET", "sarah:session:MZ1", session, "EX", "600"]).await;
    run(&mut redis, &["SET", &profile_key, profile]).await;
    run(&mut redis, &["RPUSH", &index_key, "MZ1", "MZ0", "MZ1", "not an id"]).await;
    assert!(store.load_session(&"MZ1".parse().unwrap()).await.is_err());

    let repaired = store.repair("sarah:session:MZ1").await.unwrap();
    assert_eq!(
        (repaired.found.as_str(), repaired.wanted, repaired.outcome),
        ("string", "hash", RepairOutcome::Converted)
    );
    assert_eq!(repaired.aside.as_deref(), Some("sarah:session:MZ1:aside"));
    let read = store.load_session(&"MZ1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((read.user_id.as_str(), read.conversation_history.len()), (uid, 2));
    assert!((500..=600).contains(&ttl(&mut redis, "sarah:session:MZ1").await), "the TTL goes on");

    let repaired = store.repair(&index_key).await.unwrap();
    assert_eq!(
        (repaired.found.as_str(), repaired.wanted, repaired.outcome),
        ("list", "zset", RepairOutcome::Converted)
    );
    let repaired = store.repair(&profile_key).await.unwrap();
    assert_eq!(repaired.outcome, RepairOutcome::Converted);
    let entry = store.user(&UserId::parse(uid).unwrap()).await.unwrap().unwrap();
    assert_eq!(entry.profile.unwrap().name.unwrap().say, "Ana");
    assert_eq!((entry.calls, entry.sessions), (2, vec!["MZ1".parse().unwrap(), "MZ0".parse().unwrap()]));
    for key in [&profile_key, &index_key] {
        assert!(ttl(&mut redis, key).await > 89 * 86_400, "{key}");
        let aside = ttl(&mut redis, &format!("{key}:aside")).await;
        assert!((1..=30 * 86_400).contains(&aside), "{key}: {aside}");
        assert_eq!(store.repair(key).await.unwrap().outcome, RepairOutcome::Sound);
    }
    // What is aside is nobody's caller or session, and is still found by an erasure.
    assert_eq!(store.figures().await.unwrap().sessions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_moved_aside_whole() {
    let (_server, store, mut redis) = bench().await;
    run(&mut redis, &["SADD", "sarah:phone:H", "one", "two"]).await;
    run(&mut redis, &["SET", "sarah:session:CA1", "no JSON"]).await;
    run(&mut redis, &["HSET", "sarah:session:CA2", "v", "1", "doc", "no JSON", "uid", "u_1", "ended", "1"]).await;
    run(&mut redis, &["SET", "sarah:user:u_1:profile", "[]", "EX", "60"]).await;
    for key in ["sarah:phone:H", "sarah:session:CA1", "sarah:session:CA2", "sarah:user:u_1:profile"] {
        let before = kind(&mut redis, key).await;
        let repaired = store.repair(key).await.unwrap();
        assert_eq!(repaired.outcome, RepairOutcome::MovedAside, "{key}");
        assert_eq!(kind(&mut redis, key).await, "none", "{key}");
        assert_eq!(kind(&mut redis, &format!("{key}:aside")).await, before, "{key}");
        assert!(matches!(store.repair(key).await, Err(RepairError::Missing(_))), "{key}");
    }
    assert!(ttl(&mut redis, "sarah:user:u_1:profile:aside").await <= 60);
    // A second one has no place.
    run(&mut redis, &["SADD", "sarah:phone:H", "three"]).await;
    assert!(matches!(store.repair("sarah:phone:H").await, Err(RepairError::Taken(_))));
    assert_eq!(kind(&mut redis, "sarah:phone:H").await, "set");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_others_and_of_newer_versions_are_left_alone() {
    let (_server, store, mut redis) = bench().await;
    run(&mut redis, &["HSET", "sarah:user:u_1:profile", "v", "99", "rev", "1", "calls", "1", "doc", "{}"]).await;
    assert!(matches!(store.repair("sarah:user:u_1:profile").await, Err(RepairError::Newer(_))));
    for key in ["", "*", "other:key", "sarah:notes", "sarah:session:a:b", "sarah:session:CA1:aside"] {
        assert!(matches!(store.repair(key).await, Err(RepairError::NotOurs(_))), "{key}");
    }
    assert_eq!(kind(&mut redis, "sarah:user:u_1:profile").await, "hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_along_what_was_moved_aside() {
    let desk = Desk::redis().await;
    let session = desk.call(super::ANA, "CA1", &["The zebracorn is ill."]).await;
    let server = desk.server.as_ref().unwrap();
    let mut redis = server.raw().await;
    let key = format!("sarah:user:{}:profile", session.user_id);
    run(&mut redis, &["DEL", &key]).await;
    run(&mut redis, &["SET", &key, "zebracorn, not JSON"]).await;
    let store = RedisStore::connect(&SecretString::from(server.url()), StoreSettings::default()).unwrap();
    store.repair(&key).await.unwrap();
    assert!(holds(&bytes_in(server).await, "zebracorn"));
    let receipt = desk.operations().forget(&desk.subject(super::ANA)).await.unwrap();
    assert!(receipt.complete, "{receipt:?}");
    assert!(!holds(&bytes_in(server).await, "zebracorn"));
}
