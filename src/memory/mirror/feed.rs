//! One call's way to the mirror: nothing on the call's path waits for it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{LiveCall, Mirror};
use crate::identity::Caller;
use crate::memory::model::Message;

/// Notes that may wait, some minutes of talk. Beyond that they are dropped: the mirror is second best, the journal has
/// everything.
const QUEUE: usize = 64;

/// Tells the mirror of a live call what happens, in order, from a task of its own.
pub(crate) struct Feed {
    notes: mpsc::Sender<Note>,
}

enum Note {
    Found(Caller),
    SummedUp(String),
    Turn(Box<Message>, u64),
    Over,
    Forget,
}

impl Feed {
    /// Begins to mirror a call that has had these turns so far.
    pub(crate) fn start(mirror: Arc<dyn Mirror>, call: LiveCall, before: Vec<Message>) -> Self {
        let (notes, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(mirror, call, before, queue));
        Self { notes }
    }

    /// Notes who memory says the caller is.
    pub(crate) fn found(&self, caller: &Caller) {
        let _ = self.notes.try_send(Note::Found(caller.clone()));
    }

    /// Notes what was said before the turns that are kept.
    pub(crate) fn summed_up(&self, summary: &str) {
        let _ = self.notes.try_send(Note::SummedUp(summary.to_owned()));
    }

    /// Notes that this side has ended the call. Ahead of whatever the carrier asks next, if the mirror is quick.
    pub(crate) fn over(&self) {
        let _ = self.notes.try_send(Note::Over);
    }

    /// Takes the call out of the mirror, for good: its caller was erased. A queue that is full is not waited for here.
    pub(crate) fn forget(self) {
        tokio::spawn(async move { self.notes.send(Note::Forget).await });
    }

    /// Adds a turn, the `turns`th of the call.
    pub(crate) fn turn(&self, message: Message, turns: u64) {
        if self.notes.try_send(Note::Turn(Box::new(message), turns)).is_err() {
            metrics::counter!("redial_mirror_dropped_total").increment(1);
        }
    }
}

async fn run(mirror: Arc<dyn Mirror>, mut call: LiveCall, before: Vec<Message>, mut queue: mpsc::Receiver<Note>) {
    mirror.begin(&call).await;
    for (turns, message) in (1..).zip(&before) {
        mirror.turn(&call.session_id, message, turns).await;
    }
    while let Some(note) = queue.recv().await {
        match note {
            Note::Found(caller) => {
                call.user_id = caller.user_id;
                call.hash = caller.hash;
                mirror.begin(&call).await;
            }
            Note::SummedUp(summary) => {
                call.summary = summary;
                mirror.begin(&call).await;
            }
            // Not begun again, should the mirror have been away at the beginning: a late turn must not bring back a call
            // that is over, or whose caller was erased.
            Note::Turn(message, turns) => mirror.turn(&call.session_id, &message, turns).await,
            Note::Over => mirror.over(&call.session_id).await,
            Note::Forget => return mirror.end(&call.session_id, &call.instance).await,
        }
    }
}
