//! How long the caller waits for an answer, and for what fills the wait: measured apart, so that a filler cannot hide a slow
//! answer.

use redial_call::TurnId;
use tokio::time::Instant;

use crate::telemetry::millis;

/// The wait since the caller last stopped speaking.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    since: Option<Instant>,
    filled: bool,
}

impl Gap {
    pub(super) fn on_speech_started(&mut self) {
        self.since = None;
    }

    pub(super) fn on_speech_stopped(&mut self, now: Instant) {
        *self = Self { since: Some(now), filled: false };
    }

    /// A piece of the agent's turn is sent. Only the first of its kind since the caller stopped counts.
    pub(super) fn on_play(&mut self, turn: TurnId, fills: bool) {
        let Some(since) = self.since else { return };
        let latency = since.elapsed();
        let latency_ms = millis(latency);
        if !fills {
            self.since = None;
            metrics::histogram!("redial_turn_latency_seconds").record(latency.as_secs_f64());
            tracing::info!(turn = turn.0, turn_latency_ms = latency_ms, "the agent answers");
        } else if !self.filled {
            self.filled = true;
            metrics::histogram!("redial_filler_latency_seconds").record(latency.as_secs_f64());
            tracing::info!(turn = turn.0, filler_latency_ms = latency_ms, "the answer is late; the wait is filled");
        }
    }
}
