//! Redis is not there, or the way to it is broken.

use std::time::Duration;

use crate::faults::bed::{Bed, lasts, seconds};
use crate::support::proxy::Mode;
use crate::support::redis::RedisServer;

/// A gateway finds a server that is back within this: 500 ms between two attempts, and room for a busy machine.
const RECOVERY_LIMIT: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_at_the_start_is_found_later() {
    let began = std::time::Instant::now();
    let mut bed = Bed::with(RedisServer::start().await, Mode::Refuse, &[]).await;
    let ready = began.elapsed();
    bed.ring(crate::faults::bed::calls() * 2 / 3).await;
    bed.through(lasts(seconds(3), seconds(60))).await;
    bed.assert_prompt().await;
    bed.proxy.set(Mode::Pass).await;
    let healing = bed.healed().await;
    assert!(healing.drained < seconds(10), "{healing:?}");
    bed.judge("1 Redis not there at start").await;
    eprintln!("row 1: ready after {} ms", ready.as_millis());
    assert!(ready < seconds(5), "the gateway waits for Redis: {ready:?}");
}

/// What each fault on the way to Redis must leave whole.
async fn survives(row: &str, modes: &[Mode], fault: Duration) {
    let mut bed = Bed::start().await;
    bed.calls_before().await;
    for mode in modes {
        bed.proxy.set(*mode).await;
        bed.through(fault).await;
        bed.assert_prompt().await;
        bed.proxy.set(Mode::Pass).await;
        let healing = bed.healed().await;
        assert!(healing.first_write.unwrap_or_default() < RECOVERY_LIMIT, "{mode:?}: {healing:?}");
    }
    bed.judge(row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_lost_both_ways_lose_nothing() {
    survives("4 packets lost both ways", &[Mode::Blackhole], lasts(seconds(3), seconds(120))).await;
}
