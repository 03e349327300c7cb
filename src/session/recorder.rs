//! The one place that sees all of a call, (time, event, action), and hands it to whoever keeps or watches it.
//!
//! Nothing here waits: the journal, the mirror and the call log have queues of their own, and who watches too slowly misses something.

use std::sync::Arc;
use std::time::Duration;

use redial_call::{Action, Event, Role, Turn, TurnId};
use redial_memory::model::Message;
use redial_store::mirror::feed::Feed;
use redial_store::spool::Spool;
use tokio::time::Instant;

use super::gap::Gap;
use super::log::CallLog;
use super::record::Record;
use crate::calls::Lookup;
use crate::viewers::{Seen, Viewers, What};

/// What is kept and shown of one call while it lives.
pub(crate) struct Recorder {
    pub(crate) record: Record,
    pub(crate) spool: Arc<Spool>,
    pub(crate) mirror: Option<Feed>,
    pub(crate) log: Option<CallLog>,
    pub(crate) viewers: Viewers,
    pub(crate) gap: Gap,
}

impl Recorder {
    /// Something is about to be told to the core.
    pub(super) fn event(&mut self, now: Duration, event: &Event) {
        match event {
            Event::SpeechStarted => self.gap.on_speech_started(),
            Event::SpeechStopped { .. } => self.gap.on_speech_stopped(Instant::now()),
            _ => (),
        }
        if let Some(log) = &mut self.log {
            log.write(now, event);
        }
        self.show(now, || What::Event(event.clone()));
    }

    /// The core wants something done.
    pub(super) fn action(&mut self, now: Duration, action: &Action) {
        match action {
            Action::TurnDone(turn) => self.turn(turn),
            Action::HangUp => {
                if let Some(mirror) = &self.mirror {
                    mirror.over();
                }
            }
            _ => (),
        }
        self.show(now, || What::Action(action.clone()));
    }

    fn show(&self, now: Duration, what: impl FnOnce() -> What) {
        if !self.record.is_forgotten() {
            self.viewers.show(|| Seen { session_id: self.record.session_id(), at: now, what: what() });
        }
    }

    /// A piece of the agent's turn is sent. `fills`: it only fills the wait for an answer.
    pub(super) fn sounds(&mut self, turn: TurnId, fills: bool) {
        self.gap.on_play(turn, fills);
    }

    /// Memory says who the caller is.
    pub(super) fn found(&self, found: &Lookup) {
        self.record.found(found);
        self.spool.found(&self.record.session_id(), &found.caller);
        if let Some(mirror) = &self.mirror {
            mirror.found(&found.caller);
        }
    }

    pub(super) fn summed_up(&self, summary: &str) {
        if let Some(mirror) = &self.mirror {
            mirror.summed_up(summary);
        }
    }

    /// The caller was erased while on the phone: nothing of the call is kept or shown from now on.
    pub(super) fn forget(&mut self, now: Duration) {
        tracing::info!("the caller was erased; nothing of this call is kept");
        self.show(now, || What::Forgotten);
        self.record.forget();
        self.log = None;
        if let Some(mirror) = self.mirror.take() {
            mirror.forget();
        }
    }

    fn turn(&self, turn: &Turn) {
        let role = match turn.role {
            Role::Caller => "user",
            Role::Agent => "assistant",
        };
        tracing::info!(turn = turn.id.0, role, start_ms = turn.start_ms, end_ms = turn.end_ms, "turn");
        let Some(kept) = self.record.keep(turn.clone()) else { return };
        if kept.is_note {
            tracing::warn!("the call has as many turns as are kept; what is said from now on is not");
        }
        let message = Message { turn: kept.turn };
        if let Some(mirror) = &self.mirror {
            mirror.turn(message.clone(), kept.place);
        }
        // On the disk a moment later; the talk does not wait for it.
        drop(self.spool.turn(&self.record.session_id(), message));
    }
}
