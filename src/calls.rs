//! The calls of this process: who may come in, who waits for a stream, who is live.
//!
//! A call is admitted at the webhook, before it is answered, and keeps its place until it ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redial_call::{CallSid, Load};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::agent::GreetingLevel;
use crate::config::Limits;
use crate::identity::{Caller, UserId};
use crate::memory::spool::{LiveCalls, OpenCall};
use crate::memory::store::Known;

/// How long an answered webhook may wait for its stream: the token's life and some travelling time.
const RING_LIMIT: Duration = Duration::from_secs(75);
/// How long an ended call is remembered, so that a late webhook finds out how it ended.
const FINISHED_LIMIT: Duration = Duration::from_secs(600);
/// How often one call may be taken up again after its stream broke.
const MAX_LEGS: u32 = 4;

/// What was found out about a caller between the webhook and the stream.
#[derive(Debug)]
pub struct Lookup {
    /// Who it is, with the user id that memory answered if it did.
    pub caller: Caller,
    /// What memory holds; `None` when it did not answer in time.
    pub known: Option<Known>,
    /// How much of it may be said aloud.
    pub level: GreetingLevel,
    /// The words to greet with; they are being synthesised already.
    pub greeting: String,
}

/// An admitted call that waits for its stream.
#[derive(Debug)]
pub struct Ringing {
    /// Who calls.
    pub caller: Caller,
    /// The look-up under way.
    pub lookup: JoinHandle<Lookup>,
    /// What was said before the stream broke, once it is found; `None` for a new call.
    pub resumed: Option<oneshot::Receiver<OpenCall>>,
}

/// What a live call is told from outside its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The status callback named a terminal state.
    Completed,
    /// Say goodbye and hang up.
    Drain,
    /// Stop now.
    Shutdown,
    /// Let the call go between two turns; another process takes it up.
    HandOver,
    /// The carrier has given this stream up and is about to open another one for the call.
    Displaced,
    /// The caller was erased: keep nothing of this call.
    Forget,
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `MAX_CALLS` are live.
    #[error("the machine is full")]
    Full,
    /// Recognition on this machine is far behind; one more call would make it worse for all.
    #[error("speech recognition is behind")]
    Overloaded,
    /// `MAX_CALLS_PER_CALLER` of this number are live.
    #[error("the caller has too many calls at once")]
    CallerBusy,
    /// The process is about to stop.
    #[error("shutting down")]
    ShuttingDown,
    /// The data directory was taken away: what is said would be lost with this process.
    #[error("the data directory is gone")]
    DataDirGone,
    /// The stream of this call broke too often.
    #[error("the call was taken up too often")]
    TooManyLegs,
}

/// How a call's webhook is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// A new call, or one whose stream broke.
    New,
    /// The webhook came twice: the same answer again.
    Again(String),
    /// The call was hung up by us; nothing more is to be said.
    Finished,
}

/// All calls. Locked for microseconds only, never across an await.
#[derive(Debug)]
pub struct Calls {
    limits: Limits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    open: HashMap<CallSid, Open>,
    finished: HashMap<CallSid, Finished>,
}

#[derive(Debug)]
struct Open {
    caller: Caller,
    leg: u32,
    twiml: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Admitted; the look-up is about to begin.
    Admitted {
        since: Instant,
    },
    Ringing {
        since: Instant,
        ringing: Ringing,
    },
    Live {
        control: mpsc::Sender<Control>,
    },
}

/// A call, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallEntry {
    /// The carrier's id, which is the session's as well.
    pub call_sid: String,
    /// Whose call it is, as far as is known by now.
    pub user_id: String,
    /// `ringing` until its stream has started, then `live`.
    pub state: &'static str,
    /// 1, and one more for each time that its stream broke and it was taken up again.
    pub leg: u32,
}

#[derive(Debug)]
struct Finished {
    at: Instant,
    leg: u32,
    hung_up: bool,
}

impl Calls {
    /// No calls yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    /// Admits the call of a voice webhook, or says how it was answered before. A machine whose `load` is full takes no new call;
    /// calls that it has, or had when their stream broke, go on.
    ///
    /// # Errors
    /// When there is no room; nothing is kept then.
    pub fn admit(&self, sid: &CallSid, caller: &Caller, load: Load) -> Result<Admission, Refusal> {
        let mut inner = self.lock();
        if let Some(open) = inner.open.get(sid) {
            return Ok(Admission::Again(open.twiml.clone()));
        }
        let leg = match inner.finished.get(sid) {
            Some(finished) if finished.hung_up => return Ok(Admission::Finished),
            Some(finished) if finished.leg >= MAX_LEGS => return Err(Refusal::TooManyLegs),
            Some(finished) => finished.leg + 1,
            None => 1,
        };
        if inner.closed {
            return Err(Refusal::ShuttingDown);
        }
        if inner.open.len() >= self.limits.calls {
            return Err(Refusal::Full);
        }
        if leg == 1 && load == Load::Full {
            return Err(Refusal::Overloaded);
        }
        // By the number: the user id may be another one once memory has answered.
        let same = inner.open.values().filter(|open| open.caller.hash == caller.hash).count();
        if caller.hash.is_some() && same >= self.limits.calls_per_caller {
            return Err(Refusal::CallerBusy);
        }
        let state = State::Admitted { since: Instant::now() };
        inner.open.insert(sid.clone(), Open { caller: caller.clone(), leg, twiml: String::new(), state });
        Ok(Admission::New)
    }

    /// Notes the look-up and the answer of an admitted call.
    pub fn ring(&self, sid: &CallSid, ringing: Ringing, twiml: String) {
        if let Some(open) = self.lock().open.get_mut(sid) {
            open.twiml = twiml;
            open.state = State::Ringing { since: Instant::now(), ringing };
        }
    }

    /// The stream of a ringing call has started. `None`: no such call rings.
    pub fn answer(&self, sid: &CallSid, control: mpsc::Sender<Control>) -> Option<Ringing> {
        let mut inner = self.lock();
        let open = inner.open.get_mut(sid)?;
        match std::mem::replace(&mut open.state, State::Live { control }) {
            State::Ringing { ringing, .. } => Some(ringing),
            other @ (State::Admitted { .. } | State::Live { .. }) => {
                open.state = other;
                None
            }
        }
    }

    /// The carrier says that the call is over.
    pub fn completed(&self, sid: &CallSid) {
        let mut inner = self.lock();
        match inner.open.get(sid).map(|open| &open.state) {
            Some(State::Live { control }) => {
                // A full queue means that it has been told before.
                let _ = control.try_send(Control::Completed);
            }
            Some(State::Ringing { .. } | State::Admitted { .. }) => {
                inner.finish(sid, true);
            }
            None => (),
        }
    }

    /// A call's stream is over. `hung_up`: we ended the call, so that nothing more is to be said in it.
    pub fn finish(&self, sid: &CallSid, hung_up: bool) {
        self.lock().finish(sid, hung_up);
    }

    /// Makes room for another stream of the same call: a live one is told to end, and waited for, 1 s at most. The
    /// carrier may know sooner than we do that a connection is dead.
    pub async fn displace(&self, sid: &CallSid) {
        for _ in 0..50 {
            match self.lock().open.get(sid).map(|open| &open.state) {
                Some(State::Live { control }) => {
                    let _ = control.try_send(Control::Displaced);
                }
                Some(State::Admitted { .. } | State::Ringing { .. }) | None => return,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Notes who memory says the caller of a live call is.
    pub fn found(&self, sid: &CallSid, caller: &Caller) {
        if let Some(open) = self.lock().open.get_mut(sid) {
            open.caller = caller.clone();
        }
    }

    /// Calls that ring or are live, in no order.
    pub fn list(&self) -> Vec<CallEntry> {
        let entry = |(sid, open): (&CallSid, &Open)| CallEntry {
            call_sid: sid.as_str().to_owned(),
            user_id: open.caller.user_id.as_str().to_owned(),
            state: match open.state {
                State::Admitted { .. } | State::Ringing { .. } => "ringing",
                State::Live { .. } => "live",
            },
            leg: open.leg,
        };
        self.lock().open.iter().map(entry).collect()
    }

    /// Tells every live call.
    pub fn tell_all(&self, message: Control) {
        for open in self.lock().open.values() {
            if let State::Live { control } = &open.state {
                let _ = control.try_send(message);
            }
        }
    }

    /// Admits no further call.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// True until [`Calls::close`].
    pub fn is_open(&self) -> bool {
        !self.lock().closed
    }

    /// Calls that ring or are live.
    pub fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Gives up calls whose stream never came, and forgets calls that ended long ago.
    pub fn sweep(&self, now: Instant) {
        let mut inner = self.lock();
        let overdue: Vec<CallSid> = inner
            .open
            .iter()
            .filter(|(_, open)| match open.state {
                State::Admitted { since } | State::Ringing { since, .. } => now.duration_since(since) > RING_LIMIT,
                State::Live { .. } => false,
            })
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in overdue {
            tracing::warn!(call.sid = %sid, "the stream of an answered call never came");
            inner.finish(&sid, false);
        }
        inner.finished.retain(|_, finished| now.duration_since(finished.at) <= FINISHED_LIMIT);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code panics while it holds the lock, and the maps are whole between any two statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveCalls for Calls {
    fn users(&self) -> Vec<UserId> {
        self.lock().open.values().map(|open| open.caller.user_id.clone()).collect()
    }

    fn forget(&self, user: &UserId) {
        for open in self.lock().open.values().filter(|open| open.caller.user_id == *user) {
            if let State::Live { control } = &open.state {
                let _ = control.try_send(Control::Forget);
            }
        }
    }
}

impl Inner {
    fn finish(&mut self, sid: &CallSid, hung_up: bool) {
        if let Some(open) = self.open.remove(sid) {
            let finished = Finished { at: Instant::now(), leg: open.leg, hung_up };
            self.finished.insert(sid.clone(), finished);
        }
    }
}
