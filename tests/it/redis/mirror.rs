//! Live calls in Redis: what is written under which key, and what comes back of it.

use redial_memory::session_id::SessionId;
use redial_store::mirror::{LiveCall, Mirror, Mirrored, Shown};

use super::*;

const MESSAGES: &str = "conversation:messages:CA1";
const SUMMARY: &str = "conversation:summary:CA1";
const TURNS: &str = "conversation:turns:CA1";
const CALL: &str = "conversation:call:CA1";

fn live() -> LiveCall {
    LiveCall {
        session_id: "CA1".parse().unwrap(),
        user_id: user("u_derived"),
        hash: caller().hash,
        started_at: NOON,
        instance: "gateway-1".to_owned(),
        summary: String::new(),
    }
}

fn message(id: u32, text: &str) -> Message {
    let mut message = session("CA1", 1, NOON).conversation_history.remove(0);
    message.turn.id = TurnId(id);
    message.turn.text = text.to_owned();
    message
}

/// The words of the mirrored messages, and the count of turns.
async fn mirrored(store: &RedisStore) -> (Vec<String>, u64) {
    let Mirrored { messages, turns, .. } = store.load(&"CA1".parse().unwrap()).await.unwrap().unwrap();
    (messages.into_iter().map(|message| message.turn.text).collect(), turns)
}

/// Writes are best effort and say nothing of a failure, so what they leave is looked at.
pub(super) async fn all_of_it_works(store: &RedisStore) {
    store.begin(&live(), &[], 0).await;
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(1, "hello"), 1).await;
    assert_eq!(mirrored(store).await, (vec!["hello".to_owned()], 1));
    store.end(&"CA1".parse().unwrap(), "gateway-1").await;
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_live_call_leaves_these_keys_until_it_ends() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap(), None);
    store.begin(&live(), &[], 0).await;
    assert_eq!(
        store.load(&"CA1".parse().unwrap()).await.unwrap(),
        Some(Mirrored { call: live(), messages: vec![], turns: 0 })
    );
    for (turns, text) in [(1, "hello"), (2, "hello, Ana")] {
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(turns, text), turns.into()).await;
    }

    let all = everything(&mut raw).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), [CALL, MESSAGES, SUMMARY, TURNS]);
    for key in all.keys() {
        assert_ttl(&mut raw, key, DAY_S).await;
    }
    let messages = raw.lrange(MESSAGES, 0, -1).await.unwrap();
    let first: serde_json::Value = serde_json::from_str(&messages[0]).unwrap();
    assert_eq!((messages.len(), &first["role"], &first["content"]), (2, &"user".into(), &"hello".into()));
    assert_eq!(raw.get(TURNS).await.unwrap().as_deref(), Some("2"));

    // Another instance takes it over, with what it knows.
    let taken_over = LiveCall { instance: "gateway-2".to_owned(), summary: "Ana said hello".to_owned(), ..live() };
    let known = [message(1, "hello"), message(2, "hello, Ana")];
    assert_eq!(store.begin(&taken_over, &known, 2).await, Shown::Ours);
    let all = Mirrored { call: taken_over.clone(), messages: known.to_vec(), turns: 2 };
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap(), Some(all));
    store.turn(&"CA1".parse().unwrap(), "gateway-2", &message(3, "on Friday"), 3).await;
    store.begin(&taken_over, &[], 0).await;
    let messages = [&known[..], &[message(3, "on Friday")]].concat();
    assert_eq!(
        store.load(&"CA1".parse().unwrap()).await.unwrap(),
        Some(Mirrored { call: taken_over, messages, turns: 3 })
    );

    let before = everything(&mut raw).await;
    store.end(&"CA1".parse().unwrap(), "gateway-1").await;
    assert_eq!(everything(&mut raw).await, before, "it goes on with another instance");
    store.end(&"CA1".parse().unwrap(), "gateway-2").await;
    assert!(everything(&mut raw).await.is_empty());
    store.turn(&"CA1".parse().unwrap(), "gateway-2", &message(3, "too late"), 3).await;
    assert!(everything(&mut raw).await.is_empty(), "what is over does not come back");
}

#[tokio::test]
async fn a_newer_mirror_is_never_replaced_by_an_older_one_nor_mixed_with_it() {
    let server = RedisServer::start().await;
    let store = store(&server).await;
    let said = |to: u32| (1..=to).map(|id| message(id, &id.to_string())).collect::<Vec<_>>();
    let there = LiveCall { instance: "gateway-2".to_owned(), ..live() };
    store.begin(&live(), &said(2), 2).await;
    assert_eq!(store.begin(&there, &said(2), 2).await, Shown::Ours);
    store.turn(&"CA1".parse().unwrap(), "gateway-2", &message(3, "3"), 3).await;
    let newer = store.load(&"CA1".parse().unwrap()).await.unwrap();
    // The first one is back, with what it knew: neither that nor what is said there takes anything away.
    let back = LiveCall { instance: "gateway-3".to_owned(), summary: "not much".to_owned(), ..live() };
    assert_eq!(store.begin(&back, &said(2), 2).await, Shown::Others);
    assert_eq!(store.turn(&"CA1".parse().unwrap(), "gateway-3", &message(9, "9"), 3).await, Shown::Others);
    // Nor does the one that had it first, and does not know that it has it no more.
    assert_eq!(store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(9, "9"), 4).await, Shown::Others);
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap(), newer);
    // As much, or more, may.
    assert_eq!(store.begin(&back, &said(4), 4).await, Shown::Ours);
    let whole = Mirrored { call: back.clone(), messages: said(4), turns: 4 };
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap(), Some(whole));
    // Another caller's under this id is another call.
    let hash = Some(PhoneHash::parse("other").unwrap());
    let others = LiveCall { user_id: user("u_other"), hash, ..live() };
    assert_eq!(store.begin(&others, &[], 0).await, Shown::Ours);
    assert_eq!(mirrored(&store).await, (vec![], 0));
}

#[tokio::test]
async fn a_withheld_number_has_a_mirror_without_one() {
    let server = RedisServer::start().await;
    let store = store(&server).await;
    let nobody = LiveCall { user_id: user("anon_1"), hash: None, ..live() };
    store.begin(&nobody, &[], 0).await;
    assert_eq!(store.load(&"CA1".parse().unwrap()).await.unwrap().unwrap().call, nobody);
}

#[tokio::test]
async fn a_turn_that_comes_twice_is_there_once_in_its_later_version() {
    let server = RedisServer::start().await;
    let store = store(&server).await;
    store.begin(&live(), &[], 0).await;
    for (turns, text) in [(1, "a"), (1, "a"), (2, "b"), (3, "c"), (2, "b, as it was heard"), (3, "c")] {
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(turns, text), turns.into()).await;
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(mirrored(&store).await, (words(&["a", "b, as it was heard", "c"]), 3));

    // Two were never written: what comes late has no place that is known.
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(6, "f"), 6).await;
    for (turns, text) in [(4, "d"), (2, "b"), (6, "f, heard"), (7, "g"), (6, "f, as it was heard")] {
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(turns, text), turns.into()).await;
    }
    let six = words(&["a", "b, as it was heard", "c", "f, as it was heard", "g"]);
    assert_eq!(mirrored(&store).await, (six, 7));
    store.begin(&live(), &[], 0).await;
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(4, "d"), 4).await;
    assert_eq!(mirrored(&store).await.0.len(), 5);
}

#[tokio::test]
async fn only_the_newest_messages_are_kept() {
    let server = RedisServer::start().await;
    let settings = StoreSettings { mirror_messages: 3, mirror_prefix: "other".to_owned(), ..StoreSettings::default() };
    let (store, mut raw) = (store_with(&server, settings).await, server.raw().await);
    store.begin(&live(), &[], 0).await;
    for turns in 1..=10 {
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(turns, &turns.to_string()), turns.into()).await;
    }
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(7, "7"), 7).await; // no longer kept
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(8, "8, heard"), 8).await;
    assert_eq!(raw.llen("other:messages:CA1").await.unwrap(), 3);
    assert_eq!(mirrored(&store).await, (vec!["8, heard".to_owned(), "9".to_owned(), "10".to_owned()], 10));
}

#[tokio::test]
async fn a_mirror_expires_even_where_sessions_are_kept_for_ever() {
    let server = RedisServer::start().await;
    let settings = StoreSettings { session_ttl: Duration::ZERO, ..StoreSettings::default() };
    let (store, mut raw) = (store_with(&server, settings).await, server.raw().await);
    store.begin(&live(), &[], 0).await;
    store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(1, "hello"), 1).await;
    for key in [MESSAGES, SUMMARY, TURNS, CALL] {
        assert_ttl(&mut raw, key, DAY_S).await;
    }
}

#[tokio::test]
async fn what_is_there_of_another_shape_is_named_and_stays() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for key in [MESSAGES, SUMMARY, TURNS, CALL] {
        raw.flushall().await.unwrap();
        raw.sadd(key, "a set").await.unwrap();
        let before = everything(&mut raw).await;
        assert_eq!(wrong_key(store.load(&"CA1".parse().unwrap()).await), key);
        store.begin(&live(), &[], 0).await;
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(1, "hello"), 1).await;
        assert_eq!(everything(&mut raw).await, before, "{key}");
    }

    let large = "x".repeat(2_000_000);
    for (key, field, value) in [
        (MESSAGES, None, "no JSON"),
        (MESSAGES, None, "[]"),
        (MESSAGES, None, large.as_str()),
        (SUMMARY, None, &large),
        (TURNS, None, "many"),
        (TURNS, None, "-1"),
        (CALL, Some("uid"), "no id: *"),
        (CALL, Some("phone"), "no hash: *"),
        (CALL, Some("started"), "yesterday"),
        (CALL, Some("instance"), &large),
    ] {
        raw.flushall().await.unwrap();
        store.begin(&live(), &[], 0).await;
        match (key, field) {
            (_, Some(field)) => raw.hset(key, field, value).await.map(|_| ()).unwrap(),
            (MESSAGES, None) => raw.rpush(key, value).await.map(|_| ()).unwrap(),
            (_, None) => raw.set(key, value).await.unwrap(),
        }
        assert_eq!(wrong_key(store.load(&"CA1".parse().unwrap()).await), key, "{field:?}");
    }
    raw.flushall().await.unwrap();
    raw.hset(CALL, "of", "somebody else").await.unwrap();
    assert_eq!(wrong_key(store.load(&"CA1".parse().unwrap()).await), CALL);
}

#[tokio::test]
async fn a_server_that_is_away_costs_a_live_call_nothing() {
    let store = connect(&format!("redis://127.0.0.1:{}", free_port()), StoreSettings::default());
    let since = Instant::now();
    for turns in 1..=100 {
        store.turn(&"CA1".parse().unwrap(), "gateway-1", &message(turns, "hello"), turns.into()).await;
    }
    store.begin(&live(), &[], 0).await;
    store.end(&"CA1".parse().unwrap(), "gateway-1").await;
    advice(store.load(&"CA1".parse().unwrap()).await);
    assert!(since.elapsed() < Duration::from_millis(250), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_name_that_is_no_id_never_becomes_part_of_a_mirrors_key() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for name in ["", "a:b", "*", "a\nb"] {
        let session_id = SessionId::named(name);
        store.begin(&LiveCall { session_id: session_id.clone(), ..live() }, &[], 0).await;
        store.turn(&session_id, "gateway-1", &message(1, "hello"), 1).await;
        assert_eq!(store.load(&session_id).await.unwrap().unwrap().messages.len(), 1, "{name:?}");
        let keys = everything(&mut raw).await;
        assert!(keys.keys().all(|key| key.ends_with(&format!(":{session_id}"))), "{name:?}: {keys:?}");
        store.end(&session_id, "gateway-1").await;
    }
    assert!(everything(&mut raw).await.is_empty());
}

/// Every value of a mirror, one after the other: the key, where in it, and its bytes.
async fn values(raw: &mut MultiplexedConnection, sid: &str) -> Vec<(String, String, Vec<u8>)> {
    let mut values = Vec::new();
    let messages = format!("conversation:messages:{sid}");
    let list: Vec<Vec<u8>> = redis::cmd("LRANGE").arg(&messages).arg(0).arg(-1).query_async(raw).await.unwrap();
    values.extend(list.into_iter().enumerate().map(|(place, value)| (messages.clone(), place.to_string(), value)));
    for key in ["summary", "turns"].map(|kind| format!("conversation:{kind}:{sid}")) {
        let value: Vec<u8> = redis::cmd("GET").arg(&key).query_async(raw).await.unwrap();
        values.push((key, String::new(), value));
    }
    let call = format!("conversation:call:{sid}");
    let fields: Vec<(String, Vec<u8>)> = redis::cmd("HGETALL").arg(&call).query_async(raw).await.unwrap();
    values.extend(fields.into_iter().map(|(field, value)| (call.clone(), field, value)));
    values
}

async fn put(raw: &mut MultiplexedConnection, key: &str, at: &str, value: &[u8]) {
    let mut command = match (key.split(':').nth(1).unwrap(), at) {
        ("messages", place) => redis::cmd("LSET").arg(key).arg(place).take(),
        ("call", field) => redis::cmd("HSET").arg(key).arg(field).take(),
        _ => redis::cmd("SET").arg(key).take(),
    };
    command.arg(value).query_async::<redis::Value>(raw).await.unwrap();
}

#[tokio::test]
async fn a_flipped_bit_in_a_mirror_is_never_served_and_costs_no_other_call() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    let sids = ["CA1", "CA2", "CA3"];
    let mut as_they_were = BTreeMap::new();
    for sid in sids {
        let summary = format!("{sid} is about a plumber");
        store.begin(&LiveCall { session_id: sid.parse().unwrap(), summary, ..live() }, &[], 0).await;
        for turns in 1..=3 {
            store
                .turn(
                    &sid.parse().unwrap(),
                    "gateway-1",
                    &message(turns, &format!("The {turns} wish, señora")),
                    turns.into(),
                )
                .await;
        }
        as_they_were.insert(sid, store.load(&sid.parse().unwrap()).await.unwrap().unwrap());
    }
    let (flips, first) = crate::memory::flips::asked();
    let (mut harmless, mut left_out, mut refused) = (0, 0, 0);
    for seed in first..first + flips {
        let mut dice = crate::memory::flips::Dice(seed);
        let sid = sids[dice.below(3)];
        let mut values = values(&mut raw, sid).await;
        values.retain(|(_, _, value)| !value.is_empty());
        let (key, at, value) = values.swap_remove(dice.below(values.len()));
        let mut flipped = value.clone();
        dice.flip(&mut flipped);
        put(&mut raw, &key, &at, &flipped).await;
        for other in sids.into_iter().filter(|other| *other != sid) {
            assert_eq!(
                store.load(&other.parse().unwrap()).await.unwrap().as_ref(),
                Some(&as_they_were[other]),
                "seed {seed}: {key}"
            );
        }
        let as_it_was = &as_they_were[sid];
        match store.load(&sid.parse().unwrap()).await {
            Ok(Some(found)) if found == *as_it_was => harmless += 1,
            // Whose mirror it is only says who may end it.
            Ok(Some(found)) if at == "instance" => {
                let call = LiveCall { instance: as_it_was.call.instance.clone(), ..found.call.clone() };
                assert_eq!(Mirrored { call, ..found }, *as_it_was, "seed {seed}");
                harmless += 1;
            }
            Ok(Some(found)) => {
                assert_eq!((&found.call, found.messages.len()), (&as_it_was.call, 2), "seed {seed}: {key} {at}");
                assert!(found.messages.iter().all(|message| as_it_was.messages.contains(message)), "seed {seed}");
                assert!(found.turns == as_it_was.turns, "seed {seed}: {key} {at}");
                left_out += 1;
            }
            Err(MemoryError::WrongShape { key, .. }) => {
                assert!(key.ends_with(sid), "seed {seed}: {key}");
                refused += 1;
            }
            other => panic!("seed {seed}, {key} {at}: {other:?}"),
        }
        put(&mut raw, &key, &at, &value).await;
    }
    eprintln!("{flips} flips: {harmless} harmless, {left_out} messages left out, {refused} mirrors refused, 0 served");
}

#[tokio::test]
async fn a_mirror_of_an_earlier_version_is_read_and_one_that_began_beyond_the_calendar_is_not() {
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    store.begin(&live(), &[], 0).await;
    raw.hdel(CALL, "sum").await.unwrap();
    raw.rpush(MESSAGES, serde_json::to_string(&message(1, "hello")).unwrap()).await.unwrap();
    raw.set(TURNS, "1").await.unwrap();
    assert_eq!(mirrored(&store).await, (vec!["hello".to_owned()], 1));
    for started in ["9223372036854775813", "253402300800000", "18446744073709551615"] {
        raw.hset(CALL, "started", started).await.unwrap();
        assert_eq!(wrong_key(store.load(&"CA1".parse().unwrap()).await), CALL, "{started}");
    }
    raw.hset(CALL, "started", NOON).await.unwrap();
    let beyond = r#"{"role":"user","content":"hello","id":1,"end_ms":9223372036854775813}"#;
    raw.rpush(MESSAGES, beyond).await.unwrap();
    assert_eq!(wrong_key(store.load(&"CA1".parse().unwrap()).await), MESSAGES);
}

#[tokio::test]
async fn a_value_that_is_no_text_costs_its_own_session_and_not_the_connection() {
    use redial_store::directory::Directory as _;
    let server = RedisServer::start().await;
    let (store, mut raw) = (store(&server).await, server.raw().await);
    for (field, value) in [("uid", &b"u_\xff"[..]), ("ended", b"9223372036854775813"), ("ended", b"\xff")] {
        let mut set = redis::cmd("HSET");
        set.arg(SESSION).arg("uid").arg("u_derived").arg("ended").arg(NOON).arg("doc").arg("{}");
        set.query_async::<redis::Value>(&mut raw).await.unwrap();
        redis::cmd("HSET").arg(SESSION).arg(field).arg(value).query_async::<redis::Value>(&mut raw).await.unwrap();
        assert_eq!(wrong_key(store.session_entry(&"CA1".parse().unwrap()).await), SESSION, "{field}");
        // At once, on the same connection.
        assert_eq!(store.session_entry(&"CA2".parse().unwrap()).await.unwrap(), None, "{field}");
    }
    assert!(store.clear_session(&"CA1".parse().unwrap()).await.unwrap());
}
