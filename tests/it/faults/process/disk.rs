//! Row 18: the disk is full, read-only, or has changed what was written.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use redial_store::clock;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::Store as _;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Caller, embedded, eventually, lost, said, shared};
use crate::support::disk::SmallDisk;
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

const CALLS: usize = 10;

/// A metric's value; 0 when it was never set.
async fn metric(gateway: &GatewayProcess, name: &str) -> f64 {
    let metrics = gateway.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

async fn talk(callers: &mut [Caller], round: usize) {
    for (n, caller) in callers.iter_mut().enumerate() {
        caller.press(&format!("{}", round * 1000 + n));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// The disk fills up in the middle of calls, of which some begin and end meanwhile. Answers all callers.
async fn talk_over_a_full_disk(disk: &SmallDisk, gateway: &GatewayProcess) -> Vec<Caller> {
    let wire = gateway.wire();
    let mut callers = Vec::new();
    for n in 0..CALLS {
        callers.push(Caller::call(&wire, &format!("+1415555{n:04}")).await);
    }
    talk(&mut callers, 1).await;
    disk.fill();
    // What SQLite has reserved may take a little more.
    let mut round = 2;
    while metric(gateway, "redial_journal_degraded").await == 0.0 {
        assert!(round < 400, "the disk is never full");
        talk(&mut callers, round).await;
        round += 1;
    }
    callers.push(Caller::call(&wire, "+14155559999").await);
    talk(&mut callers, round).await;
    for caller in &mut callers[..2] {
        caller.hang_up();
        caller.over().await;
    }
    assert!(callers[2..].iter().all(Caller::is_on_the_line), "a call is dropped");
    tokio::time::sleep(Duration::from_secs(4)).await;
    talk(&mut callers[2..], round + 1).await;
    assert!(metric(gateway, "redial_journal_degraded").await > 0.0);
    disk.free();
    eventually("the journal is well again", Duration::from_secs(10), async || {
        metric(gateway, "redial_journal_degraded").await == 0.0
    })
    .await;
    talk(&mut callers[2..], round + 2).await;
    for caller in &mut callers[2..] {
        assert!(caller.is_on_the_line(), "a call is dropped");
        caller.hang_up();
        caller.over().await;
    }
    callers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_during_calls_costs_nothing_that_was_said() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let gateway = GatewayProcess::start(disk.path(), &[]).await;
    gateway.ready().await;
    let callers = talk_over_a_full_disk(&disk, &gateway).await;
    let lost = lost(&embedded(disk.path()), &callers, Duration::from_secs(20)).await;
    eprintln!("row 18: {} calls over a full disk, embedded store: dropped 0, lost {}", callers.len(), lost.len());
    assert!(lost.is_empty(), "{lost:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_during_calls_costs_nothing_with_redis_either() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let redis = RedisServer::start().await;
    let gateway = GatewayProcess::start(disk.path(), &[("REDIS_URL", &redis.url())]).await;
    gateway.ready().await;
    let callers = talk_over_a_full_disk(&disk, &gateway).await;
    let lost = lost(&shared(&redis).await, &callers, Duration::from_secs(20)).await;
    let duplicated = super::counted(&redis).await - u64::try_from(callers.len()).unwrap();
    eprintln!(
        "row 18: {} calls over a full disk, Redis: dropped 0, lost {}, duplicated {duplicated}",
        callers.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:#?}");
    assert_eq!(duplicated, 0);
}

#[test]
fn a_read_only_data_directory_is_told_at_start_with_the_way_out() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    disk.make_read_only();
    let data_dir = disk.path().join("data");
    let output = Command::new(env!("CARGO_BIN_EXE_redial"))
        .arg("serve")
        .env_clear()
        .env("BIND_ADDR", "127.0.0.1:0")
        .env("DATA_DIR", &data_dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(data_dir.to_str().unwrap()), "the directory is not named: {text}");
    assert!(text.contains("writable") || text.contains("Read-only"), "no way out: {text}");
}

/// Flips one bit of the first copy of `words` in the database itself, behind SQLite's back.
fn flip_a_bit(file: &Path, words: &str) {
    let connection = Connection::open(file).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes.windows(words.len()).position(|window| window == words.as_bytes()).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_starts_on_damaged_rows_reports_them_and_serves_the_rest() {
    let (dir, redis_away) = (TempDir::new().unwrap(), RedisServer::start().await);
    let mut redis = redis_away;
    redis.kill();
    let vars = [("REDIS_URL", redis.url()), ("RESUME_GRACE_SECONDS", "1".to_owned())];
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut gateway = GatewayProcess::start(dir.path(), &vars).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let mut callers = Vec::new();
    for n in 0..4 {
        let mut caller = Caller::call(&wire, &format!("+1415555{n:04}")).await;
        caller.press(&format!("{n}1{n}1{n}177"));
        callers.push(caller);
    }
    for row in 2..=3 {
        // Keys that follow at once would be of the same turn.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        for (n, caller) in callers.iter_mut().enumerate() {
            caller.press(&format!("{n}{row}{n}{row}{n}{row}77"));
        }
    }
    // Two sessions wait for Redis, two calls are live.
    for caller in &mut callers[..2] {
        caller.hang_up();
        caller.over().await;
    }
    eventually("all is on the disk", Duration::from_secs(10), async || {
        let kept = gateway.acknowledged();
        callers[2..].iter().all(|caller| kept.iter().filter(|(sid, _)| *sid == caller.sid).count() >= 3)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    gateway.kill();
    let file = dir.path().join("redial.sqlite");
    flip_a_bit(&file, "02020277#"); // in a session that waits
    flip_a_bit(&file, "22222277#"); // in a turn of a live call
    // And a record that was torn while it was written.
    std::fs::write(dir.path().join("redial.sqlite-wal"), [0x37_u8; 100]).unwrap();
    redis.restart().await;
    gateway.restart().await;
    gateway.ready().await;
    Caller::call(&gateway.wire(), "+14155559999").await.hang_up();
    eventually("the damage is reported", Duration::from_secs(20), async || {
        metric(&gateway, "redial_damaged_rows_total").await >= 2.0
    })
    .await;
    let store = shared(&redis).await;
    // What the damaged turn said is not among what is served, everything else is.
    callers[2].pressed.remove(1);
    let lost = lost(&store, &callers[1..], Duration::from_secs(20)).await;
    assert!(lost.is_empty(), "{lost:#?}");
    let served = store.load_session(&callers[0].sid.parse().unwrap()).await.unwrap();
    assert!(served.is_none(), "a damaged session is served: {:?}", served.map(|session| said(&session)));
    let database = Database::open(&file, clock::system()).unwrap();
    let spool = Spool::open(database.into(), Some(dir.path()), SpoolSettings::default()).unwrap();
    let mut dead: Vec<_> = spool.dead(10).await.unwrap().into_iter().map(|dead| (dead.kind, dead.session_id)).collect();
    dead.sort();
    let expected = [("session".to_owned(), callers[0].sid.clone()), ("turn".to_owned(), callers[2].sid.clone())];
    assert_eq!(dead, expected);
    eprintln!("row 18: 2 damaged rows reported and put aside, 3 sessions served");
}
