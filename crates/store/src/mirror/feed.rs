//! One call's way to the mirror: nothing on the call's path waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use redial_identity::Caller;
use redial_memory::model::Message;
use redial_memory::session_id::SessionId;
use tokio::sync::mpsc;

use super::{LiveCall, Mirror, Shown};

/// Notes that may wait, some minutes of talk. Beyond that they are dropped: the mirror is second best, the journal has
/// everything.
const QUEUE: usize = 64;
/// The newest messages that are kept here, in case the mirror has to be begun with them: as many as one shows.
const NEWEST: usize = 64;

/// Tells the mirror of a live call what happens, in order, from a task of its own.
pub struct Feed {
    notes: mpsc::Sender<Note>,
    mirror: Arc<dyn Mirror>,
    session_id: SessionId,
    instance: String,
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
    pub fn start(mirror: Arc<dyn Mirror>, call: LiveCall, before: Vec<Message>) -> Self {
        let (notes, queue) = mpsc::channel(QUEUE);
        let (session_id, instance) = (call.session_id.clone(), call.instance.clone());
        tokio::spawn(run(Arc::clone(&mirror), call, before, queue));
        Self { notes, mirror, session_id, instance }
    }

    /// Notes who memory says the caller is.
    pub fn found(&self, caller: &Caller) {
        let _ = self.notes.try_send(Note::Found(caller.clone()));
    }

    /// Notes what was said before the turns that are kept.
    pub fn summed_up(&self, summary: &str) {
        let _ = self.notes.try_send(Note::SummedUp(summary.to_owned()));
    }

    /// Notes that this side has ended the call. Ahead of whatever the carrier asks next, if the mirror is quick.
    pub fn over(&self) {
        let _ = self.notes.try_send(Note::Over);
    }

    /// Takes the call out of the mirror, for good: its caller was erased. A queue that is full is not waited for here.
    pub fn forget(self) {
        tokio::spawn(async move {
            if self.notes.send(Note::Forget).await.is_err() {
                // The task has died, of what the log says; an erasure does not depend on it.
                self.mirror.end(&self.session_id, &self.instance).await;
            }
        });
    }

    /// Adds a turn, the `turns`th of the call.
    pub fn turn(&self, message: Message, turns: u64) {
        if self.notes.try_send(Note::Turn(Box::new(message), turns)).is_err() {
            metrics::counter!("redial_mirror_dropped_total").increment(1);
        }
    }
}

async fn run(mirror: Arc<dyn Mirror>, call: LiveCall, before: Vec<Message>, mut queue: mpsc::Receiver<Note>) {
    let mut feeding = Feeding { mirror, call, turns: 0, newest: VecDeque::new(), place: Place::NotYet };
    for (turns, message) in (1..).zip(before) {
        feeding.keep(message, turns);
    }
    feeding.begin().await;
    while let Some(note) = queue.recv().await {
        match note {
            Note::Found(caller) => {
                feeding.call.user_id = caller.user_id;
                feeding.call.hash = caller.hash;
                feeding.begin().await;
            }
            Note::SummedUp(summary) => {
                feeding.call.summary = summary;
                feeding.begin().await;
            }
            Note::Turn(message, turns) => feeding.turn(*message, turns).await,
            Note::Over => feeding.mirror.over(&feeding.call.session_id).await,
            Note::Forget => return feeding.mirror.end(&feeding.call.session_id, &feeding.call.instance).await,
        }
    }
}

/// Whose place in the mirror it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Another instance's, whose copy has more turns than ours: it is ours once it has not.
    NotYet,
    Ours,
    /// Another instance has taken the call from us.
    Lost,
}

/// A call's mirror as its instance sees it.
struct Feeding {
    mirror: Arc<dyn Mirror>,
    call: LiveCall,
    /// Turns that the call has had.
    turns: u64,
    newest: VecDeque<Message>,
    place: Place,
}

impl Feeding {
    fn keep(&mut self, message: Message, turns: u64) {
        let Some(back) = self.turns.checked_sub(turns) else {
            // What is not known has no place among the others.
            if turns > self.turns + 1 {
                self.newest.clear();
            }
            self.turns = turns;
            self.newest.push_back(message);
            if self.newest.len() > NEWEST {
                self.newest.pop_front();
            }
            return;
        };
        // The longer version of one; maybe of one that is too old to be kept here.
        let at = usize::try_from(back).ok().and_then(|back| self.newest.len().checked_sub(back + 1));
        if let Some(kept) = at.and_then(|at| self.newest.get_mut(at)) {
            *kept = message;
        }
    }

    async fn begin(&mut self) {
        if self.place == Place::Lost {
            return;
        }
        let newest = self.newest.make_contiguous();
        self.place = match (self.mirror.begin(&self.call, newest, self.turns).await, self.place) {
            (Shown::Ours, _) => Place::Ours,
            (Shown::Others, Place::NotYet) => Place::NotYet,
            (Shown::Others, Place::Ours | Place::Lost) => Place::Lost,
        };
    }

    async fn turn(&mut self, message: Message, turns: u64) {
        self.keep(message.clone(), turns);
        match self.place {
            Place::NotYet => self.begin().await,
            // Not begun again, should the mirror have been away at the beginning: a late turn must not bring back a call
            // that is over, or whose caller was erased.
            Place::Ours => {
                let (session_id, instance) = (&self.call.session_id, &self.call.instance);
                if self.mirror.turn(session_id, instance, &message, turns).await == Shown::Others {
                    self.place = Place::Lost;
                }
            }
            Place::Lost => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use async_trait::async_trait;
    use redial_identity::UserId;

    use super::*;
    use crate::mirror::Mirrored;
    use crate::store::MemoryError;

    /// Dies whenever it is to show something; keeps which calls it was to forget.
    #[derive(Default)]
    struct Dying(Mutex<Vec<(String, String)>>);

    #[async_trait]
    impl Mirror for Dying {
        async fn begin(&self, _: &LiveCall, _: &[Message], _: u64) -> Shown {
            panic!("a mirror dies, as the test wants it");
        }

        async fn turn(&self, _: &SessionId, _: &str, _: &Message, _: u64) -> Shown {
            unreachable!("it has not begun");
        }

        async fn load(&self, _: &SessionId) -> Result<Option<Mirrored>, MemoryError> {
            unreachable!("nobody asks");
        }

        async fn end(&self, session_id: &SessionId, instance: &str) {
            self.0.lock().unwrap().push((session_id.to_string(), instance.to_owned()));
        }
    }

    #[tokio::test]
    async fn an_erased_caller_leaves_a_mirror_whose_task_has_died() {
        let mirror = Arc::new(Dying::default());
        let call = LiveCall {
            session_id: "CA1".parse().unwrap(),
            user_id: UserId::parse("u_a").unwrap(),
            hash: None,
            started_at: 0,
            instance: "i1".to_owned(),
            summary: String::new(),
        };
        let feed = Feed::start(Arc::clone(&mirror) as Arc<dyn Mirror>, call, Vec::new());
        let died = tokio::time::timeout(Duration::from_secs(30), feed.notes.closed());
        died.await.expect("the task lives");
        feed.forget();
        let forgotten = async {
            while mirror.0.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), forgotten).await.expect("it is still shown");
        assert_eq!(*mirror.0.lock().unwrap(), [("CA1".to_owned(), "i1".to_owned())]);
    }
}
