//! How memory is: store, journal, outbox, and what an operator should do.

use serde::Serialize;

use super::Operations;
use crate::memory::directory::ServerReport;

/// How memory is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// True when there is nothing that an operator should do.
    pub healthy: bool,
    /// Which store answers; absent when none does.
    pub kind: Option<&'static str>,
    /// Round trip in ms, two decimals.
    pub latency_ms: Option<f64>,
    /// What is held; absent when the store does not answer.
    pub figures: Option<HeldFigures>,
    /// What the store's server says of itself; absent where there is none.
    pub server: Option<ServerReport>,
    /// Journal and outbox of this data directory; absent when the file cannot be read.
    pub spool: Option<SpoolState>,
    /// What should be done, the most urgent first.
    pub advice: Vec<String>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeldFigures {
    /// Users with a profile.
    pub users: u64,
    /// Numbers.
    pub numbers: u64,
    /// Finished calls with their words.
    pub sessions: u64,
    /// Keys or rows without a TTL that should have one.
    pub without_ttl: u64,
    /// Bytes in all.
    pub bytes: Option<u64>,
}

/// Journal and outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// True while the disk does not take what is said.
    pub degraded: bool,
}

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
                self.count(&mut check).await;
            }
            Err(error) => check.advice.push(error.to_string()),
        }
        match self.spool.figures().await {
            Ok(figures) => {
                check.spool = Some(SpoolState {
                    open_calls: figures.open_calls,
                    waiting: figures.waiting,
                    delivered: figures.delivered,
                    dead: figures.dead,
                    bytes: figures.bytes,
                    degraded: self.spool.is_degraded(),
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

/// What the figures say.
fn advice(check: &Check) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(spool) = &check.spool {
        if spool.degraded {
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
    if let Some(server) = &check.server {
        if server.evicted_keys > 0 {
            advice.push(format!(
                "Redis has thrown {} keys away for want of memory: callers may have been forgotten; give it more \
                 (maxmemory), or shorten the TTLs",
                server.evicted_keys
            ));
        }
        if server.eviction_policy.starts_with("allkeys") {
            advice.push(format!(
                "maxmemory-policy is {}: under pressure Redis forgets callers before their time; set volatile-ttl or \
                 noeviction",
                server.eviction_policy
            ));
        }
        if !server.append_only {
            advice.push(
                "Redis writes no append-only file: a crash loses what came since its last snapshot, except for the \
                 last hour, which is sent again; set appendonly yes"
                    .into(),
            );
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

    const QUIET: SpoolState =
        SpoolState { open_calls: 0, waiting: 0, delivered: 0, dead: 0, bytes: 0, degraded: false };

    #[test]
    fn a_server_that_keeps_everything_needs_no_advice() {
        let server =
            ServerReport { append_only: true, eviction_policy: "noeviction".into(), ..ServerReport::default() };
        assert_eq!(advice(&check(server, QUIET)), Vec::<String>::new());
    }

    #[test]
    fn what_forgets_callers_is_said() {
        let server = ServerReport { evicted_keys: 7, eviction_policy: "allkeys-lru".into(), ..ServerReport::default() };
        let advice = advice(&check(server, SpoolState { dead: 2, degraded: true, ..QUIET }));
        for (said, expected) in advice.iter().zip(["disk", "2 entries", "thrown 7 keys", "allkeys-lru", "append-only"])
        {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(advice.len(), 5);
    }
}
