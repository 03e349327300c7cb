//! Row 23: Redis was away for a day, and the sessions of all that time wait in the outbox.

use std::time::{Duration, Instant};

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller as Who, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, SCHEMA_VERSION, SessionDoc};
use redial_store::clock;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::Database;
use tempfile::TempDir;

use super::{Caller, counted, is_long, percentile_ms};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

/// `SPOOL_DRAIN_PER_SECOND`.
const RATE: usize = 500;
/// Sessions of each caller that wait.
const EACH: usize = 4;
const MOST_KB: u64 = 300_000;

fn sessions() -> usize {
    if is_long() { 100_000 } else { 8_000 }
}

fn sid(n: usize) -> String {
    format!("CA{n:032x}")
}

fn session(n: usize, user: &UserId) -> SessionDoc {
    let turn = |id: u32| Message {
        turn: Turn {
            id: TurnId(id),
            role: if id.is_multiple_of(2) { Role::Agent } else { Role::Caller },
            via: Via::Voice,
            text: format!("I would like to move appointment {n} from Tuesday to Friday, if that is possible."),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: u64::from(id) * 5_000,
            end_ms: u64::from(id) * 5_000 + 4_000,
        },
    };
    let ended_at = 1_790_000_000_000 + u64::try_from(n).unwrap();
    SessionDoc {
        session_id: sid(n).parse().unwrap(),
        conversation_history: (1..=6).map(turn).collect(),
        last_update: "2026-11-01T10:00:00.000Z".to_owned(),
        metadata: Metadata::default(),
        v: SCHEMA_VERSION,
        user_id: user.as_str().to_owned(),
        started_at: ended_at - 60_000,
        ended_at,
        end_reason: "caller_hung_up".to_owned(),
    }
}

/// Queues them all, as a gateway of yesterday has.
async fn queue(dir: &TempDir) {
    let database = Database::open(&dir.path().join("redial.sqlite"), clock::system()).unwrap();
    let spool = Spool::open(database.into(), Some(dir.path()), SpoolSettings::default()).unwrap();
    let users = sessions() / EACH;
    let mut acks = Vec::new();
    for n in 0..sessions() {
        let user_id = UserId::parse(&format!("u_{}", n % users)).unwrap();
        let hash = PhoneHash::parse(&format!("HASH{}", n % users)).unwrap();
        let session = session(n, &user_id);
        acks.push(spool.close(&Who { user_id, hash: Some(hash) }, session));
    }
    for ack in acks {
        ack.await.unwrap();
    }
    assert_eq!(spool.figures().await.unwrap().waiting, u64::try_from(sessions()).unwrap());
}

/// From the webhook to the agent's first sound, one call after another until it is told to stop.
struct Probe {
    took: Vec<Duration>,
}

impl Probe {
    async fn one(&mut self, gateway: &GatewayProcess) {
        let wire = gateway.wire();
        // The carrier keeps a connection.
        wire.get("/healthz").await;
        let began = Instant::now();
        let mut caller = Caller::call(&wire, &format!("+1415{:07}", 5_550_000 + self.took.len())).await;
        self.took.push(began.elapsed());
        caller.hang_up();
        caller.over().await;
    }

    fn p99_ms(&mut self) -> f64 {
        self.took.sort_unstable();
        percentile_ms(&self.took, 0.99)
    }
}

/// Sessions in Redis by now; the documents of calls that were made meanwhile count as well.
async fn stored(redis: &RedisServer) -> usize {
    let mut connection = redis.raw().await;
    let mut there = 0;
    for chunk in (0..sessions()).collect::<Vec<_>>().chunks(1000) {
        let keys: Vec<String> = chunk.iter().map(|n| format!("sarah:session:{}", sid(*n))).collect();
        there += redis::cmd("EXISTS").arg(keys).query_async::<usize>(&mut connection).await.unwrap();
    }
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn a_days_sessions_are_delivered_at_the_rate_that_is_set_and_no_call_start_waits() {
    let (dir, mut redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    redis.kill();
    queue(&dir).await;
    let rate = RATE.to_string();
    let vars = [("REDIS_URL", redis.url().leak() as &str), ("SPOOL_DRAIN_PER_SECOND", &rate)];
    let gateway = GatewayProcess::start(dir.path(), &vars).await;
    gateway.ready().await;
    let base_kb = gateway.resident_kb();
    redis.restart().await;
    let began = Instant::now();
    let expected = Duration::from_secs_f64(sessions() as f64 / RATE as f64);
    let mut during = Probe { took: Vec::new() };
    let mut database = redis.raw().await;
    let mut delivered_at = None;
    while delivered_at.is_none() {
        during.one(&gateway).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let keys: usize = redis::cmd("DBSIZE").query_async(&mut database).await.unwrap();
        // A session and a marker each, before it is worth looking closely.
        if keys >= 2 * sessions() && stored(&redis).await == sessions() {
            delivered_at = Some(began.elapsed());
        }
        assert!(
            began.elapsed() < expected * 4 + Duration::from_secs(30),
            "{} of {} are there",
            stored(&redis).await,
            sessions()
        );
    }
    let took = delivered_at.unwrap_or_default();
    let mut after = Probe { took: Vec::new() };
    for _ in 0..100 {
        after.one(&gateway).await;
    }
    let calls = sessions() + during.took.len() + after.took.len();
    let deadline = Instant::now() + Duration::from_secs(10);
    while counted(&redis).await < u64::try_from(calls).unwrap() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (lost, counted) = (sessions() - stored(&redis).await, counted(&redis).await);
    eprintln!(
        "row 23: {} sessions queued, drained in {:.0} s at {:.0}/s, RSS max {} MB ({} MB before), call start p99 {:.0} ms \
         ({:.0} ms after), lost {lost}, duplicated {}",
        sessions(),
        took.as_secs_f64(),
        sessions() as f64 / took.as_secs_f64(),
        gateway.peak_kb() / 1024,
        base_kb / 1024,
        during.p99_ms(),
        after.p99_ms(),
        counted.saturating_sub(u64::try_from(calls).unwrap()),
    );
    assert_eq!((lost, counted), (0, u64::try_from(calls).unwrap()));
    assert!(gateway.peak_kb() < MOST_KB);
    assert!(took > expected.mul_f64(0.9), "faster than the rate that is set");
}
