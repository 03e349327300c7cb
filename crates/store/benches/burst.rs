//! How long callers are looked up in the embedded store when many call at once.
//!
//! `cargo bench -p redial-store --bench burst` writes to a temporary directory, whose disk is part of what is measured:
//! 500 first calls within 0.3 s, and all of them in one moment, while the journal keeps each of them in the same file.
//! Prints p50, p99 and max over several bursts, with few callers in the file and with many.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its findings")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redial_identity::{Caller, PhoneHash, UserId};
use redial_store::clock;
use redial_store::settings::StoreSettings;
use redial_store::spool::{OpenCall, Spool, SpoolSettings};
use redial_store::sqlite::{Database, SqliteStore};
use redial_store::store::Store as _;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Calls of a burst, and bursts.
const CALLS: usize = 500;
const BURSTS: usize = 10;
/// Callers whose numbers the larger file has.
const KNOWN: usize = 50_000;

#[tokio::main]
async fn main() {
    println!("{:<58} {:>9} {:>9} {:>9}", "look-up of a first call", "p50", "p99", "max");
    for (size, known) in [("new file", 0), ("50,000 callers", KNOWN)] {
        for within in [Duration::from_millis(300), Duration::ZERO] {
            measure(&format!("{size}, {CALLS} calls in {} ms", within.as_millis()), known, within).await;
        }
    }
}

async fn measure(name: &str, known: usize, within: Duration) {
    let dir = TempDir::new().unwrap();
    let database = Arc::new(Database::open(&dir.path().join("redial.sqlite"), clock::system()).unwrap());
    let patience = Duration::from_secs(30);
    let store = SqliteStore::on(Arc::clone(&database), StoreSettings::default()).begin_call_within(patience);
    let spool = Spool::open(database, Some(dir.path()), SpoolSettings::default()).unwrap();
    for some in (0..known).collect::<Vec<_>>().chunks(1_000) {
        let begun = some.iter().map(|n| async { store.begin_call(&caller("known", *n)).await.unwrap() });
        join_all(begun).await;
    }
    let mut took = Vec::new();
    for burst in 0..BURSTS {
        let start = tokio::time::Instant::now() + Duration::from_millis(10);
        let calls = (0..CALLS).map(|n| {
            let (store, spool) = (&store, &spool);
            async move {
                let share = u32::try_from(n).unwrap();
                tokio::time::sleep_until(start + within * share / u32::try_from(CALLS).unwrap()).await;
                let (caller, since) = (caller(&format!("burst {burst}"), n), Instant::now());
                store.begin_call(&caller).await.unwrap();
                let took = since.elapsed();
                spool.begin(OpenCall {
                    session_id: format!("CA{burst}x{n}").parse().unwrap(),
                    caller,
                    started_at: 0,
                    parameters: Vec::new(),
                    turns: Vec::new(),
                    summary: String::new(),
                });
                took
            }
        });
        took.extend(join_all(calls).await);
        tokio::time::sleep(Duration::from_millis(300)).await; // the journal catches up
    }
    took.sort_unstable();
    let ms = |share: f64| format!("{:.2} ms", took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e3);
    println!("{name:<58} {:>9} {:>9} {:>9.2} ms", ms(0.5), ms(0.99), took[took.len() - 1].as_secs_f64() * 1e3);
}

/// Spread over the index as hashes of numbers are.
fn caller(of: &str, n: usize) -> Caller {
    let hash = hex::encode(Sha256::digest(format!("{of} {n}")));
    Caller {
        user_id: UserId::parse(&format!("u_{}", &hash[..32])).unwrap(),
        hash: Some(PhoneHash::parse(&hash).unwrap()),
    }
}
