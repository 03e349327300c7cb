//! The tagged layout on one server: which keys there are, and what an interruption leaves.

use std::collections::BTreeSet;

use redial_store::directory::{Directory, Erased, Page, ProfileChange};
use redial_store::mirror::{LiveCall, Mirror};
use redial_store::redis::{Layout, RedisOptions};

use super::directory::{call_of, commit_of, cut_off, keys, set};
use super::*;
use crate::support::indexed;

async fn tagged(server: &RedisServer) -> RedisStore {
    tagged_with(server, StoreSettings::default()).await
}

async fn tagged_with(server: &RedisServer, settings: StoreSettings) -> RedisStore {
    let options = RedisOptions { layout: Some(Layout::Tagged), ..RedisOptions::default() };
    let store = RedisStore::connect_with(&server.url().into(), settings, options).unwrap();
    eventually(|| store.health()).await;
    store
}

async fn flush(raw: &mut MultiplexedConnection) {
    redis::cmd("FLUSHDB").query_async::<()>(raw).await.unwrap();
}

#[tokio::test]
async fn one_call_leaves_the_tagged_keys_with_their_ttls() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    assert!(store.begin_call(&caller()).await.unwrap().created);
    assert_eq!(store.commit_session(&hang_up("CA1", 3, NOON, 0)).await.unwrap(), Outcome::Applied { revision: 1 });
    let expected = [
        ("sarah:phone:{HASH}", 90 * DAY_S),
        ("sarah:where:CA1", 25 * HOUR_S),
        ("sarah:{u_derived}:done:CA1", 25 * HOUR_S),
        ("sarah:{u_derived}:profile", 90 * DAY_S),
        ("sarah:{u_derived}:session:CA1", DAY_S),
        ("sarah:{u_derived}:sessions", 90 * DAY_S),
    ];
    assert_eq!(keys(&mut raw).await, expected.map(|(key, _)| key.to_owned()).into());
    for (key, ttl) in expected {
        assert_ttl(&mut raw, key, ttl).await;
    }
    // A marker that outlives its session is still found.
    let settings = StoreSettings { session_ttl: Duration::from_secs(60), ..StoreSettings::default() };
    let store = tagged_with(&server, settings).await;
    store.commit_session(&hang_up("CA2", 3, NOON, 1)).await.unwrap();
    assert_ttl(&mut raw, "sarah:where:CA2", 25 * HOUR_S).await;
}

#[tokio::test]
async fn a_live_call_is_mirrored_in_one_slot() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    let call = LiveCall {
        session_id: "CA1".parse().unwrap(),
        user_id: user("u_derived"),
        hash: caller().hash,
        started_at: NOON,
        instance: "one".to_owned(),
        summary: String::new(),
    };
    store.begin(&call, &[], 0).await;
    store.turn(&"CA1".parse().unwrap(), &call.instance, &session("CA1", 1, NOON).conversation_history[0], 1).await;
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap().unwrap().call, call);
    let mirrors = ["call", "messages", "summary", "turns"].map(|what| format!("conversation:{what}:{{CA1}}"));
    assert_eq!(keys(&mut raw).await, mirrors.into());

    store.commit_session(&hang_up("CA1", 1, NOON, 0)).await.unwrap();
    let erased = store.erase(&user("u_derived")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 1, profiles: 1, sessions: 1, markers: 1, mirrors: 4 });
    assert_eq!(keys(&mut raw).await, ["sarah:{u_derived}:gone".to_owned()].into());
}

#[tokio::test]
async fn a_hang_up_that_was_interrupted_anywhere_counts_once_when_it_is_repeated() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    let mut interrupted = 0;
    for polls in 0.. {
        flush(&mut raw).await;
        let commit = hang_up("CA1", 2, NOON, 0);
        let cut = cut_off(store.commit_session(&commit), polls).await;
        if cut.is_none() {
            interrupted += 1;
            let again = store.commit_session(&commit).await.unwrap();
            assert!(matches!(again, Outcome::Applied { revision: 1 } | Outcome::Duplicate), "{polls}: {again:?}");
        }
        let known = store.begin_call(&caller()).await.unwrap();
        assert_eq!(
            (known.calls, known.revision, indexed(&store, &known.user_id).await),
            (1, 1, vec!["CA1".parse().unwrap()]),
            "{polls}"
        );
        assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some(), "{polls}");
        if cut.is_some() {
            break;
        }
    }
    assert!(interrupted > 3, "{interrupted}");
}

#[tokio::test]
async fn a_place_that_an_interruption_left_is_taken_over() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    set(&mut raw, "sarah:where:CA1", "u_other").await;
    assert_eq!(store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);
    assert_eq!(store.commit_session(&hang_up("CA1", 1, NOON, 0)).await.unwrap(), Outcome::Applied { revision: 1 });
    assert_eq!(raw.get("sarah:where:CA1").await.unwrap().as_deref(), Some("u_derived"));
    assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_place_that_names_nobody_is_reported() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    set(&mut raw, "sarah:where:CA1", "no id: *").await;
    assert_eq!(wrong_key(store.load_session(&"CA1".parse().unwrap()).await), "sarah:where:CA1");
    assert_eq!(wrong_key(store.commit_session(&hang_up("CA1", 1, NOON, 0)).await), "sarah:where:CA1");
    assert_eq!(keys(&mut raw).await, ["sarah:where:CA1".to_owned()].into());
}

#[tokio::test]
async fn a_hang_up_that_is_turned_away_leaves_nothing() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    set(&mut raw, "sarah:phone:{HASH}", "u_other").await;
    let before = everything(&mut raw).await;
    let mapped = Outcome::Mapped { user_id: user("u_other") };
    assert_eq!(store.commit_session(&hang_up("CA1", 1, NOON, 0)).await.unwrap(), mapped);
    assert_eq!(everything(&mut raw).await, before);

    set(&mut raw, "sarah:{u_derived}:gone", "1").await;
    set(&mut raw, "sarah:where:CA2", "u_derived").await;
    let before = keys(&mut raw).await;
    for sid in ["CA1", "CA2"] {
        assert_eq!(store.commit_session(&hang_up(sid, 1, NOON, 0)).await.unwrap(), Outcome::Erased);
    }
    let left = keys(&mut raw).await;
    assert_eq!(before.difference(&left).collect::<Vec<_>>(), ["sarah:where:CA2"]);
    assert!(left.is_subset(&before), "{left:?}");
}

#[tokio::test]
async fn another_users_session_is_not_written_over() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    call_of(&store, "u_other", "CA1", NOON).await;
    let before = everything(&mut raw).await;
    let refused = store.commit_session(&hang_up("CA1", 5, NOON, 0)).await;
    assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");
    assert_eq!(everything(&mut raw).await, before);
}

#[tokio::test]
async fn a_value_of_another_type_is_reported_in_the_tagged_layout_and_nothing_is_written() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    for (key, asked_at_the_start) in [
        ("sarah:phone:{HASH}", true),
        ("sarah:{u_derived}:profile", true),
        ("sarah:{u_derived}:sessions", true),
        ("sarah:{u_derived}:gone", true),
        ("sarah:{u_derived}:session:CA1", false),
        ("sarah:{u_derived}:done:CA1", false),
        ("sarah:where:CA1", false),
    ] {
        flush(&mut raw).await;
        raw.rpush(key, "a list").await.unwrap();
        let before = everything(&mut raw).await;
        assert_eq!(wrong_key(store.commit_session(&hang_up("CA1", 3, NOON, 0)).await), key);
        assert_eq!(everything(&mut raw).await, before, "{key}");
        if asked_at_the_start {
            assert_eq!(wrong_key(store.begin_call(&caller()).await), key);
        }
    }
}

#[tokio::test]
async fn a_tagged_join_that_was_interrupted_anywhere_is_finished_by_repeating_it() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    let (into, absorbed) = (user("u_into"), user("u_absorbed"));
    let joined = profile("both");
    let (mut interrupted, mut met_late_calls) = (0, 0);
    for polls in 0.. {
        flush(&mut raw).await;
        call_of(&store, "u_into", "CA1", NOON).await;
        call_of(&store, "u_absorbed", "CA2", NOON + 1).await;
        call_of(&store, "u_absorbed", "CA3", NOON + 2).await;
        // Of one session only the marker is left, which has to be found all the same.
        redis::cmd("DEL").arg("sarah:{u_absorbed}:session:CA3").query_async::<()>(&mut raw).await.unwrap();
        redis::cmd("EXPIRE").arg("sarah:{u_absorbed}:session:CA2").arg(3000).query_async::<()>(&mut raw).await.unwrap();
        let cut = cut_off(store.merge_users(&absorbed, &into, 1, &joined), polls).await;
        // Every second time a call of theirs hangs up before the join goes on.
        let mut late = polls % 2 == 1 && cut.is_none() && store.user(&absorbed).await.unwrap().is_some();
        if late {
            let outcome = store.commit_session(&commit_of("u_absorbed", "CA4", NOON + 3, 2)).await.unwrap();
            late = matches!(outcome, Outcome::Applied { .. } | Outcome::Conflict { .. });
            met_late_calls += u32::from(late);
        }
        if cut.is_none() {
            interrupted += 1;
            let change = store.merge_users(&absorbed, &into, 1, &joined).await.unwrap();
            assert!(matches!(change, ProfileChange::Applied { .. } | ProfileChange::Unknown), "{polls}: {change:?}");
        }
        let entry = store.user(&into).await.unwrap().unwrap();
        let expected: &[&str] = if late { &["CA4", "CA3", "CA2", "CA1"] } else { &["CA3", "CA2", "CA1"] };
        assert_eq!(entry.sessions, expected, "{polls}");
        assert_eq!((entry.revision, entry.calls), (2, expected.len() as u64), "{polls}");
        assert_eq!(store.user(&absorbed).await.unwrap(), None, "{polls}");
        assert_eq!(store.numbers(&into).await.unwrap().len(), 2, "{polls}");
        let left = keys(&mut raw).await;
        assert!(!left.iter().any(|key| key.contains("{u_absorbed}")), "{polls}: {left:?}");

        let moved = store.load_session(&"CA2".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(moved.user_id, "u_into", "{polls}");
        assert_ttl(&mut raw, "sarah:{u_into}:session:CA2", 3000).await;
        assert_ttl(&mut raw, "sarah:{u_into}:done:CA2", 25 * HOUR_S).await;
        // Delivered again, by somebody who does not know of the join.
        for sid in ["CA2", "CA3"] {
            let again = store.commit_session(&commit_of("u_absorbed", sid, NOON + 1, 0)).await.unwrap();
            assert_eq!(again, Outcome::Duplicate, "{polls}");
        }
        assert_eq!(keys(&mut raw).await, left, "{polls}");
        if cut.is_some() {
            break;
        }
    }
    assert!(interrupted > 10 && met_late_calls > 2, "{interrupted}, {met_late_calls}");
}

#[tokio::test]
async fn a_tagged_erasure_that_was_interrupted_anywhere_is_finished_by_repeating_it() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (tagged(&server).await, server.raw().await);
    for polls in 0.. {
        flush(&mut raw).await;
        call_of(&store, "u_other", "CA9", NOON).await;
        let others = keys(&mut raw).await;
        for sid in ["CA1", "CA2", "CA3"] {
            call_of(&store, "u_derived", sid, NOON).await;
        }
        // Of one the document has expired, another has left the index, and of a third only its place was written.
        redis::cmd("DEL").arg("sarah:{u_derived}:session:CA1").query_async::<()>(&mut raw).await.unwrap();
        redis::cmd("ZREM").arg("sarah:{u_derived}:sessions").arg("CA2").query_async::<()>(&mut raw).await.unwrap();
        set(&mut raw, "sarah:where:CA4", "u_derived").await;
        let cut = cut_off(store.erase(&user("u_derived")), polls).await;
        if cut.is_none() {
            store.erase(&user("u_derived")).await.unwrap();
        }
        let left: BTreeSet<String> = keys(&mut raw).await;
        let new: Vec<&String> = left.difference(&others).collect();
        assert_eq!(new, ["sarah:{u_derived}:gone"], "{polls}");
        assert!(others.is_subset(&left), "{polls}");
        if let Some(erased) = cut {
            assert_eq!(erased.unwrap().sessions, 2);
            break;
        }
    }
}

#[tokio::test]
async fn a_page_that_begins_on_a_server_that_is_none_of_ours_is_refused() {
    let server = RedisServer::start().await;
    let store = tagged(&server).await;
    for after in ["10.0.0.1:7000/5", "127.0.0.1:1/0", "/", "x/y", "0"] {
        let page = Page { after: Some(after.to_owned()), limit: 10 };
        assert!(matches!(store.users(page).await, Err(MemoryError::Refused(_))), "{after}");
    }
}
