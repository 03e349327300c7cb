//! A gateway between callers and a Redis that fails: what was acknowledged and hung up is noted outside of it, and compared
//! with what is stored once the fault is healed.
//!
//! A third of the calls is in the middle of its talk while the fault lasts, a third begins with it, a third ends with it,
//! and some begin and end within it.

pub(crate) mod caller;
pub(crate) mod contents;
pub(crate) mod monitor;
pub(crate) mod outbox;
mod verdict;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tempfile::TempDir;

use self::caller::{Ended, LiveCall, number};
use self::outbox::Outbox;
use self::verdict::Verdict;
use crate::support::process::GatewayProcess;
use crate::support::proxy::{Mode, Proxy};
use crate::support::redis::RedisServer;

/// Liveness: the outbox is empty this long after the last fault.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// A call start with any fault, on a machine that does nothing else, is 160 ms; here six tests share two cores. Without
/// a bound at all it would be the client's own 400 ms and more for each attempt.
const CALL_START_LIMIT: Duration = Duration::from_millis(1500);
/// The lookup's own deadline is 150 ms; the rest is the machine's.
const LOOKUP_LIMIT: Duration = Duration::from_millis(300);
/// Speech that the caller hears is sent some 400 ms ahead; this much silence in it would be heard.
const GAP_LIMIT: Duration = Duration::from_millis(250);

/// Calls at once: 20, or `FAULT_CALLS`.
pub(crate) fn calls() -> usize {
    std::env::var("FAULT_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(20)
}

/// How long a fault lasts: `FAULTS=long` has the longer ones.
pub(crate) fn lasts(short: Duration, long: Duration) -> Duration {
    if is_long() { long } else { short }
}

/// Whether the faults last as long as in the field.
pub(crate) fn is_long() -> bool {
    std::env::var("FAULTS").is_ok_and(|faults| faults == "long")
}

/// The same on all gateways, so that they know a caller by the same key.
const PEPPER: &str = "6d0f2c1b9a8e7d6c5b4a39281706f5e4d3c2b1a0998877665544332211000fed";

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The gateways, their callers and the way to Redis.
pub(crate) struct Bed {
    pub(crate) redis: RedisServer,
    pub(crate) proxy: Proxy,
    pub(crate) instances: Vec<Instance>,
    /// How long each caller takes for a turn.
    pub(crate) pace: Duration,
    /// How many numbers call, one after another.
    pub(crate) numbers: usize,
    rung: usize,
    live: Vec<LiveCall>,
    ended: Vec<Ended>,
    /// How many things were broken.
    pub(crate) faults: u32,
    /// Of the calls that began while something was broken.
    starts: Vec<Duration>,
    healings: Vec<Healing>,
}

/// A gateway with a disk of its own.
pub(crate) struct Instance {
    pub(crate) process: GatewayProcess,
    pub(crate) dir: TempDir,
}

impl Instance {
    async fn start(vars: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let process = GatewayProcess::start(dir.path(), vars).await;
        process.ready().await;
        Self { process, dir }
    }
}

/// What followed the end of a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Healing {
    /// Until Redis acknowledged a delivery; `None` when nothing had been waiting.
    pub(crate) first_write: Option<Duration>,
    /// Until nothing waited any more.
    pub(crate) drained: Duration,
}

impl Bed {
    /// A gateway before a Redis that works.
    pub(crate) async fn start() -> Self {
        Self::with(RedisServer::start().await, Mode::Pass, 1, &[]).await
    }

    /// So many gateways with further variables, before this Redis, with the way there as `mode` says.
    pub(crate) async fn with(redis: RedisServer, mode: Mode, gateways: usize, vars: &[(&str, &str)]) -> Self {
        let proxy = Proxy::before(redis.port()).await;
        proxy.set(mode).await;
        let port = proxy.port().to_string();
        let mut all = vec![
            ("REDIS_HOST", "127.0.0.1"),
            ("REDIS_PORT", port.as_str()),
            ("MEMORY_PHONE_PEPPER", PEPPER),
            // The keys that are pressed here mean nothing.
            ("MEMORY_CONSENT", "implicit"),
            ("RUST_LOG", "info,redial_store::spool=debug"),
        ];
        all.extend_from_slice(vars);
        let mut instances = Vec::new();
        for _ in 0..gateways {
            instances.push(Instance::start(&all).await);
        }
        Self {
            redis,
            proxy,
            instances,
            pace: Duration::from_millis(500),
            numbers: calls(),
            rung: 0,
            live: Vec::new(),
            ended: Vec::new(),
            faults: 0,
            starts: Vec::new(),
            healings: Vec::new(),
        }
    }

    /// Rings this many times at once, with the numbers in turn, at the gateways in turn.
    fn dial(&mut self, calls: usize) -> Vec<LiveCall> {
        let wires: Vec<_> = self.instances.iter().map(|instance| instance.process.wire()).collect();
        let new = self.rung..self.rung + calls;
        self.rung += calls;
        new.map(|n| LiveCall::ring(&wires[n % wires.len()], number(n % self.numbers), self.pace)).collect()
    }

    /// Rings this many times at once, and waits until all hear the agent. How long each took.
    pub(crate) async fn ring(&mut self, calls: usize) -> Vec<Duration> {
        let mut new = self.dial(calls);
        let starts = join_all(new.iter_mut().map(LiveCall::heard)).await;
        self.live.extend(new);
        starts
    }

    /// The same while something is broken.
    pub(crate) async fn ring_in_fault(&mut self, calls: usize) {
        let starts = self.ring(calls).await;
        self.starts.extend(starts);
    }

    /// The calls that have lasted longest hang up at once.
    pub(crate) async fn hang_up(&mut self, calls: usize) {
        let calls = self.live.drain(..calls.min(self.live.len()));
        self.ended.extend(join_all(calls.map(LiveCall::end)).await);
    }

    /// All hang up.
    pub(crate) async fn hang_up_all(&mut self) {
        self.hang_up(usize::MAX).await;
    }

    /// Before the fault: two thirds of the calls are on the line, some with a call behind them.
    pub(crate) async fn calls_before(&mut self) {
        let calls = calls();
        self.ring(calls / 5).await;
        tokio::time::sleep(2 * self.pace).await;
        self.hang_up_all().await;
        self.ring(calls * 2 / 3).await;
        tokio::time::sleep(2 * self.pace).await;
    }

    /// While the fault lasts.
    pub(crate) async fn through(&mut self, fault: Duration) {
        self.struck(fault, Duration::ZERO, |_| ()).await;
    }

    /// The same; Redis is struck this long after a third has begun to ring, and a third to hang up.
    pub(crate) async fn struck(&mut self, fault: Duration, after: Duration, strike: impl FnOnce(&mut RedisServer)) {
        let third = calls() / 3;
        self.faults += 1;
        let ending: Vec<LiveCall> = self.live.drain(..third.min(self.live.len())).collect();
        let ending = tokio::spawn(join_all(ending.into_iter().map(LiveCall::end)));
        let mut new = self.dial(calls() - third - self.live.len());
        tokio::time::sleep(after).await;
        strike(&mut self.redis);
        let began = Instant::now();
        self.starts.extend(join_all(new.iter_mut().map(LiveCall::heard)).await);
        self.live.extend(new);
        self.ended.extend(ending.await.unwrap());
        tokio::time::sleep((fault / 2).saturating_sub(began.elapsed())).await;
        let short = self.live.len();
        self.ring_in_fault(third / 2).await;
        tokio::time::sleep((fault * 3 / 4).saturating_sub(began.elapsed())).await;
        let short: Vec<LiveCall> = self.live.drain(short..).collect();
        self.ended.extend(join_all(short.into_iter().map(LiveCall::end)).await);
        tokio::time::sleep(fault.saturating_sub(began.elapsed())).await;
    }

    /// After the fault: waits until the outbox is empty.
    pub(crate) async fn healed(&mut self) -> Healing {
        let (began, since) = (Instant::now(), unix_ms());
        let drained = self.drained().await;
        let dirs = self.instances.iter().map(|instance| instance.dir.path());
        let first = dirs.filter_map(|dir| Outbox::first_delivery_since(dir, since)).min();
        let first_write = first.map(|at| Duration::from_millis(at.saturating_sub(since)).min(began.elapsed()));
        let healing = Healing { first_write, drained };
        self.healings.push(healing);
        healing
    }

    /// Waits until nothing waits in the outbox; how long that took.
    pub(crate) async fn drained(&self) -> Duration {
        let began = Instant::now();
        loop {
            let outbox = self.outbox();
            if outbox.waiting == 0 && outbox.open <= self.live.len() as u64 {
                return began.elapsed();
            }
            assert!(began.elapsed() < DRAIN_LIMIT, "{outbox:?} after {DRAIN_LIMIT:?}\n{}", self.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until each call that is over is in the outbox.
    pub(crate) async fn journal_closed(&self) {
        let began = Instant::now();
        while self.outbox().open > self.live.len() as u64 {
            assert!(began.elapsed() < seconds(20), "calls stay open: {:?}", self.outbox());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What waits in all outboxes.
    pub(crate) fn outbox(&self) -> Outbox {
        self.instances.iter().map(|instance| Outbox::of(instance.dir.path())).fold(Outbox::default(), Outbox::and)
    }

    /// All hang up; then nothing may be lost, doubled or dropped. Prints what came of it, as one line.
    pub(crate) async fn judge(&mut self, row: &str) -> Verdict {
        self.hang_up_all().await;
        self.drained().await;
        let verdict = Verdict::of(self).await;
        eprintln!("{row}: {}", self.line(&verdict));
        verdict.assert(&self.last_words());
        let gap = self.longest_gap();
        assert!(gap < GAP_LIMIT, "the agent was silent for {gap:?} in the middle of its words");
        verdict
    }

    /// Call starts within the fault had their answer in time, whatever Redis did.
    pub(crate) async fn assert_prompt(&self) {
        let (start, lookup) = (self.slowest_start(), self.slowest_lookup().await);
        assert!(start < CALL_START_LIMIT, "a call started after {start:?}");
        assert!(lookup <= LOOKUP_LIMIT, "a lookup took up to {lookup:?}");
    }

    fn line(&self, verdict: &Verdict) -> String {
        let (turns, lost, doubled) = (verdict.acknowledged, verdict.lost.len(), verdict.duplicated.len());
        let mut line = format!(
            "faults {}, {} calls, {turns} turns acknowledged, lost {lost}, duplicated {doubled}, dropped {}",
            self.faults,
            self.ended.len(),
            verdict.dropped.len()
        );
        if !self.starts.is_empty() {
            let mut starts = self.starts.clone();
            starts.sort_unstable();
            let (median, max) = (starts[starts.len() / 2].as_millis(), self.slowest_start().as_millis());
            line += &format!(", call start median {median} ms, max {max} ms");
        }
        let firsts: Vec<Duration> = self.healings.iter().filter_map(|healing| healing.first_write).collect();
        if let Some(first) = firsts.iter().max() {
            line += &format!(", first good write {} ms after healing", first.as_millis());
        }
        if let Some(drained) = self.healings.iter().map(|healing| healing.drained).max() {
            line += &format!(", drained after {} ms", drained.as_millis());
        }
        line + &format!(", longest gap in speech {} ms", self.longest_gap().as_millis())
    }

    fn slowest_start(&self) -> Duration {
        self.starts.iter().max().copied().unwrap_or_default()
    }

    fn longest_gap(&self) -> Duration {
        self.ended.iter().map(|ended| ended.longest_gap).max().unwrap_or_default()
    }

    /// A time that no lookup of this process has exceeded, as the gateway itself measures it: the bound of a bucket.
    pub(crate) async fn slowest_lookup(&self) -> Duration {
        let metrics = self.gateway().metrics().await;
        let count = |name: &str| {
            metrics.lines().filter_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned()).collect()
        };
        let all: Vec<String> = count("redial_lookup_seconds_count ");
        let all = all.first().unwrap_or_else(|| panic!("no lookups in {metrics}"));
        let buckets: Vec<String> = count("redial_lookup_seconds_bucket{le=\"");
        let bound = buckets.iter().filter_map(|bucket| bucket.split_once("\"} ")).find(|(_, count)| count == all);
        let seconds = bound.and_then(|(bound, _)| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite());
        seconds.map_or(Duration::MAX, Duration::from_secs_f64)
    }

    /// The calls that are over.
    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// The session ids of the calls on the line, in the order in which they rang.
    pub(crate) fn live_sids(&self) -> Vec<String> {
        self.live.iter().map(|call| call.sid.clone()).collect()
    }

    /// Kills the first gateway, with all calls on the line, and starts it again.
    pub(crate) async fn kill_gateway(&mut self) {
        let process = &mut self.instances[0].process;
        process.kill();
        process.restart().await;
        process.ready().await;
        self.ended.extend(join_all(self.live.drain(..).map(LiveCall::cut_off)).await);
    }

    /// How many lines of the first gateway's log have these words.
    pub(crate) fn said(&self, words: &str) -> usize {
        self.gateway().log().lines().filter(|line| line.contains(words)).count()
    }

    /// The first gateway.
    pub(crate) fn gateway(&self) -> &GatewayProcess {
        &self.instances[0].process
    }

    /// The first gateway's disk.
    pub(crate) fn data_dir(&self) -> &Path {
        self.instances[0].dir.path()
    }

    /// The gateway's latest warnings, for a test that fails.
    pub(crate) fn last_words(&self) -> String {
        let log: String = self.instances.iter().map(|instance| instance.process.log()).collect();
        let mut warnings: Vec<&str> = log
            .lines()
            .rev()
            .filter(|line| !line.contains("\"INFO\"") && !line.contains("\"DEBUG\""))
            .take(12)
            .collect();
        warnings.reverse();
        warnings.join("\n")
    }
}

pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
