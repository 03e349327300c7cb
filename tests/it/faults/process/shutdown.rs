//! Row 15: told to end (SIGTERM) with live calls.

use std::time::{Duration, Instant};

use redial_carrier::twilio::signature;
use redial_store::clock;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::Database;
use tempfile::TempDir;

use super::{Caller, counted, embedded, is_long, lost, shared};
use crate::support::gateway::TOKEN;
use crate::support::line::{Wire, call_sid, encode, fields};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

/// Of which 10 s are for goodbyes.
const GRACE: (&str, &str) = ("SHUTDOWN_GRACE_SECONDS", "12");

fn calls() -> usize {
    if is_long() { 200 } else { 40 }
}

/// What a new call is told: the status, and when to try again.
async fn refused(wire: &Wire) -> (u16, Option<String>) {
    let (url, fields) = (wire.url("/voice"), fields(&call_sid(), "+14155550999"));
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(&url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signature::sign_form(TOKEN, &url, &fields))
        .body(encode(&fields))
        .send()
        .await
        .unwrap();
    let retry = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry)
}

/// Ends a gateway in the middle of calls, of which every other one hangs up after the signal; the rest is told goodbye.
async fn end_in_the_middle(gateway: &mut GatewayProcess) -> Vec<Caller> {
    let wire = gateway.wire();
    let mut callers = Vec::new();
    for n in 0..calls() {
        let mut caller = Caller::call(&wire, &format!("+1415555{n:04}")).await;
        caller.press(&format!("{}", 10_000 + n));
        callers.push(caller);
    }
    gateway.terminate();
    let began = Instant::now();
    while !matches!(refused(&wire).await, (503, Some(retry)) if retry.parse::<u32>().is_ok()) {
        assert!(began.elapsed() < Duration::from_secs(2), "calls are still taken: {:?}", refused(&wire).await);
    }
    for (n, caller) in callers.iter_mut().enumerate() {
        assert!(caller.is_on_the_line(), "a live call is dropped");
        caller.press(&format!("{}", 20_000 + n));
        if n % 2 == 0 {
            caller.hang_up();
        }
    }
    for caller in &mut callers {
        caller.over().await;
    }
    assert!(began.elapsed() < Duration::from_secs(14), "the calls ended after {:?}", began.elapsed());
    callers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_told_to_end_refuses_new_calls_and_keeps_the_live_ones() {
    let dir = TempDir::new().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[GRACE]).await;
    gateway.ready().await;
    let callers = end_in_the_middle(&mut gateway).await;
    assert_eq!(gateway.ended(Duration::from_secs(20)).await, Some(0));
    let lost = lost(&embedded(dir.path()), &callers, Duration::ZERO).await;
    eprintln!(
        "row 15: {} calls over a SIGTERM, embedded store: exit 0, new ones refused, lost {}",
        calls(),
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_gateway_that_ended_without_redis_arrive_after_its_next_start() {
    let dir = TempDir::new().unwrap();
    let mut redis = RedisServer::start().await;
    redis.kill();
    let url = redis.url();
    let mut gateway = GatewayProcess::start(dir.path(), &[GRACE, ("REDIS_URL", &url)]).await;
    gateway.ready().await;
    let callers = end_in_the_middle(&mut gateway).await;
    // The outbox waits 10 s for Redis before it is left to the next start.
    assert_eq!(gateway.ended(Duration::from_secs(30)).await, Some(0));
    {
        let database = Database::open(&dir.path().join("redial.sqlite"), clock::system()).unwrap();
        let spool = Spool::open(database.into(), Some(dir.path()), SpoolSettings::default()).unwrap();
        let figures = spool.figures().await.unwrap();
        assert_eq!((figures.waiting, figures.open_calls), (u64::try_from(calls()).unwrap(), 0));
    }
    redis.restart().await;
    gateway.restart().await;
    let lost = lost(&shared(&redis).await, &callers, Duration::from_secs(20)).await;
    let duplicated = counted(&redis).await - u64::try_from(calls()).unwrap();
    eprintln!(
        "row 15: {} calls over a SIGTERM without Redis: exit 0, all on disk, lost {}, duplicated {duplicated}",
        calls(),
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:#?}");
    assert_eq!(duplicated, 0);
}
