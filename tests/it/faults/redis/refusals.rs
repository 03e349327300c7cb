//! Redis is there, and refuses.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redial_store::clock;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redis::AsyncTypedCommands as _;
use redis::aio::MultiplexedConnection;
use tokio_util::task::AbortOnDropHandle;

use crate::faults::bed::caller::number;
use crate::faults::bed::contents::Contents;
use crate::faults::bed::{Bed, is_long, lasts, seconds};
use crate::support::proxy::Mode;
use crate::support::redis::RedisServer;

async fn set(raw: &mut MultiplexedConnection, name: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(raw).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_wrong_for_a_while_needs_no_restart() {
    let redis = RedisServer::start_with(&["--requirepass", "right"]).await;
    let client = redis::Client::open(format!("redis://:right@127.0.0.1:{}", redis.port())).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let mut bed = Bed::with(redis, Mode::Pass, 1, &[("REDIS_PASSWORD", "right")]).await;
    bed.calls_before().await;
    set(&mut raw, "requirepass", "rotated").await;
    // A connection stays what it was when it was made.
    let mut others = redis::cmd("CLIENT");
    others.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").exec_async(&mut raw).await.unwrap();
    bed.through(lasts(seconds(3), seconds(10))).await;
    bed.assert_prompt().await;
    set(&mut raw, "requirepass", "right").await;
    let healing = bed.healed().await;
    assert!(healing.first_write.is_some_and(|first| first < seconds(3)), "{healing:?}");
    bed.hang_up_all().await;
    bed.drained().await;
    set(&mut raw, "requirepass", "").await;
    bed.judge("row 7 wrong password, then right").await;
    let log = bed.gateway().log();
    assert!(log.contains("check REDIS_USERNAME and REDIS_PASSWORD"), "no advice in\n{log}");
    assert!(!log.contains("rotated") && !log.contains(":right@"), "a password is in\n{log}");
}

/// What to do is said of the deliveries once a minute, not once for each.
fn assert_advised(bed: &Bed, advice: &str) {
    let log = bed.gateway().log();
    let said = log.lines().filter(|line| line.contains("a delivery waits") && line.contains(advice)).count();
    assert!((1..=2).contains(&said), "{advice:?} is advised {said} times in\n{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_gets_what_waited_when_it_has_some_again() {
    let mut bed = Bed::start().await;
    bed.calls_before().await;
    let mut raw = bed.redis.raw().await;
    set(&mut raw, "maxmemory", "1").await;
    bed.through(lasts(seconds(3), seconds(30))).await;
    bed.assert_prompt().await;
    assert!(bed.outbox().waiting > 0, "Redis took what it has no room for");
    set(&mut raw, "maxmemory", "0").await;
    bed.healed().await;
    bed.judge("row 10 memory full").await;
    assert_advised(&bed, "raise maxmemory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_disk_is_full_gets_what_waited_when_it_has_room_again() {
    let mut bed = Bed::start().await;
    bed.calls_before().await;
    let mut raw = bed.redis.raw().await;
    // A directory in place of the file that it wants to write: the snapshot fails, and then all writes are refused.
    let file = bed.redis.dir().join("dump.rdb");
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("in the way"), "").unwrap();
    set(&mut raw, "save", "3600 1").await;
    redis::cmd("BGSAVE").exec_async(&mut raw).await.unwrap();
    while !info(&mut raw, "persistence").await.contains("rdb_last_bgsave_status:err") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bed.through(lasts(seconds(3), seconds(30))).await;
    bed.assert_prompt().await;
    assert!(bed.outbox().waiting > 0, "Redis took what it says to refuse");
    std::fs::remove_dir_all(&file).unwrap();
    redis::cmd("SAVE").exec_async(&mut raw).await.unwrap();
    bed.healed().await;
    bed.judge("row 10 snapshots fail (MISCONF)").await;
    assert_advised(&bed, "MISCONF");
}

async fn info(raw: &mut MultiplexedConnection, section: &str) -> String {
    redis::cmd("INFO").arg(section).query_async(raw).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_loads_its_data_is_not_waited_for() {
    // Slowed down, so that it loads for some seconds: this many µs a key, looking for questions each kB.
    let (keys, slow) = (keys_to_load(), ["--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024"]);
    let mut bed = Bed::with(RedisServer::start_with(&slow).await, Mode::Pass, 1, &[]).await;
    let mut raw = bed.redis.raw().await;
    let fill = redis::Script::new("for i = 1, ARGV[1] do redis.call('SET', 'fill:'..i, 'x', 'EX', 86400) end");
    fill.arg(keys).invoke_async::<()>(&mut raw).await.unwrap();
    bed.calls_before().await;
    redis::cmd("SAVE").exec_async(&mut raw).await.unwrap();
    bed.redis.kill();
    bed.redis.restart().await;
    let began = Instant::now();
    bed.through(seconds(2)).await;
    bed.assert_prompt().await;
    bed.healed().await;
    let mut raw = bed.redis.raw().await;
    assert!(bed.said("Redis is loading its data") > 0, "it loaded too fast to be noticed: {:?}", began.elapsed());
    for batch in (1..=keys).collect::<Vec<_>>().chunks(1000) {
        raw.unlink(batch.iter().map(|n| format!("fill:{n}")).collect::<Vec<_>>()).await.unwrap();
    }
    bed.judge(&format!("row 11 loading {keys} keys")).await;
}

/// How many keys there are to load.
fn keys_to_load() -> usize {
    if is_long() { 200_000 } else { 20_000 }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_forgotten_all_the_time_fail_no_call() {
    let mut bed = Bed::start().await;
    let mut raw = bed.redis.raw().await;
    let flushing = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut raw).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }));
    bed.calls_before().await;
    bed.through(lasts(seconds(4), seconds(10))).await;
    bed.hang_up_all().await;
    bed.drained().await;
    drop(flushing);
    bed.assert_prompt().await;
    bed.judge("row 13 scripts flushed each 100 ms").await;
    let metrics = bed.gateway().metrics().await;
    assert!(metrics.contains("redial_memory_errors_total{operation=\"begin_call\"} 0\n"), "{metrics}");
    assert_eq!(bed.said("a delivery waits"), 0);
}

/// The six keys of a hang-up, as the test for a value of another type takes them in turn, a caller each.
const KINDS: [&str; 6] = ["phone", "profile", "sessions", "gone", "session", "done"];

/// The key of a kind, for a caller who has called once as `before` and calls again as `sid`.
fn key(kind: &str, contents: &Contents, before: &str, sid: &str) -> String {
    let user = contents.sessions()[before].user_id.clone();
    match kind {
        "phone" => contents.phone_of(&user),
        "session" => format!("sarah:session:{sid}"),
        "done" => format!("sarah:done:{sid}"),
        kind => format!("sarah:user:{user}:{kind}"),
    }
}

/// Where what belongs there is kept meanwhile.
fn aside(key: &str) -> String {
    format!("aside:{key}")
}

/// Puts a list in place of a key.
async fn replace(raw: &mut MultiplexedConnection, key: &str) {
    if raw.exists(key).await.unwrap() {
        raw.rename(key, aside(key)).await.unwrap();
    }
    raw.rpush(key, "somebody else's").await.unwrap();
}

/// Puts back what was there.
async fn put_back(raw: &mut MultiplexedConnection, key: &str) {
    raw.del(key).await.unwrap();
    if raw.exists(aside(key)).await.unwrap() {
        raw.rename(aside(key), key).await.unwrap();
    }
}

/// Queues again what was put aside, as the command line does beside a running gateway.
async fn retry_dead(data_dir: &Path) {
    let database = Arc::new(Database::open(&data_dir.join("redial.sqlite"), clock::system()).unwrap());
    let spool = Spool::open(database, Some(data_dir), SpoolSettings::default()).unwrap();
    for dead in spool.dead(100).await.unwrap() {
        assert!(spool.retry_dead(dead.seq).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_type_puts_its_call_aside_and_no_other() {
    let mut bed = Bed::start().await;
    bed.faults = 6;
    let callers = KINDS.len() + 1; // one whom nothing happens to
    bed.numbers = callers;
    bed.ring(callers).await;
    tokio::time::sleep(2 * bed.pace).await;
    bed.hang_up_all().await;
    bed.drained().await;
    let mut raw = bed.redis.raw().await;
    let before = Contents::of(&mut raw).await;
    let first: BTreeMap<String, String> =
        bed.ended().iter().map(|ended| (ended.number.clone(), ended.sid.clone())).collect();
    let key_of = |n: usize, sid: &str| key(KINDS[n], &before, &first[&number(n)], sid);

    for n in 0..4 {
        replace(&mut raw, &key_of(n, "")).await;
    }
    bed.ring(callers).await;
    bed.assert_prompt().await;
    let sids = bed.live_sids();
    for (n, sid) in sids.iter().enumerate().take(KINDS.len()).skip(4) {
        replace(&mut raw, &key_of(n, sid)).await;
    }
    // Longer than it takes to look for callers who were erased elsewhere.
    tokio::time::sleep(seconds(11)).await;
    bed.hang_up_all().await;
    bed.drained().await;

    let dead = bed.outbox().dead;
    assert_eq!(dead, KINDS.len() as u64, "{}", bed.last_words());
    let log = bed.gateway().log();
    for (n, sid) in sids.iter().enumerate().take(KINDS.len()) {
        let key = key_of(n, sid);
        assert!(log.contains(&key), "nobody says what is wrong with {key}");
    }
    for (n, sid) in sids.iter().enumerate().take(KINDS.len()) {
        put_back(&mut raw, &key_of(n, sid)).await;
    }
    let after = Contents::of(&mut raw).await;
    for sid in &sids[..KINDS.len()] {
        // The mirror of a live call knows nothing of the hang-up's keys.
        let written =
            after.text().lines().find(|line| line.starts_with("sarah:") && line.contains(sid)).map(str::to_owned);
        assert_eq!(written, None, "of {sid}");
    }
    retry_dead(bed.data_dir()).await;
    bed.drained().await;
    bed.judge("row 12 another type in each of six keys").await;
}
