//! How memory is: store, journal, outbox, and what an operator should do.

use redial_store::directory::ServerReport;
use redial_store::redis::eviction;
use serde::Serialize;
use utoipa::ToSchema;

use super::Operations;

/// How memory is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Check {
    /// True when there is nothing that an operator should do.
    pub healthy: bool,
    /// Which store answers, `redis`, `sqlite` or `process`; null when none does.
    #[schema(required)]
    pub kind: Option<&'static str>,
    /// Round trip in ms, two decimals.
    #[schema(required)]
    pub latency_ms: Option<f64>,
    /// What is held; null when the store does not answer.
    #[schema(required)]
    pub figures: Option<HeldFigures>,
    /// What the store's server says of itself; null where there is none.
    #[schema(required)]
    pub server: Option<ServerReport>,
    /// Journal and outbox of this data directory; null when the file cannot be read.
    #[schema(required)]
    pub spool: Option<SpoolState>,
    /// What should be done, the most urgent first.
    pub advice: Vec<String>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldFigures {
    /// Users with a profile.
    pub users: u64,
    /// Numbers.
    pub numbers: u64,
    /// Finished calls with their words.
    pub sessions: u64,
    /// Keys or rows without a TTL that should have one.
    pub without_ttl: u64,
    /// Bytes in all; null when the store does not say.
    #[schema(required)]
    pub bytes: Option<u64>,
}

/// Journal and outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpoolState {
    /// Calls in the journal: live, or left by an instance that died.
    pub open_calls: u64,
    /// Entries to be delivered.
    pub waiting: u64,
    /// Entries that were, kept in case the server forgets.
    pub delivered: u64,
    /// Entries that cannot be.
    pub dead: u64,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The greatest size in bytes: at 80 % of it an alarm is raised.
    pub max_bytes: u64,
    /// The most attempts that an entry among the first which wait has had.
    pub most_tries: u32,
    /// True while the disk does not take what is said; absent beside a gateway, which alone knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, nullable = false)]
    pub degraded: Option<bool>,
}

/// Share of the outbox's greatest size from which on something should be done.
const FILLING_UP: f64 = 0.8;
/// Attempts after which an entry waits for somebody, not for a moment to pass: the twelfth is half a minute or more after
/// the first.
const MANY_TRIES: u32 = 12;
/// How many waiting entries are looked at.
const LOOKED_AT: usize = 100;

impl Operations<'_> {
    /// Looks at everything. Counting takes a while in a large store.
    pub async fn check(&self) -> Check {
        let mut check = Check {
            healthy: false,
            kind: None,
            latency_ms: None,
            figures: None,
            server: None,
            spool: None,
            advice: Vec::new(),
        };
        match self.store.health().await {
            Ok(health) => {
                check.kind = Some(health.kind);
                check.latency_ms = Some((health.latency_ms * 100.0).round() / 100.0);
                check.advice.extend(health.findings);
                self.count(&mut check).await;
            }
            Err(error) => check.advice.push(error.to_string()),
        }
        let waiting = self.spool.waiting(LOOKED_AT).await.unwrap_or_default();
        match self.spool.figures().await {
            Ok(figures) => {
                check.spool = Some(SpoolState {
                    open_calls: figures.open_calls,
                    waiting: figures.waiting,
                    delivered: figures.delivered,
                    dead: figures.dead,
                    bytes: figures.bytes,
                    max_bytes: self.spool.max_bytes(),
                    most_tries: waiting.iter().map(|entry| entry.tries).max().unwrap_or(0),
                    degraded: self.live.map(|_| self.spool.is_degraded()),
                });
            }
            Err(error) => check.advice.push(error.to_string()),
        }
        let advice = advice(&check);
        check.advice.extend(advice);
        check.healthy = check.advice.is_empty();
        check
    }

    async fn count(&self, check: &mut Check) {
        match self.store.figures().await {
            Ok(figures) => {
                check.figures = Some(HeldFigures {
                    users: figures.users,
                    numbers: figures.numbers,
                    sessions: figures.sessions,
                    without_ttl: figures.without_ttl,
                    bytes: figures.bytes,
                });
            }
            Err(error) => check.advice.push(error.to_string()),
        }
        match self.store.server_report().await {
            Ok(report) => check.server = report,
            Err(error) => check.advice.push(error.to_string()),
        }
    }
}

/// What the figures say, beyond what is said already.
fn advice(check: &Check) -> Vec<String> {
    let mut advice = Vec::new();
    let is_said = |word: &str| check.advice.iter().any(|said| said.contains(word));
    if let Some(spool) = &check.spool {
        if spool.degraded == Some(true) {
            advice
                .push("the disk does not take the journal: free space, or replace it; words are held in memory".into());
        }
        if spool.dead > 0 {
            advice.push(format!(
                "{} entries cannot be delivered: `redial memory dead list` says why; retry or drop them",
                spool.dead
            ));
        }
    }
    if let Some(spool) = &check.spool {
        if spool.most_tries >= MANY_TRIES {
            advice.push(format!(
                "{} entries wait to be delivered, and one was tried {} times: `redial memory outbox` shows which; look at \
                 the store, the archive, or the model that they are for",
                spool.waiting, spool.most_tries
            ));
        }
        if spool.bytes as f64 > spool.max_bytes as f64 * FILLING_UP {
            advice.push(format!(
                "journal and outbox have {} of {} MB (SPOOL_MAX_MB): nothing is dropped, but the disk may fill; bring the \
                 store back, or raise the limit",
                spool.bytes / 1_048_576,
                spool.max_bytes / 1_048_576
            ));
        }
    }
    if let Some(server) = &check.server {
        let ServerReport { name, eviction_policy, max_bytes, evicted_keys, .. } = server;
        let eviction = eviction::advice(name, eviction_policy, *max_bytes, *evicted_keys);
        advice.extend(eviction.filter(|_| !is_said("maxmemory-policy")));
        if !server.append_only && !is_said("appendonly") {
            advice.push(format!(
                "{name} writes no append-only file: a crash loses what came since its last snapshot, except for the last \
                 hour, which is sent again; set appendonly yes"
            ));
        }
    }
    if let Some(figures) = check.figures.as_ref().filter(|figures| figures.without_ttl > 0) {
        advice.push(format!(
            "{} keys under our prefix have no TTL and would stay for ever: written by something else, or moved aside",
            figures.without_ttl
        ));
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(server: ServerReport, spool: SpoolState) -> Check {
        Check {
            healthy: false,
            kind: Some("redis"),
            latency_ms: Some(0.1),
            figures: None,
            server: Some(server),
            spool: Some(spool),
            advice: Vec::new(),
        }
    }

    const QUIET: SpoolState = SpoolState {
        open_calls: 0,
        waiting: 0,
        delivered: 0,
        dead: 0,
        bytes: 0,
        max_bytes: 1 << 30,
        most_tries: 0,
        degraded: None,
    };

    #[test]
    fn a_server_that_keeps_everything_needs_no_advice() {
        let server =
            ServerReport { append_only: true, eviction_policy: "noeviction".into(), ..ServerReport::default() };
        assert_eq!(advice(&check(server, QUIET)), Vec::<String>::new());
    }

    #[test]
    fn what_forgets_callers_is_said() {
        let server = ServerReport { evicted_keys: 7, eviction_policy: "allkeys-lru".into(), ..ServerReport::default() };
        let advice = advice(&check(server, SpoolState { dead: 2, degraded: Some(true), ..QUIET }));
        for (said, expected) in advice.iter().zip(["disk", "2 entries", "allkeys-lru", "append-only"]) {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(advice.len(), 4, "one about eviction: {advice:?}");
    }

    #[test]
    fn what_waits_for_somebody_is_said() {
        let server =
            ServerReport { append_only: true, eviction_policy: "noeviction".into(), ..ServerReport::default() };
        let full = SpoolState { waiting: 7, most_tries: MANY_TRIES, bytes: 900 << 20, ..QUIET };
        let advice = advice(&check(server, full));
        for (said, expected) in advice.iter().zip(["7 entries wait", "900 of 1024 MB"]) {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(advice.len(), 2);
    }
}
