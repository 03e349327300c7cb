//! The session's clock: when to look at it, who is dead, and what time it is for the core.

use std::time::Duration;

use redial_call::{EndSignal, Event};
use redial_carrier::line::Medium;
use tokio::time::Instant;

use super::CallTask;
use super::line::TICK;
use crate::telemetry::millis;

/// Silence of the carrier after which it counts as gone. A live call brings 50 messages a second; what a proxy sends by itself,
/// pings, is no sign of life.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// The same of a line that has nothing to say while nobody speaks.
const QUIET_FOR_LONG: Duration = Duration::from_secs(3600);
/// For so long after it stood still, the process does not take silence for death: it has yet to read what came meanwhile.
const AWAKE: Duration = Duration::from_secs(1);

impl CallTask {
    /// When to look at the clock again, at the latest.
    pub(super) fn deadline(&mut self) -> Instant {
        let now = self.look_at_clock();
        let tick = (now + TICK).min(self.dead_at());
        match self.call.poll_timeout() {
            Some(due) if !self.stands_still(now) => tick.min(self.clock.at(due)),
            Some(_) | None => tick,
        }
    }

    fn dead_at(&self) -> Instant {
        if self.codec.capabilities().medium == Medium::Words {
            // A line of words says nothing while nobody does; the silence ladder and the longest duration end it.
            return self.last_message + QUIET_FOR_LONG;
        }
        (self.last_message + DEAD_AFTER).max(self.clock.awake_since() + AWAKE)
    }

    pub(super) fn on_deadline(&mut self) {
        let now = self.look_at_clock();
        if now >= self.dead_at() {
            tracing::warn!("no message from the carrier for {DEAD_AFTER:?}");
            self.last_message = now;
            self.end(EndSignal::SocketClosed);
        } else {
            self.tell_stood();
            self.call.handle_timeout(self.now());
        }
    }

    /// Whether the line brings nothing, or what was said a while ago: the call's clock stands still with it.
    fn stands_still(&self, now: Instant) -> bool {
        !self.ends && !self.is_closed && self.line.stands_still(now)
    }

    /// Moves the call's clock on. Once for each thing that happens, so that all of it happens at one time.
    pub(super) fn look_at_clock(&mut self) -> Instant {
        let now = Instant::now();
        let stands_still = self.stands_still(now);
        if let Some(stood) = self.clock.advance(now, stands_still) {
            self.stood += stood;
            metrics::counter!("redial_stalls_total", "what" => "process").increment(1);
            if let Some(left_out) = self.lines.stall.due() {
                tracing::warn!(left_out, stood_ms = millis(stood), "this process stood still; its calls go on");
            }
        }
        if stands_still {
            self.stalled.get_or_insert(now);
        } else if let Some(since) = self.stalled.take() {
            metrics::counter!("redial_stalls_total", "what" => "line").increment(1);
            if let Some(left_out) = self.lines.stall.due() {
                tracing::warn!(left_out, stood_ms = millis(since.elapsed()), "the line stood still; the call goes on");
            }
        }
        now
    }

    /// The core's time: since the call began, in whole ms, without the time in which the line or this process stood still.
    pub(super) fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.clock.time().as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.look_at_clock();
        self.tell_stood();
        self.tell(event);
    }

    fn tell_stood(&mut self) {
        let stood = std::mem::take(&mut self.stood);
        if !stood.is_zero() {
            self.tell(Event::Stood { ms: u64::try_from(stood.as_millis()).unwrap_or(u64::MAX) });
        }
    }

    fn tell(&mut self, event: Event) {
        let now = self.now();
        self.recorder.event(now, &event);
        self.call.handle(now, event);
    }
}
