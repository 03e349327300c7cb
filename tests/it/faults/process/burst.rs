//! Row 22: many calls begin at once, half of them from one number.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use redial_store::store::Store as _;
use tempfile::TempDir;

use super::{is_long, percentile_ms, shared};
use crate::support::line::{Wire, call_sid, fields, start, stop, token};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

/// The number that half of the calls come from.
const ONE: &str = "+14155550100";
/// Webhooks on their way at once.
const AT_ONCE: usize = 256;
/// Most that a burst may take of memory, ringing calls included: about 30 kB a call.
const MOST_KB: u64 = 300_000;

fn webhooks() -> usize {
    if is_long() { 10_000 } else { 2_000 }
}

/// What became of one webhook.
struct Answered {
    sid: String,
    of_one: bool,
    took: Duration,
    /// The stream's token; `None`: the caller hears that the line is busy.
    token: Option<String>,
}

/// Rings for all at once, each other time from the one number.
async fn ring(wire: &Wire) -> (Vec<Answered>, Duration) {
    let began = Instant::now();
    let calls = (0..webhooks()).map(|n| async move {
        let of_one = n % 2 == 0;
        let from = if of_one { ONE.to_owned() } else { format!("+1212{:07}", 5_550_000 + n) };
        let (sid, asked) = (call_sid(), Instant::now());
        let (status, document) = wire.post("/voice", &fields(&sid, &from)).await;
        assert_eq!(status, 200, "{document}");
        let token = document.contains("<Stream").then(|| token(&document));
        assert!(token.is_some() || document.contains("<Reject"), "{document}");
        Answered { sid, of_one, took: asked.elapsed(), token }
    });
    let answered = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    (answered, began.elapsed())
}

fn p99_ms(answered: &[Answered]) -> f64 {
    let mut took: Vec<Duration> = answered.iter().map(|answered| answered.took).collect();
    took.sort_unstable();
    percentile_ms(&took, 0.99)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_burst_as_many_calls_are_taken_as_the_limits_allow() {
    let (dir, redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let gateway = GatewayProcess::start(dir.path(), &[("REDIS_URL", &redis.url())]).await;
    gateway.ready().await;
    let (answered, took) = ring(&gateway.wire()).await;
    let taken = answered.iter().filter(|answered| answered.token.is_some()).count();
    let of_one = answered.iter().filter(|answered| answered.of_one && answered.token.is_some()).count();
    eprintln!(
        "row 22: {} webhooks in {:.1} s: {taken} taken, of one number {of_one}, webhook p99 {:.0} ms, RSS max {} MB",
        webhooks(),
        took.as_secs_f64(),
        p99_ms(&answered),
        gateway.peak_kb() / 1024
    );
    // MAX_CALLS and MAX_CALLS_PER_CALLER as they are when nobody sets them: of the one number three ring at a time, each of
    // which gives its place to the next while the machine has room.
    assert_eq!(taken - of_one, 500 - 3);
    assert!(of_one >= 3, "{of_one}");
    assert!(gateway.peak_kb() < MOST_KB);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_calls_of_one_number_are_one_users_however_many_begin_at_once() {
    let (dir, redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let vars = [("REDIS_URL", redis.url().leak() as &str), ("MAX_CALLS", "20000"), ("MAX_CALLS_PER_CALLER", "10000")];
    let gateway = GatewayProcess::start(dir.path(), &vars).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let (answered, took) = ring(&wire).await;
    assert!(answered.iter().all(|answered| answered.token.is_some()), "a call was refused");
    let mut hung_up = Vec::new();
    for answered in answered.iter().filter(|answered| answered.of_one).step_by(webhooks() / 40) {
        let mut socket = wire.socket().await;
        socket.send(&start(&answered.sid, answered.token.as_deref().unwrap())).await;
        socket.expect("media").await;
        socket.send(&stop(&answered.sid)).await;
        socket.closed().await;
        hung_up.push(answered.sid.clone());
    }
    let store = shared(&redis).await;
    let mut users = BTreeSet::new();
    for sid in &hung_up {
        let deadline = Instant::now() + Duration::from_secs(10);
        let session = loop {
            if let Some(session) = store.load_session(&sid.parse().unwrap()).await.unwrap() {
                break session;
            }
            assert!(Instant::now() < deadline, "{sid} is not written");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        users.insert(session.user_id);
    }
    let mut connection = redis.raw().await;
    let numbers: Vec<String> = redis::cmd("KEYS").arg("sarah:phone:*").query_async(&mut connection).await.unwrap();
    let owners: Vec<String> = redis::cmd("MGET").arg(&numbers).query_async(&mut connection).await.unwrap();
    let distinct: BTreeSet<&String> = owners.iter().collect();
    eprintln!(
        "row 22: {} calls in {:.1} s without limits: {} numbers, {} users, of one number {}, webhook p99 {:.0} ms, RSS max {} MB",
        webhooks(),
        took.as_secs_f64(),
        numbers.len(),
        distinct.len(),
        users.len(),
        p99_ms(&answered),
        gateway.peak_kb() / 1024
    );
    assert_eq!(users.len(), 1, "one number has become {users:?}");
    assert_eq!(numbers.len(), distinct.len(), "two numbers share a user, or one has two");
    assert!(gateway.peak_kb() < MOST_KB);
}
