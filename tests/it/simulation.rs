//! The gateway's memory in a simulated network: the real store and its client over turmoil's TCP, and the toy server.
//!
//! One seed is one history: when callers hang up, when the server and the gateway crash, what the network loses and how
//! late it is. Whatever happens, each hang-up is counted once, with its document, in its caller's order.

mod oracle;
mod plan;
mod world;
mod writer;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::world::{Lived, live};
use crate::support::toy_redis::Restart;

/// Seeds of the ordinary run; `SEEDS` asks for another number, `SEED` for one of them with its history.
const SEEDS: u64 = 100;
/// How long after the last fault all must be written, at the latest. A pause between attempts may be 10 s, and calls of
/// one caller wait for each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lives the histories of `seeds`, as many at once as there are cores.
fn live_all(seeds: Range<u64>, restart: Restart, patience: Duration) -> Vec<Lived> {
    let next = AtomicU64::new(seeds.start);
    let lived = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let one = live(seed, restart, patience);
                    lived.lock().unwrap().push(one);
                }
            });
        }
    });
    lived.into_inner().unwrap()
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is expected to be a number, not `{value}`")))
}

#[test]
fn every_hang_up_counts_once_whatever_crashes_or_is_lost() {
    let seeds = match variable("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("SEEDS").unwrap_or(SEEDS),
    };
    let asked_for_one = seeds.end - seeds.start == 1;
    let since = Instant::now();
    let lived = live_all(seeds, Restart::Keeps, PATIENCE);
    let took = since.elapsed();

    let sum = |of: fn(&Lived) -> u64| lived.iter().map(of).sum::<u64>();
    let (server, gateway) = (sum(|one| one.server_crashes), sum(|one| one.gateway_crashes));
    let (network, repeated) = (sum(|one| one.network_faults), sum(|one| one.repeated));
    eprintln!(
        "{} seeds in {took:.1?}, {:.1} a second: {server} crashes of the server, {gateway} of the gateway, \
         {network} faults of the network, {repeated} writes that turned out to have been made before",
        lived.len(),
        lived.len() as f64 / took.as_secs_f64(),
    );
    if asked_for_one {
        eprintln!("{}", lived[0].history.join("\n"));
    }
    let failed = lived.iter().filter_map(|one| Some((one.seed, one.wrong.as_ref()?)));
    let failed: Vec<_> =
        failed.map(|(seed, wrong)| format!("seed {seed} failed: {wrong}; rerun with SEED={seed}")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    if lived.len() >= 20 {
        // A simulation in which nothing goes wrong shows nothing.
        assert!(server > 0 && gateway > 0 && network > 0 && repeated > 0);
    }
}

#[test]
fn a_seed_lives_the_same_history_again() {
    // Once beside others, once alone.
    for once in live_all(1000..1020, Restart::Keeps, PATIENCE) {
        let seed = once.seed;
        let again = live(seed, Restart::Keeps, PATIENCE);
        assert!(once.history.len() > 200, "much happens: {}", once.history.len());
        let differs = once.history.iter().zip(&again.history).find(|(once, again)| once != again);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(once.history.len(), again.history.len(), "seed {seed}");
    }
}

#[test]
fn the_oracle_sees_what_a_server_that_forgets_has_lost() {
    let mut lost = 0;
    for lived in live_all(2000..2006, Restart::Forgets, PATIENCE) {
        let first_written = lived.history.iter().position(|line| line.contains("Ok(Applied"));
        let last_crash = lived.history.iter().rposition(|line| line.ends_with("ServerCrash begins"));
        let must_lose = first_written < last_crash;
        assert_eq!(lived.wrong.is_some(), must_lose, "seed {}: {:?}", lived.seed, lived.wrong);
        lost += u64::from(must_lose);
    }
    assert!(lost > 0);
}
