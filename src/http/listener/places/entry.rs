//! One connection: who it is of, what it waits for, since when.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::phase::{
    BODY_LIMIT, FIRST_BYTE_LIMIT, HEAD_LIMIT, IDLE_LIMIT, Phase, Rules, START_LIMIT, STRANGER_IDLE_LIMIT,
};

/// Whoever is to go has been looked at, and has had nothing for us for this long. A burst of connections must not push out
/// one whose request is here and was not read yet.
pub(super) const GRACE: Duration = Duration::from_millis(50);

/// A connection, as it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) network: IpAddr,
    pub(super) standing: Standing,
    pub(super) phase: Phase,
    pub(super) since: Instant,
    /// Since when the client has not taken all that was written.
    pub(super) blocked_since: Option<Instant>,
    /// Since when nothing has come that the phase waits for.
    pub(super) waited_since: Option<Instant>,
    pub(super) cut: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Stranger,
    Believed,
    Call,
}

impl Entry {
    /// Of a stranger, whose first byte is awaited.
    pub(super) fn new(network: IpAddr, cut: CancellationToken) -> Self {
        Self {
            network,
            standing: Standing::Stranger,
            phase: Phase::FirstByte,
            since: Instant::now(),
            blocked_since: None,
            waited_since: None,
            cut,
        }
    }

    /// A request that is here is answered, also a stranger's: that takes us a moment, and nobody can draw it out.
    pub(super) fn may_go(&self, now: Instant) -> bool {
        let waits = self.waited_since.or(self.blocked_since).is_some_and(|since| now.duration_since(since) >= GRACE);
        waits && self.standing != Standing::Call && self.phase != Phase::Handler
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
        // Of an idle connection nothing is asked.
        self.waited_since = (phase == Phase::Idle).then_some(self.since);
    }

    /// The phase in which a connection has been for too long.
    pub(super) fn overdue(&self, rules: Rules, now: Instant) -> Option<Phase> {
        let limit = match self.phase {
            Phase::FirstByte => FIRST_BYTE_LIMIT,
            Phase::Head => HEAD_LIMIT,
            Phase::Body => BODY_LIMIT,
            Phase::Handler => rules.handler,
            Phase::Answer => rules.answer,
            Phase::Idle if self.standing == Standing::Stranger => STRANGER_IDLE_LIMIT,
            Phase::Idle => IDLE_LIMIT,
            Phase::Start => START_LIMIT,
            Phase::Call => return None,
        };
        if self.blocked_since.is_some_and(|since| now.duration_since(since) >= rules.answer) {
            return Some(Phase::Answer);
        }
        (now.duration_since(self.since) >= limit).then_some(self.phase)
    }
}
