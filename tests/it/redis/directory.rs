//! The operators' side against a real server: which keys it touches, and what an interruption leaves.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use redial_memory::session_id::SessionId;
use redial_store::directory::{Directory, Erased, Page, ProfileChange};

use super::*;

const FOREIGN: [&str; 6] = [
    "sarah2:user:u_derived:profile",
    "sarah:eu:phone:HASH",
    "sarah:user:u_derived:notes",
    "sarah:session:CA1:draft",
    "conversation:messages:CA10",
    "other",
];

pub(super) async fn set(raw: &mut MultiplexedConnection, key: &str, value: &str) {
    redis::cmd("SET").arg(key).arg(value).query_async::<()>(raw).await.unwrap();
}

pub(super) async fn keys(raw: &mut MultiplexedConnection) -> BTreeSet<String> {
    everything(raw).await.into_keys().collect()
}

/// Writes one call of another user's, with a number of their own.
pub(super) async fn call_of(store: &RedisStore, id: &str, sid: &str, ended_at: u64) {
    let caller = Caller { user_id: user(id), hash: Some(PhoneHash::parse(&format!("hash-of-{id}")).unwrap()) };
    let known = store.begin_call(&caller).await.unwrap();
    let outcome = store.commit_session(&commit_of(id, sid, ended_at, known.revision)).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }));
}

pub(super) fn commit_of(id: &str, sid: &str, ended_at: u64, base_revision: u64) -> Commit {
    Commit {
        caller: Caller { user_id: user(id), hash: Some(PhoneHash::parse(&format!("hash-of-{id}")).unwrap()) },
        user_id: user(id),
        session: SessionDoc { user_id: id.to_owned(), ..session(sid, 2, ended_at) },
        profile: profile(sid),
        base_revision,
        replaces: None,
        number_has_moved: false,
    }
}

#[tokio::test]
async fn an_erasure_touches_no_other_key() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    call_of(&store, "u_other", "CA2", NOON).await;
    for key in FOREIGN {
        set(&mut raw, key, "u_derived").await;
    }
    set(&mut raw, "sarah:meta:pepper", "check").await;
    let before = everything(&mut raw).await;

    store.commit_session(&hang_up("CA1", 3, NOON, 0)).await.unwrap();
    for what in ["messages", "summary", "turns", "call"] {
        set(&mut raw, &format!("conversation:{what}:CA1"), "live").await;
    }
    let erased = store.erase(&user("u_derived")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 1, profiles: 1, sessions: 1, markers: 1, mirrors: 4 });
    let mut after = everything(&mut raw).await;
    assert!(after.remove(GONE).is_some());
    assert_eq!(after, before);
    assert_ttl(&mut raw, GONE, 30 * DAY_S).await;
}

#[tokio::test]
async fn sessions_that_left_the_index_are_erased_by_their_owner() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for (n, sid) in ["CA1", "CA2", "CA3"].into_iter().enumerate() {
        store.commit_session(&hang_up(sid, 1, NOON, n as u64)).await.unwrap();
    }
    call_of(&store, "u_other", "CA9", NOON).await;
    redis::cmd("ZREM").arg(SESSIONS).arg("CA1").query_async::<()>(&mut raw).await.unwrap();
    // Of one only the marker and the index are left; another in the index is somebody else's.
    redis::cmd("DEL").arg("sarah:session:CA2").query_async::<()>(&mut raw).await.unwrap();
    redis::cmd("ZADD").arg(SESSIONS).arg(NOON).arg("CA9").query_async::<()>(&mut raw).await.unwrap();
    let erased = store.erase(&user("u_derived")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 1, profiles: 1, sessions: 2, markers: 3, mirrors: 0 });
    assert!(store.load_session(&"CA9".parse().unwrap()).await.unwrap().is_some());
    let left = keys(&mut raw).await;
    assert!(!left.iter().any(|key| key.contains("u_derived") && key != GONE), "{left:?}");
}

#[tokio::test]
async fn clearing_leaves_what_is_not_ours_and_the_pepper() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for key in FOREIGN.into_iter().chain(["sarah:meta:pepper", "sarah:user:u_gone:gone"]) {
        set(&mut raw, key, "kept").await;
    }
    let before = everything(&mut raw).await;
    for n in 0..300 {
        call_of(&store, &format!("u_{n}"), &format!("CA{n}"), NOON).await;
    }
    assert_eq!(store.clear().await.unwrap(), 1500);
    assert_eq!(everything(&mut raw).await, before);
}

#[tokio::test]
async fn strays_without_a_ttl_are_counted() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    store.commit_session(&hang_up("CA1", 3, NOON, 0)).await.unwrap();
    set(&mut raw, "sarah:meta:pepper", "check").await;
    assert_eq!(store.figures().await.unwrap().without_ttl, 0);
    for key in [PROFILE, SESSION, DONE] {
        redis::cmd("PERSIST").arg(key).query_async::<()>(&mut raw).await.unwrap();
    }
    set(&mut raw, "sarah:stray", "?").await;
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.users, figures.numbers, figures.sessions, figures.without_ttl), (1, 1, 1, 4));
    assert!(figures.bytes.unwrap() > 100_000);
    // Where callers are kept for ever, a profile needs none.
    let for_ever = store_with(&server, StoreSettings { profile_ttl: None, ..StoreSettings::default() }).await;
    assert_eq!(for_ever.figures().await.unwrap().without_ttl, 3);
}

#[tokio::test]
async fn what_another_program_put_under_our_keys_is_named_and_kept() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    let (id, hash) = (user("u_derived"), PhoneHash::parse("HASH").unwrap());
    redis::cmd("RPUSH").arg(PHONE).arg("x").query_async::<()>(&mut raw).await.unwrap();
    redis::cmd("RPUSH").arg(SESSIONS).arg("x").query_async::<()>(&mut raw).await.unwrap();
    redis::cmd("RPUSH").arg(SESSION).arg("x").query_async::<()>(&mut raw).await.unwrap();
    let before = everything(&mut raw).await;
    assert_eq!(wrong_key(store.owner(&hash).await), PHONE);
    assert_eq!(wrong_key(store.assign(&hash, Some(&id)).await), PHONE);
    assert_eq!(wrong_key(store.user(&id).await), SESSIONS);
    assert_eq!(wrong_key(store.erase(&id).await), SESSIONS);
    assert_eq!(wrong_key(store.change_profile(&id, 0, &profile("x")).await), SESSIONS);
    assert_eq!(wrong_key(store.merge_users(&user("u_other"), &id, 0, &profile("x")).await), SESSIONS);
    assert_eq!(store.numbers(&id).await.unwrap(), []);
    assert_eq!(store.sessions(Page { after: None, limit: 10 }).await.unwrap().entries, Vec::<SessionId>::new());
    assert_eq!(everything(&mut raw).await, before);

    redis::cmd("DEL").arg(PHONE).query_async::<()>(&mut raw).await.unwrap();
    set(&mut raw, PHONE, "not an id").await;
    assert_eq!(wrong_key(store.owner(&hash).await), PHONE);
    assert_eq!(wrong_key(store.assign(&hash, None).await), PHONE);
}

#[tokio::test]
async fn a_profile_of_a_newer_version_is_neither_changed_nor_absorbed() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    store.commit_session(&hang_up("CA1", 3, NOON, 0)).await.unwrap();
    call_of(&store, "u_other", "CA2", NOON).await;
    for (field, value) in [("v", "99"), ("doc", "{\"v\":99}"), ("doc", "damaged")] {
        let old = raw.hget(PROFILE, field).await.unwrap().unwrap();
        redis::cmd("HSET").arg(PROFILE).arg(field).arg(value).query_async::<()>(&mut raw).await.unwrap();
        let before = everything(&mut raw).await;
        for change in [
            store.change_profile(&user("u_derived"), 1, &profile("x")).await.unwrap(),
            store.merge_users(&user("u_other"), &user("u_derived"), 1, &profile("x")).await.unwrap(),
            store.merge_users(&user("u_derived"), &user("u_other"), 1, &profile("x")).await.unwrap(),
        ] {
            assert!(matches!(change, ProfileChange::Conflict { profile: None, .. }), "{change:?}");
        }
        assert_eq!(everything(&mut raw).await, before);
        let entry = store.user(&user("u_derived")).await.unwrap().unwrap();
        assert_eq!((entry.profile, entry.calls), (None, 1));
        redis::cmd("HSET").arg(PROFILE).arg(field).arg(old).query_async::<()>(&mut raw).await.unwrap();
    }
}

#[tokio::test]
async fn a_join_keeps_every_ttl() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    store.commit_session(&hang_up("CA1", 3, NOON, 0)).await.unwrap();
    call_of(&store, "u_other", "CA2", NOON + 1).await;
    for (key, ttl) in [(PROFILE, 1000), ("sarah:phone:hash-of-u_other", 2000), ("sarah:session:CA2", 3000)] {
        redis::cmd("EXPIRE").arg(key).arg(ttl).query_async::<()>(&mut raw).await.unwrap();
    }
    // An index that is made by the join lives as long as the profile.
    redis::cmd("DEL").arg(SESSIONS).query_async::<()>(&mut raw).await.unwrap();
    let change = store.merge_users(&user("u_other"), &user("u_derived"), 1, &profile("both")).await.unwrap();
    assert_eq!(change, ProfileChange::Applied { revision: 2 });
    assert_ttl(&mut raw, PROFILE, 1000).await;
    assert_ttl(&mut raw, SESSIONS, 1000).await;
    assert_ttl(&mut raw, "sarah:phone:hash-of-u_other", 2000).await;
    assert_ttl(&mut raw, "sarah:session:CA2", 3000).await;
    let left = keys(&mut raw).await;
    assert!(!left.iter().any(|key| key.starts_with("sarah:user:u_other")), "{left:?}");
    let fields: BTreeSet<String> = raw.hgetall(PROFILE).await.unwrap().into_keys().collect();
    assert_eq!(fields, ["calls", "doc", "last", "rev", "v"].map(str::to_owned).into());
}

/// Drops a future after so many polls, as a process that ends does; `None` when it was not done by then.
pub(super) async fn cut_off<F: Future>(work: F, polls: usize) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_join_that_was_interrupted_anywhere_is_finished_by_repeating_it() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    let (into, absorbed) = (user("u_into"), user("u_absorbed"));
    let joined = profile("both");
    let (mut interrupted, mut met_late_calls) = (0, 0);
    for polls in 0.. {
        redis::cmd("FLUSHDB").query_async::<()>(&mut raw).await.unwrap();
        call_of(&store, "u_into", "CA1", NOON).await;
        call_of(&store, "u_absorbed", "CA2", NOON + 1).await;
        call_of(&store, "u_absorbed", "CA3", NOON + 2).await;
        let cut = cut_off(store.merge_users(&absorbed, &into, 1, &joined), polls).await;
        // Every second time a call of theirs hangs up before the join goes on.
        let mut late = polls % 2 == 1 && cut.is_none() && store.user(&absorbed).await.unwrap().is_some();
        if late {
            let outcome = store.commit_session(&commit_of("u_absorbed", "CA4", NOON + 3, 2)).await.unwrap();
            // Once the number has moved, the call is told to go to its new user, and nothing of it is written here.
            met_late_calls += u32::from(late || matches!(outcome, Outcome::Mapped { .. }));
            late = matches!(outcome, Outcome::Applied { .. } | Outcome::Conflict { .. });
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
        assert_eq!(entry.profile.as_ref(), Some(&joined), "{polls}");
        assert_eq!(store.user(&absorbed).await.unwrap(), None, "{polls}");
        assert_eq!(store.numbers(&into).await.unwrap().len(), 2, "{polls}");
        let fields: BTreeSet<String> = raw.hgetall("sarah:user:u_into:profile").await.unwrap().into_keys().collect();
        assert_eq!(fields.len(), 5, "{polls}: {fields:?}");
        if cut.is_some() {
            break;
        }
    }
    assert!(interrupted > 10 && met_late_calls > 2, "{interrupted}, {met_late_calls}");
}

#[tokio::test]
async fn an_erasure_that_was_interrupted_anywhere_is_finished_by_repeating_it() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for polls in 0.. {
        redis::cmd("FLUSHDB").query_async::<()>(&mut raw).await.unwrap();
        call_of(&store, "u_derived", "CA1", NOON).await;
        call_of(&store, "u_derived", "CA2", NOON).await;
        // Its marker can be found by the index only.
        redis::cmd("DEL").arg(SESSION).query_async::<()>(&mut raw).await.unwrap();
        let cut = cut_off(store.erase(&user("u_derived")), polls).await;
        if cut.is_none() {
            store.erase(&user("u_derived")).await.unwrap();
        }
        assert_eq!(keys(&mut raw).await, [GONE.to_owned()].into(), "{polls}");
        if cut.is_some() {
            break;
        }
    }
}
