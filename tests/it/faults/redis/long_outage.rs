//! Redis is away for all of a busy hour.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::faults::bed::contents::Contents;
use crate::faults::bed::monitor::Monitor;
use crate::faults::bed::{Bed, seconds};
use crate::support::proxy::Mode;
use crate::support::redis::RedisServer;

/// Callers, each with as many calls as there are rounds.
const CALLERS: usize = 50;
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_calls_without_redis_arrive_once_and_in_order() {
    let redis = RedisServer::start().await;
    let monitor = Monitor::start(&redis).await;
    let mut bed = Bed::with(redis, Mode::Refuse, 1, &[]).await;
    bed.faults = 1;
    (bed.numbers, bed.pace) = (CALLERS, Duration::from_millis(150));
    for _ in 0..ROUNDS {
        bed.ring_in_fault(CALLERS).await;
        tokio::time::sleep(3 * bed.pace).await;
        bed.hang_up_all().await;
    }
    bed.assert_prompt().await;
    assert_eq!(monitor.sessions(), Vec::<String>::new());
    bed.journal_closed().await;
    assert_eq!(bed.outbox().waiting, (CALLERS * ROUNDS) as u64);

    bed.proxy.set(Mode::Pass).await;
    // Others call while what waited is brought to Redis.
    let before = bed.ended().len();
    let during = tokio::time::Instant::now();
    bed.ring_in_fault(20).await;
    bed.assert_prompt().await;
    let still = bed.outbox().waiting;
    assert!(still > 0, "all was delivered within {:?}, before the calls began", during.elapsed());
    let healing = bed.healed().await;
    assert!(healing.drained < seconds(30), "{healing:?}");

    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ended in &bed.ended()[..before] {
        expected.entry(ended.number.clone()).or_default().push(ended.sid.clone());
    }
    bed.judge("500 calls without Redis").await;
    let order = monitor.sessions();
    let contents = Contents::of(&mut bed.redis.raw().await).await;
    let (sessions, profiles) = (contents.sessions(), contents.profiles());
    for (number, sids) in expected {
        let arrived: Vec<&String> = order.iter().filter(|sid| sids.contains(sid)).collect();
        assert_eq!(arrived, sids.iter().collect::<Vec<_>>(), "{number}: out of order, or twice");
        let (_, profile) = &profiles[&sessions[&sids[0]].user_id];
        let told: Vec<&str> = profile.episodes.iter().map(|episode| episode.session_id.as_str()).take(ROUNDS).collect();
        assert_eq!(told, arrived, "{number}: the summary has other calls");
        assert!(!profile.summary.is_empty(), "{number} has no summary");
    }
}
