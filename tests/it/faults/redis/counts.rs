//! Each hang-up counts once, however often and from wherever it is told, and whatever Redis forgets.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;

use crate::faults::bed::caller::number;
use crate::faults::bed::contents::Contents;
use crate::faults::bed::{Bed, calls, seconds};
use crate::support::line::fields;
use crate::support::proxy::Mode;
use crate::support::redis::RedisServer;

/// Waits until Redis has so many finished sessions.
async fn sessions(bed: &Bed, expected: usize) {
    let (mut raw, deadline) = (bed.redis.raw().await, Instant::now() + seconds(60));
    loop {
        let there = Contents::of(&mut raw).await.sessions().len();
        if there == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{there} sessions of {expected}\n{}", bed.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_has_forgotten_everything_is_told_again() {
    let mut bed = Bed::start().await;
    bed.pace = Duration::from_millis(200);
    for _ in 0..3 {
        bed.ring(calls()).await;
        tokio::time::sleep(3 * bed.pace).await;
        bed.hang_up_all().await;
    }
    bed.drained().await;
    bed.faults = 2;
    for _ in 0..bed.faults {
        bed.redis.kill();
        bed.redis.restart().await;
        sessions(&bed, 3 * calls()).await;
    }
    let verdict = bed.judge("row 9 Redis restarts empty, twice").await;
    assert_eq!(verdict.counted, 3 * calls() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_count_two_hundred_hang_ups_of_one_caller() {
    const ROUNDS: usize = 10;
    let redis = RedisServer::start().await;
    let mut bed = Bed::with(redis, Mode::Pass, 2, &[("MAX_CALLS_PER_CALLER", "20")]).await;
    (bed.numbers, bed.pace) = (1, Duration::from_millis(50));
    for _ in 0..ROUNDS {
        bed.ring(20).await;
        tokio::time::sleep(3 * bed.pace).await;
        bed.hang_up_all().await;
    }
    let verdict = bed.judge("row 16 two gateways, one caller").await;
    assert_eq!(verdict.counted, 20 * ROUNDS as u64);
    // The newest calls of both are in the profile.
    let contents = Contents::of(&mut bed.redis.raw().await).await;
    let mut stored: Vec<SessionDoc> = contents.sessions().into_values().collect();
    stored.sort_by(|a, b| (a.ended_at, &a.session_id).cmp(&(b.ended_at, &b.session_id)));
    let newest: Vec<&SessionId> = stored.iter().map(|session| &session.session_id).skip(stored.len() - 20).collect();
    let (_, profile) = contents.profiles().into_values().next().unwrap();
    let episodes: Vec<&SessionId> = profile.episodes.iter().map(|episode| &episode.session_id).collect();
    assert_eq!(episodes, newest);
}

/// The callback that says that calls are over.
async fn call_back(bed: &Bed, sids: &[String]) {
    let wire = bed.gateway().wire();
    join_all(sids.iter().map(|sid| {
        let wire = wire.clone();
        let mut form = fields(sid, &number(0));
        form.retain(|(name, _)| name != "CallStatus");
        form.push(("CallStatus".to_owned(), "completed".to_owned()));
        async move { assert_eq!(wire.post("/voice/status", &form).await.0, 204) }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_is_told_five_times_counts_once() {
    let redis = RedisServer::start().await;
    let mut bed = Bed::with(redis, Mode::Pass, 1, &[("RESUME_GRACE_SECONDS", "1")]).await;
    let half = calls() / 2;
    bed.faults = 3;
    bed.ring(calls()).await;
    tokio::time::sleep(3 * bed.pace).await;
    let sids = bed.live_sids();
    // By the stop event, the end of the stream, and the callback, which comes twice.
    bed.hang_up(half).await;
    call_back(&bed, &sids[..half]).await;
    call_back(&bed, &sids[..half]).await;
    // The others by the death of their gateway: its next life finishes them, and gets the callbacks as well.
    bed.kill_gateway().await;
    call_back(&bed, &sids).await;
    sessions(&bed, calls()).await;
    bed.drained().await;
    // All once more to a Redis that has kept them, and to one that has not.
    redis::cmd("SAVE").exec_async(&mut bed.redis.raw().await).await.unwrap();
    for life in 1..=2 {
        bed.redis.kill();
        if life == 2 {
            std::fs::remove_file(bed.redis.dir().join("dump.rdb")).unwrap();
        }
        bed.redis.restart().await;
        let deadline = Instant::now() + seconds(20);
        while bed.said("what was delivered lately is sent again") < life {
            assert!(Instant::now() < deadline, "nothing is sent again\n{}", bed.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bed.drained().await;
    }
    let verdict = bed.judge("row 17 one hang-up told five times").await;
    assert_eq!(verdict.counted, calls() as u64);
}
