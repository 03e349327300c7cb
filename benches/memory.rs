//! What keeping a call costs: the journal's acknowledgements, hang-up writes, deliveries, and an outbox of 100 000 sessions.
//!
//! `cargo bench --bench memory` writes to a temporary directory, whose disk is part of what is measured, and starts a
//! `redis-server` of its own. Takes about two minutes. Needs Linux (/proc).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its findings")]

#[path = "../tests/it/support/ports.rs"]
mod ports;
#[path = "../tests/it/support/programs.rs"]
mod programs;
#[allow(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/redis.rs"]
mod server;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::clock;
use redial_store::directory::Memory;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Deliverer, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::{Database, SqliteStore};
use redial_store::store::{Commit, Outcome, Store};
use tempfile::TempDir;
use tokio::time::{interval_at, sleep};
use tokio_util::sync::CancellationToken;

/// Live calls while the journal is measured, and for how long.
const CALLS: usize = 1_000;
const FOR: Duration = Duration::from_secs(10);
/// Hang-ups, and how many of them at once.
const HANG_UPS: usize = 4_000;
const AT_ONCE: usize = 64;
/// Sessions that are delivered.
const DELIVERIES: usize = 10_000;
/// Sessions that wait.
const WAITING: usize = 100_000;
/// A call of ten minutes: about 8 kB as a document. One of two minutes: about 2 kB.
const LONG: u32 = 40;
const SHORT: u32 = 8;
/// Names the part that this program plays when it has started itself, and where.
const PART: &str = "REDIAL_BENCH_PART";

#[tokio::main]
async fn main() {
    match std::env::var(PART) {
        Ok(dir) if std::env::args().any(|arg| arg == "queue") => queue(Path::new(&dir), WAITING).await,
        Ok(dir) => hold(Path::new(&dir)).await,
        Err(_) => all().await,
    }
}

async fn all() {
    println!("{:<52} {:>10} {:>10} {:>12}", "", "p50", "p99", "per second");
    for every in [Duration::from_secs(1), Duration::from_millis(100)] {
        journal(every).await;
    }
    hang_ups().await;
    deliveries().await;
    waiting();
}

/// A turn of each of many calls, every so often: from the end of the turn to the disk.
async fn journal(every: Duration) {
    let dir = TempDir::new().unwrap();
    let spool = Arc::new(open(dir.path()));
    let (first, last) = (tokio::time::Instant::now() + Duration::from_secs(1), Instant::now() + FOR);
    let calls = (0..CALLS).map(|n| {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move {
            let sid: SessionId = format!("CA{n}").parse().unwrap();
            let (caller, turns, parameters) = (caller(n), Vec::new(), Vec::new());
            spool.begin(OpenCall {
                session_id: sid.clone(),
                caller,
                started_at: 0,
                parameters,
                turns,
                summary: String::new(),
            });
            // Callers do not speak in step.
            let mut tick =
                interval_at(first + every * u32::try_from(n).unwrap() / u32::try_from(CALLS).unwrap(), every);
            let mut took = Vec::new();
            for id in 1.. {
                tick.tick().await;
                if Instant::now() > last {
                    break;
                }
                let since = Instant::now();
                spool.turn(&sid, turn(id)).await.unwrap();
                took.push(since.elapsed());
            }
            took
        })
    });
    let calls: Vec<_> = calls.collect();
    let took = join_all(calls).await.into_iter().flat_map(|took| took.unwrap()).collect();
    let rate = CALLS as f64 / every.as_secs_f64();
    report(&format!("journal: turn acknowledged, {rate:.0} turns/s"), took, FOR - Duration::from_secs(1));
}

/// Hang-ups of calls of ten minutes, many at once.
async fn hang_ups() {
    let dir = TempDir::new().unwrap();
    let sqlite = SqliteStore::open(&dir.path().join("redial.sqlite"), StoreSettings::default()).unwrap();
    commits("hang-up, 8 kB, 64 at once, SQLite", &sqlite).await;
    let server = server::RedisServer::start().await;
    commits("hang-up, 8 kB, 64 at once, Redis", &redis(&server).await).await;
}

async fn commits(name: &str, store: &dyn Store) {
    let since = Instant::now();
    let took = stream::iter(0..HANG_UPS)
        .map(|n| async move {
            let caller = caller(n);
            let commit = Commit {
                user_id: caller.user_id.clone(),
                session: session(n, &caller, LONG),
                caller,
                profile: Profile {
                    v: SCHEMA_VERSION,
                    summary: "Moves appointments. ".repeat(40),
                    ..Profile::default()
                },
                base_revision: 0,
                replaces: None,
                number_has_moved: false,
            };
            let since = Instant::now();
            let outcome = store.commit_session(&commit).await.unwrap();
            assert_eq!(outcome, Outcome::Applied { revision: 1 });
            since.elapsed()
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    report(name, took, since.elapsed());
}

/// What waited is brought to Redis as fast as that goes.
async fn deliveries() {
    let dir = TempDir::new().unwrap();
    queue(dir.path(), DELIVERIES).await;
    let server = server::RedisServer::start().await;
    let store: Arc<dyn Memory> = Arc::new(redis(&server).await);
    let spool = Arc::new(open(dir.path()));
    let stop = CancellationToken::new();
    let deliverer = Deliverer::new(Arc::clone(&spool), Sinks::only(store, Arc::new(NoCalls)));
    let since = Instant::now();
    let delivering = tokio::spawn(deliverer.run(stop.clone()));
    assert!(spool.delivered(Duration::from_secs(120)).await);
    let rate = DELIVERIES as f64 / since.elapsed().as_secs_f64();
    println!("{:<52} {:>10} {:>10} {rate:>12.0}", "outbox: sessions of 2 kB delivered to Redis", "", "");
    stop.cancel();
    delivering.await.unwrap();
}

/// What an outbox that holds a day's sessions takes, in processes of their own.
fn waiting() {
    let dir = TempDir::new().unwrap();
    for part in ["queue", "hold"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        assert!(command.arg(part).env(PART, dir.path()).status().unwrap().success());
    }
}

async fn queue(dir: &Path, sessions: usize) {
    let spool = open(dir);
    let mut acks = Vec::new();
    for n in 0..sessions {
        let caller = caller(n % (sessions / 4));
        let session = session(n, &caller, SHORT);
        acks.push(spool.close(&caller, session));
        // Not all of them in memory first.
        if acks.len() == 1_000 {
            join_all(acks.drain(..)).await;
        }
    }
    join_all(acks).await;
}

async fn hold(dir: &Path) {
    let before = resident_kib();
    let since = Instant::now();
    let spool = Arc::new(open(dir));
    let opened = since.elapsed();
    // A port that nobody listens on: Redis is away, and the outbox tries and waits.
    let store = RedisStore::connect(&"redis://127.0.0.1:1".to_owned().into(), StoreSettings::default()).unwrap();
    let stop = CancellationToken::new();
    let sinks = Sinks::only(Arc::new(store), Arc::new(NoCalls));
    let delivering = tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
    sleep(Duration::from_secs(12)).await;
    let figures = spool.figures().await.unwrap();
    let bytes = std::fs::metadata(dir.join("redial.sqlite")).unwrap().len();
    println!(
        "outbox with {} sessions: opened in {:.1} ms, {:.1} MiB of memory, {:.0} MB on the disk ({} bytes a session)",
        figures.waiting,
        opened.as_secs_f64() * 1000.0,
        resident_kib().saturating_sub(before) as f64 / 1024.0,
        bytes as f64 / 1e6,
        bytes / figures.waiting,
    );
    stop.cancel();
    delivering.await.unwrap();
}

fn report(name: &str, mut took: Vec<Duration>, within: Duration) {
    let per_second = took.len() as f64 / within.as_secs_f64();
    took.sort_unstable();
    let ms = |i: usize| format!("{:.2} ms", took[i].as_secs_f64() * 1000.0);
    println!("{name:<52} {:>10} {:>10} {per_second:>12.0}", ms(took.len() / 2), ms(took.len() * 99 / 100));
}

fn open(dir: &Path) -> Spool {
    let database = Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap();
    let settings = SpoolSettings { per_second: 100_000, ..SpoolSettings::default() };
    Spool::open(Arc::new(database), Some(dir), settings).unwrap()
}

async fn redis(server: &server::RedisServer) -> RedisStore {
    let store = RedisStore::connect(&server.url().into(), StoreSettings::default()).unwrap();
    while store.health().await.is_err() {
        sleep(Duration::from_millis(2)).await;
    }
    store
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

fn caller(n: usize) -> Caller {
    Caller {
        user_id: UserId::parse(&format!("u_{n}")).unwrap(),
        hash: Some(PhoneHash::parse(&format!("HASH_{n}")).unwrap()),
    }
}

fn turn(id: u32) -> Message {
    Message {
        turn: Turn {
            id: TurnId(id),
            role: if id.is_multiple_of(2) { Role::Caller } else { Role::Agent },
            via: Via::Voice,
            text: "I would like to move my appointment from Tuesday to Friday, if that is possible at all.".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: u64::from(id) * 15_000,
            end_ms: u64::from(id) * 15_000 + 5_000,
        },
    }
}

fn session(n: usize, caller: &Caller, turns: u32) -> SessionDoc {
    let ended_at = 1_790_000_000_000;
    SessionDoc {
        session_id: format!("CA{n:032x}").parse().unwrap(),
        conversation_history: (1..=turns).map(turn).collect(),
        last_update: "2026-11-01T10:00:00.000Z".to_owned(),
        metadata: Metadata::default(),
        v: SCHEMA_VERSION,
        user_id: caller.user_id.as_str().to_owned(),
        started_at: ended_at - 600_000,
        ended_at,
        end_reason: "caller_hung_up".to_owned(),
    }
}
