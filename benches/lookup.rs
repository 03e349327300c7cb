//! How long a call start and a hang-up take against a real Redis on this machine.
//!
//! `cargo bench --bench lookup` starts its own `redis-server` and prints p50, p99 and throughput of 2,000 operations,
//! one after the other and 64 at once. A caller waits for the first of the two.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its findings")]

#[path = "../tests/it/support/ports.rs"]
mod ports;
#[path = "../tests/it/support/programs.rs"]
mod programs;
#[allow(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/redis.rs"]
mod server;

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, Profile, SCHEMA_VERSION, SessionDoc};
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::store::{Commit, Outcome, Store};

const OPERATIONS: usize = 2_000;
const AT_ONCE: usize = 64;
/// A call of ten minutes: about 8 kB as a document.
const TURNS: u32 = 40;

#[tokio::main]
async fn main() {
    let server = server::RedisServer::start().await;
    let store = RedisStore::connect(&server.url().into(), StoreSettings::default()).unwrap();
    store.health().await.unwrap();
    println!("{:<34} {:>9} {:>9} {:>9} {:>11}", "operation", "p50", "p99", "max", "per second");
    for (round, at_once) in [1, AT_ONCE].into_iter().enumerate() {
        let name = |what: &str| format!("{what}, {at_once} at once");
        let store = &store;
        measure(&name("begin_call, first call"), at_once, |i| async move {
            assert!(store.begin_call(&caller(round, i)).await.unwrap().created);
        })
        .await;
        measure(&name("commit_session, 8 kB"), at_once, |i| async move {
            let outcome = store.commit_session(&hang_up(round, i)).await.unwrap();
            assert_eq!(outcome, Outcome::Applied { revision: 1 });
        })
        .await;
        measure(&name("begin_call, known caller"), at_once, |i| async move {
            assert_eq!(store.begin_call(&caller(round, i)).await.unwrap().calls, 1);
        })
        .await;
    }
}

/// Runs the operation for 0..OPERATIONS and prints how long each took.
async fn measure<F: Future<Output = ()>>(name: &str, at_once: usize, operation: impl Fn(usize) -> F) {
    let since = Instant::now();
    let timed = |i| {
        let operation = operation(i);
        async move {
            let since = Instant::now();
            operation.await;
            since.elapsed()
        }
    };
    let mut took: Vec<Duration> = stream::iter(0..OPERATIONS).map(timed).buffer_unordered(at_once).collect().await;
    let per_second = OPERATIONS as f64 / since.elapsed().as_secs_f64();
    took.sort_unstable();
    let micros = |i: usize| format!("{} µs", took[i].as_micros());
    let (p50, p99, max) = (micros(OPERATIONS / 2), micros(OPERATIONS * 99 / 100), micros(OPERATIONS - 1));
    println!("{name:<34} {p50:>9} {p99:>9} {max:>9} {per_second:>11.0}");
}

fn caller(round: usize, i: usize) -> Caller {
    Caller {
        user_id: UserId::parse(&format!("u_{round}_{i}")).unwrap(),
        hash: Some(PhoneHash::parse(&format!("HASH_{round}_{i}")).unwrap()),
    }
}

fn hang_up(round: usize, i: usize) -> Commit {
    let caller = caller(round, i);
    let ended_at = 1_790_000_000_000;
    let turn = |id| Message {
        turn: Turn {
            id: TurnId(id),
            role: if id % 2 == 0 { Role::Caller } else { Role::Agent },
            via: Via::Voice,
            text: "I would like to move my appointment from Tuesday to Friday, if that is possible at all.".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: u64::from(id) * 15_000,
            end_ms: u64::from(id) * 15_000 + 5_000,
        },
    };
    let session = SessionDoc {
        session_id: format!("CA_{round}_{i}").parse().unwrap(),
        conversation_history: (1..=TURNS).map(turn).collect(),
        last_update: "2026-11-01T10:00:00.000Z".to_owned(),
        metadata: Metadata::default(),
        v: SCHEMA_VERSION,
        user_id: caller.user_id.as_str().to_owned(),
        started_at: ended_at - 600_000,
        ended_at,
        end_reason: "caller_hung_up".to_owned(),
    };
    let profile = Profile { v: SCHEMA_VERSION, summary: "Moves appointments. ".repeat(40), ..Profile::default() };
    Commit {
        user_id: caller.user_id.clone(),
        caller,
        session,
        profile,
        base_revision: 0,
        replaces: None,
        number_has_moved: false,
    }
}
