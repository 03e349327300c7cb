//! The toy server answers as `redis-server` does, and the store does not notice the difference.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use redial_store::directory::Directory;
use redial_store::redis::{ByteStream, RedisStore};
use redial_store::settings::StoreSettings;
use redial_store::store::{Outcome, Store};
use redis::Value;
use redis::aio::MultiplexedConnection;

use crate::support::redis::RedisServer;
use crate::support::toy_redis::{BEGIN_CALL, COMMIT, ERASE, HAND_OVER, Reply, Restart, ToyRedis};

/// One command with its arguments.
type Words = Vec<Vec<u8>>;

fn words<const N: usize>(words: [&str; N]) -> Words {
    words.map(|word| word.as_bytes().to_vec()).to_vec()
}

/// Keys of two numbers, two users and three calls; few, so that they meet.
fn key() -> impl Strategy<Value = String> {
    let owners = ["phone:1", "phone:2", "user:a:profile", "user:b:profile", "user:a:sessions", "user:b:sessions"];
    let others = ["user:a:gone", "user:b:gone", "session:A", "session:B", "done:A", "done:B", "done:C"];
    select([&owners[..], &others[..]].concat()).prop_map(str::to_owned)
}

/// What somebody else, another version or a damaged disk may have left there.
fn left_there() -> impl Strategy<Value = Words> {
    let number = || select(vec!["0", "1", "2", "3", "7", "x", "", "-1", "99", "9007199254740993"]);
    let field = || select(vec!["v", "rev", "calls", "last", "doc", "d", "n", "merged"]);
    prop_oneof![
        (key(), select(vec!["a", "b", "odd"])).prop_map(|(key, value)| words(["SET", &key, value])),
        (key(), field(), number()).prop_map(|(key, field, value)| words(["HSET", &key, field, value])),
        (key(), select(vec!["1", "5", "9"]), select(vec!["A", "B", "Z"]))
            .prop_map(|(key, score, sid)| words(["ZADD", &key, score, sid])),
        key().prop_map(|key| words(["DEL", &key])),
    ]
}

fn begin() -> impl Strategy<Value = Words> {
    let user = || select(vec!["a", "b"]);
    let largest = select(vec!["0", "3", "1000"]);
    let erased = select(vec!["", "a", "b"]);
    (select(vec!["1", "2"]), user(), select(vec!["0", "90"]), select(vec!["0", "1"]), largest, erased).prop_map(
        |(phone, user, ttl, refresh, largest, erased)| {
            let keys = [
                format!("phone:{phone}"),
                format!("user:{user}:profile"),
                format!("user:{user}:sessions"),
                format!("user:{user}:gone"),
            ];
            let args = [user, ttl, refresh, largest, erased];
            eval(BEGIN_CALL, &keys, &args)
        },
    )
}

fn commit() -> impl Strategy<Value = Words> {
    let call = (select(vec!["A", "B", "C"]), select(vec!["d1", "d2", "d3"]), 0..4_u8);
    let owner = (select(vec!["a", "b"]), select(vec!["1", "2"]), any::<bool>());
    let base = select(vec!["0", "1", "2", "3", "7", "none"]);
    let replaces = select(vec!["", "d1", "d2", "d3"]);
    let limits = (select(vec!["0", "90"]), 0..3_u8, select(vec!["0", "3", "6"]), select(vec!["0", "3", "1000"]));
    (call, owner, 0..9_u8, (replaces, base), limits).prop_map(|(call, owner, ended, (replaces, base), limits)| {
        let ((sid, digest, turns), (user, phone, remembered)) = (call, owner);
        let (ttl, keep, expired_before, largest) = limits;
        let (turns, ended, keep) = (turns.to_string(), ended.to_string(), keep.to_string());
        let mut keys = vec![format!("session:{sid}"), format!("done:{sid}"), format!("user:{user}:gone")];
        let mut args = vec![sid, digest, &turns, "{\"said\":1}", user, &ended, "1", ttl, ttl, replaces, largest];
        if remembered {
            keys.push(format!("user:{user}:profile"));
            keys.push(format!("user:{user}:sessions"));
            keys.push(format!("phone:{phone}"));
            args.extend([base, digest, ttl, &keep, expired_before, "", largest]);
        }
        eval(COMMIT, &keys, &args)
    })
}

fn erasure() -> impl Strategy<Value = Words> {
    let user = || select(vec!["a", "b"]);
    let of_user = |user: &str, what: &str| format!("user:{user}:{what}");
    prop_oneof![
        user().prop_map(move |user| eval(
            ERASE,
            &["profile", "sessions", "gone"].map(|what| of_user(user, what)),
            &["9"]
        )),
        (select(vec!["1", "2"]), user(), select(vec!["", "b"])).prop_map(|(phone, from, to)| eval(
            HAND_OVER,
            &[format!("phone:{phone}")],
            &[from, to]
        )),
        prop::collection::vec(key(), 1..4).prop_map(|keys| asked_of("UNLINK", keys)),
        prop::collection::vec(key(), 1..4).prop_map(|keys| asked_of("MGET", keys)),
    ]
}

fn asked_of(command: &str, keys: Vec<String>) -> Words {
    [command.to_owned()].into_iter().chain(keys).map(String::into_bytes).collect()
}

fn eval(script: &str, keys: &[String], args: &[&str]) -> Words {
    let mut eval = words(["EVAL", script, &keys.len().to_string()]);
    eval.extend(keys.iter().map(|key| key.as_bytes().to_vec()));
    eval.extend(args.iter().map(|arg| arg.as_bytes().to_vec()));
    eval
}

/// What a real server answers, in the toy's terms; of an error only its code.
async fn really(raw: &mut MultiplexedConnection, command: &[Vec<u8>]) -> Reply {
    let mut cmd = redis::Cmd::new();
    for word in command {
        cmd.arg(word);
    }
    match cmd.query_async(raw).await {
        Ok(value) => reply(value),
        Err(error) => Reply::Error(error.code().unwrap_or("ERR").to_owned()),
    }
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int(number),
        Value::BulkString(bytes) => Reply::Bulk(bytes),
        Value::Array(values) => Reply::Array(values.into_iter().map(reply).collect()),
        Value::Okay => Reply::Status("OK"),
        Value::SimpleString(kind) => {
            Reply::Status(["none", "string", "hash", "zset"].into_iter().find(|k| *k == kind).unwrap())
        }
        other => panic!("{other:?} is not answered to these commands"),
    }
}

fn without_text(reply: Reply) -> Reply {
    match reply {
        Reply::Error(text) => Reply::error(text.split(' ').next().unwrap()),
        reply => reply,
    }
}

/// Every key with its type and what it holds, as it is asked for.
async fn held(raw: &mut MultiplexedConnection) -> BTreeMap<Vec<u8>, Vec<String>> {
    let mut all = BTreeMap::new();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(raw).await.unwrap();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(raw).await.unwrap();
        let mut ask = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            _ => redis::cmd("ZRANGE"),
        };
        ask.arg(&key);
        if kind == "zset" {
            ask.arg(0).arg(-1).arg("WITHSCORES");
        }
        let held = match kind.as_str() {
            "string" => vec![ask.query_async(raw).await.unwrap()],
            "hash" => {
                let fields: BTreeMap<String, String> = ask.query_async(raw).await.unwrap();
                fields.into_iter().flat_map(|(field, value)| [field, value]).collect()
            }
            _ => ask.query_async(raw).await.unwrap(),
        };
        all.insert(key, [vec![kind], held].concat());
    }
    all
}

#[test]
fn the_toy_answers_and_keeps_what_a_real_server_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(RedisServer::start());
    let raw = runtime.block_on(server.raw());
    let step = prop_oneof![4 => begin(), 12 => commit(), 3 => left_there(), 1 => erasure()];
    let answered = RefCell::new(BTreeSet::new());
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let compared = TestRunner::new(config).run(&prop::collection::vec(step, 1..24), |steps| {
        let mut raw = raw.clone();
        runtime.block_on(async {
            let () = redis::cmd("FLUSHALL").query_async(&mut raw).await.unwrap();
            let toy = ToyRedis::new(Restart::Keeps);
            for step in steps {
                let (ours, theirs) = (toy.execute(&step), really(&mut raw, &step).await);
                answered.borrow_mut().extend(status(&ours));
                prop_assert_eq!(without_text(ours), theirs, "to {}", shown(&step));
            }
            prop_assert_eq!(toy.with(|keyspace| keyspace.held()), held(&mut raw).await);
            Ok(())
        })
    });
    compared.unwrap();
    let both = [
        "applied",
        "conflict",
        "differs",
        "duplicate",
        "erased",
        "kept",
        "large",
        "mapped",
        "ok",
        "others",
        "wrongtype",
    ];
    for status in both {
        assert!(answered.borrow().contains(status), "`{status}` was never answered, so it was not compared");
    }
}

/// The first word of a script's answer.
fn status(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Array(parts) => match parts.first() {
            Some(Reply::Bulk(status)) => Some(String::from_utf8_lossy(status).into_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// A command without the text of its script.
fn shown(command: &[Vec<u8>]) -> String {
    let words = command.iter().map(|word| String::from_utf8_lossy(word)).filter(|word| !word.contains('\n'));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_store_runs_over_a_stream_that_is_handed_in() {
    let toy = ToyRedis::new(Restart::Keeps);
    let server = toy.clone();
    let dial = std::sync::Arc::new(move || {
        let (ours, theirs) = tokio::io::duplex(4096);
        let server = server.clone();
        tokio::spawn(async move { server.serve(theirs).await });
        async { Ok(Box::new(ours) as Box<dyn ByteStream>) }.boxed()
    });
    let store = RedisStore::over(dial, StoreSettings::default());
    assert_eq!(store.health().await.unwrap().kind, "redis");
    let ana = crate::memory::caller("ana");
    let known = store.begin_call(&ana).await.unwrap();
    let session = crate::memory::session("CA1", &ana, &["hello"], 1_790_000_000_000);
    let written = crate::memory::commit(&ana, session.clone(), &known);
    assert_eq!(store.commit_session(&written).await.unwrap(), Outcome::Applied { revision: 1 });
    toy.restart(); // the scripts are forgotten, the data is not
    assert_eq!(store.commit_session(&written).await.unwrap(), Outcome::Duplicate);
    assert_eq!(store.begin_call(&ana).await.unwrap().calls, 1);
    assert_eq!(store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(session));
    let erased = store.erase(&ana.user_id).await.unwrap();
    assert_eq!((erased.profiles, erased.numbers, erased.sessions, erased.markers), (1, 1, 1, 1));
    assert_eq!(store.commit_session(&written).await.unwrap(), Outcome::Erased);
    let left = toy.with(|keyspace| keyspace.held());
    assert_eq!(left.into_keys().collect::<Vec<_>>(), [b"sarah:user:u_ana:gone"], "no more than that she is gone");
}
