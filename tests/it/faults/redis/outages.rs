//! Redis is not there, or the way to it is broken.

use std::time::{Duration, Instant};

use crate::faults::bed::{Bed, calls, lasts, seconds};
use crate::support::proxy::Mode;
use crate::support::redis::RedisServer;

/// How soon after its end a fault is over for the gateway: 2 s on a machine that does nothing else, and room for one that
/// runs other tests.
const RECOVERY_LIMIT: Duration = Duration::from_millis(3500);

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_at_the_start_is_found_later() {
    let redis = RedisServer::start().await;
    let began = Instant::now();
    let mut bed = Bed::with(redis, Mode::Refuse, 1, &[]).await;
    let ready = began.elapsed();
    bed.ring(calls() * 2 / 3).await;
    bed.through(lasts(seconds(3), seconds(60))).await;
    bed.assert_prompt().await;
    bed.proxy.set(Mode::Pass).await;
    let healing = bed.healed().await;
    assert!(healing.drained < seconds(10), "{healing:?}");
    bed.judge("row 1 Redis not there at the start").await;
    eprintln!("row 1: ready after {} ms", ready.as_millis());
    assert!(ready < seconds(5), "the gateway waits for Redis: {ready:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_as_calls_begin_and_end_is_found_again() {
    let mut bed = Bed::start().await;
    bed.calls_before().await;
    // Before they ring and hang up, while their writes are under way, and a little later.
    for after in [0, 2, 5, 30] {
        bed.struck(lasts(seconds(1), seconds(3)), Duration::from_millis(after), |redis| redis.kill()).await;
        bed.assert_prompt().await;
        bed.redis.restart().await;
        let healing = bed.healed().await;
        assert!(healing.first_write.is_some_and(|first| first < RECOVERY_LIMIT), "{healing:?}");
    }
    bed.judge("row 2 Redis killed at call start, in call and at hang-up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_frozen_delays_nobody() {
    let mut bed = Bed::start().await;
    bed.calls_before().await;
    bed.struck(lasts(seconds(3), seconds(60)), Duration::ZERO, |redis| redis.freeze()).await;
    bed.assert_prompt().await;
    bed.redis.thaw();
    let healing = bed.healed().await;
    assert!(healing.first_write.is_some_and(|first| first < RECOVERY_LIMIT), "{healing:?}");
    bed.judge("row 3 Redis frozen").await;
}

/// What faults on the way to Redis, one after another, must leave whole.
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
async fn what_is_lost_both_ways_is_sent_again() {
    survives("row 4 lost both ways", &[Mode::Blackhole], lasts(seconds(3), seconds(120))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_on_its_way_there_is_sent_again() {
    survives("row 4 lost on the way there", &[Mode::SwallowRequests], lasts(seconds(3), seconds(120))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_are_asked_for_again() {
    survives("row 4 lost on the way back", &[Mode::SwallowReplies], lasts(seconds(3), seconds(120))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_says_nothing_or_is_a_web_server_is_not_taken_for_redis() {
    survives("row 5 silent proxy, web server", &[Mode::Silent, Mode::Http], lasts(seconds(3), seconds(30))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_slow_is_not_waited_for() {
    // Each way; there and back it is 50, 200 and 1000 ms.
    let delays = [25, 100, 500].map(|ms| Mode::Delay(Duration::from_millis(ms)));
    survives("row 6 latency of 50, 200 and 1000 ms", &delays, lasts(seconds(2), seconds(60))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_answers_byte_by_byte_is_not_waited_for() {
    let drip = Mode::Drip(Duration::from_millis(100));
    survives("row 6 one byte in 100 ms", &[drip], lasts(seconds(3), seconds(60))).await;
}
