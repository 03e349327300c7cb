//! Row 20: a caller is erased beside a running gateway: during a live call, while Redis is away, before a replay.

use std::path::Path;
use std::time::{Duration, Instant};

use redial_identity::UserId;
use redial_store::clock;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::Store as _;
use tempfile::TempDir;

use super::{Caller, eventually, said, shared};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

const WITHIN: Duration = Duration::from_secs(15);

/// Who somebody is, as far as the gateway's file tells.
struct Identity {
    uid: String,
    hash: String,
}

/// Reads it from the journal or the outbox.
async fn identity(dir: &Path, sid: &str) -> Identity {
    let read = || {
        let file = rusqlite::Connection::open(dir.join("redial.sqlite")).ok()?;
        let sql = "SELECT uid, hash FROM call WHERE sid = ?1 UNION SELECT uid, hash FROM outbox WHERE sid = ?1";
        file.query_row(sql, [sid], |row| Ok(Identity { uid: row.get(0)?, hash: row.get(1)? })).ok()
    };
    let mut found = None;
    eventually("the call is in the journal", Duration::from_secs(5), async || {
        found = read();
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// Erases as another process on the same data directory does.
async fn erase(dir: &Path, uid: &str) {
    let database = Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap();
    let spool = Spool::open(database.into(), Some(dir), SpoolSettings::default()).unwrap();
    spool.forget(&UserId::parse(uid).unwrap()).await.unwrap();
}

/// Every file of the data directory, and every key of Redis with what it holds.
async fn everything(dir: &Path, redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                // It may have been deleted just now.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                all.push((entry.path().display().to_string(), bytes));
            }
        }
    }
    all.extend(redis.everything().await);
    all
}

/// Where any of the traces is.
async fn found(dir: &Path, redis: &RedisServer, traces: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, bytes) in everything(dir, redis).await {
        for trace in traces {
            if bytes.windows(trace.len()).any(|window| window == trace.as_bytes()) {
                found.push(format!("{trace} in {place}"));
            }
        }
    }
    found
}

/// All that leads to a caller: their words, calls and number. Of the user id a marker is left, on purpose.
fn traces(callers: &[&Caller], identity: &Identity) -> Vec<String> {
    let words = callers.iter().flat_map(|caller| caller.pressed.clone());
    words.chain(callers.iter().map(|caller| caller.sid.clone())).chain([identity.hash.clone()]).collect()
}

/// Waits until nothing of the caller is anywhere; answers how long that took.
async fn gone(dir: &Path, redis: &RedisServer, traces: &[String]) -> Duration {
    let began = Instant::now();
    loop {
        let found = found(dir, redis, traces).await;
        if found.is_empty() {
            return began.elapsed();
        }
        assert!(began.elapsed() < WITHIN, "after {WITHIN:?} there is still {found:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn start(dir: &TempDir, redis: &RedisServer) -> GatewayProcess {
    let gateway = GatewayProcess::start(dir.path(), &[("REDIS_URL", &redis.url()), ("CALL_LOG", "true")]).await;
    gateway.ready().await;
    gateway
}

async fn stored(redis: &RedisServer, caller: &Caller) {
    let store = shared(redis).await;
    eventually("the session is in Redis", Duration::from_secs(15), async || {
        store
            .load_session(&caller.sid.parse().unwrap())
            .await
            .is_ok_and(|session| session.is_some_and(|s| said(&s) == caller.pressed))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_erased_while_on_the_phone_leaves_nothing() {
    let (dir, redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let gateway = start(&dir, &redis).await;
    let wire = gateway.wire();
    let mut ana = Caller::call(&wire, "+14155550101").await;
    let mut bea = Caller::call(&wire, "+14155550102").await;
    ana.press("7351928461");
    bea.press("2468013579");
    let who = identity(dir.path(), &ana.sid).await;
    let mirrored = format!("Redis: conversation:messages:{}", ana.sid);
    eventually("the words are in the journal, the call log and the mirror", Duration::from_secs(5), async || {
        let found = found(dir.path(), &redis, &ana.pressed).await;
        found.iter().any(|place| place.contains("redial.sqlite"))
            && found.iter().any(|place| place.ends_with(&mirrored))
    })
    .await;
    erase(dir.path(), &who.uid).await;
    ana.press("8642097531");
    let took = gone(dir.path(), &redis, &traces(&[&ana], &who)).await;
    // The call goes on, and leaves nothing.
    ana.press("9182736455");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ana.is_on_the_line(), "the call is dropped");
    ana.hang_up();
    bea.hang_up();
    bea.over().await;
    stored(&redis, &bea).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let left = found(dir.path(), &redis, &traces(&[&ana], &who)).await;
    eprintln!("row 20: erased during a call: nothing left after {:.1} s, nor after the hang-up", took.as_secs_f64());
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_erased_while_redis_is_away_leaves_nothing() {
    let (dir, redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let gateway = start(&dir, &redis).await;
    let wire = gateway.wire();
    let mut first = Caller::call(&wire, "+14155550101").await;
    first.press("7351928461");
    first.hang_up();
    first.over().await;
    stored(&redis, &first).await;
    redis.freeze();
    // One call that has ended waits in the outbox, one is live.
    let mut second = Caller::call(&wire, "+14155550101").await;
    second.press("5550192837");
    second.hang_up();
    second.over().await;
    let mut third = Caller::call(&wire, "+14155550101").await;
    third.press("8642097531");
    let who = identity(dir.path(), &third.sid).await;
    erase(dir.path(), &who.uid).await;
    redis.thaw();
    let callers = [&first, &second, &third];
    let took = gone(dir.path(), &redis, &traces(&callers, &who)).await;
    third.hang_up();
    third.over().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let left = found(dir.path(), &redis, &traces(&[&first, &second, &third], &who)).await;
    eprintln!("row 20: erased while Redis is away: nothing left {:.1} s after its return", took.as_secs_f64());
    assert!(left.is_empty(), "{left:#?}");
}

/// Lets the server that answers next be another one than that which took the deliveries.
fn gateway_finds_another_server(dir: &Path) {
    let file = rusqlite::Connection::open(dir.join("redial.sqlite")).unwrap();
    assert_eq!(file.execute("UPDATE server SET id = 'another'", []).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_erased_before_a_replay_does_not_come_back_with_it() {
    let (dir, mut redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let mut gateway = start(&dir, &redis).await;
    let wire = gateway.wire();
    let (mut ana, mut bea) = (Caller::call(&wire, "+14155550101").await, Caller::call(&wire, "+14155550102").await);
    ana.press("7351928461");
    bea.press("2468013579");
    for caller in [&mut ana, &mut bea] {
        caller.hang_up();
        caller.over().await;
        stored(&redis, caller).await;
    }
    let who = identity(dir.path(), &ana.sid).await;
    gateway.kill();
    redis.kill();
    erase(dir.path(), &who.uid).await;
    redis.restart().await;
    gateway_finds_another_server(dir.path());
    gateway.restart().await;
    // All that was delivered is sent again, as this Redis is empty.
    stored(&redis, &bea).await;
    let took = gone(dir.path(), &redis, &traces(&[&ana], &who)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let left = found(dir.path(), &redis, &traces(&[&ana], &who)).await;
    eprintln!("row 20: erased before a replay: nothing left {:.1} s after it, the others are back", took.as_secs_f64());
    assert!(left.is_empty(), "{left:#?}");
}
