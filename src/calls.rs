//! The calls of this process: who may come in, who waits for a stream, who is live.
//!
//! A call is admitted at the webhook, before it is answered, and keeps its place until it ends.

mod control;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redial_call::{Act, CallId, Load};
use redial_identity::{Caller, UserId};
use redial_memory::greeting::GreetingLevel;
use redial_provider::tts::cache::Held;
use redial_store::spool::{LiveCalls, OpenCall};
use redial_store::store::Known;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

pub use self::control::{Control, ControlReceiver, ControlSender, channel};
use crate::config::Limits;

/// How long an answered webhook may wait for its stream: the life of its newest token and some travelling time.
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
    /// What is done by saying them.
    pub greeting_acts: Vec<Act>,
    /// Which number to dial in an emergency, in words.
    pub emergency: String,
    /// Their speech, kept as long as this is.
    pub speech: Held,
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
    /// A part of this process does not stay up; `App::failing` names it.
    #[error("a part of this program keeps dying")]
    PartFailing,
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
    /// The call has a place: a new one, or the one that it got when this webhook, or one like it, came before.
    Place(Admitted),
    /// The call was hung up by us; nothing more is to be said.
    Finished,
}

/// The place of an admitted call: all that a document for it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Whose call, as it was first admitted: a withheld number has a new name in each webhook.
    pub caller: Caller,
    /// 1, and one more for each time that the call was taken up again.
    pub leg: u32,
    /// It was admitted just now.
    pub is_new: bool,
}

/// What a call's webhook says, and what is known of the call.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The call.
    pub sid: &'a CallId,
    /// Who calls.
    pub caller: &'a Caller,
    /// How busy recognition is.
    pub load: Load,
    /// The call has been begun: here, or where this process has not seen it.
    pub begun: bool,
}

/// Why a stream does not get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCall {
    /// The call has a stream.
    #[error("the call has a stream already")]
    Live,
    /// The call is over.
    #[error("the call is over")]
    Over,
    /// There is no room for it.
    #[error("{0}")]
    Refused(Refusal),
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
    open: HashMap<CallId, Open>,
    finished: HashMap<CallId, Finished>,
}

#[derive(Debug)]
struct Open {
    caller: Caller,
    leg: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Ringing {
        /// When its newest document was handed out.
        since: Instant,
        ringing: Ringing,
    },
    Live {
        control: ControlSender,
    },
}

/// A call, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallEntry {
    /// The carrier's id, which is the session's as well.
    pub call_sid: String,
    /// Whose call it is, as far as is known by now: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// How far it has come.
    pub state: CallState,
    /// 1, and one more for each time that its stream broke and it was taken up again.
    pub leg: u32,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Its webhook was answered, and its stream has not started.
    Ringing,
    /// Its stream has started.
    Live,
}

#[derive(Debug)]
struct Finished {
    at: Instant,
    leg: u32,
    hung_up: bool,
    /// It had a stream, so that its caller may have heard us.
    heard: bool,
}

impl Calls {
    /// No calls yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    /// Gives the call of a voice webhook a place, or finds the one that it has. `ring` begins the look-up of a call that
    /// gets one: in the same step, so that there is no place without it. A machine whose load is full takes no new call;
    /// calls that it has, or had when their stream broke, go on.
    ///
    /// A caller who has all places that one may have gets another call's place while that one only rings, the oldest first:
    /// its stream, should it come, is still served if there is room then.
    ///
    /// # Errors
    /// When there is no room; nothing is kept then.
    pub fn admit(&self, asked: Asked<'_>, ring: impl FnOnce() -> Ringing) -> Result<Admission, Refusal> {
        let Asked { sid, caller, load, begun } = asked;
        let mut inner = self.lock();
        if let Some(open) = inner.open.get_mut(sid) {
            match &mut open.state {
                // It rings here for the first time, and was begun all the same: its stream went to another instance, and broke.
                State::Ringing { ringing, .. } if begun && ringing.resumed.is_none() => inner.finish(sid, false),
                State::Ringing { since, .. } => {
                    *since = Instant::now();
                    return Ok(Admission::Place(open.place(false)));
                }
                State::Live { .. } => return Ok(Admission::Place(open.place(false))),
            }
        }
        let leg = match inner.finished.get(sid) {
            Some(finished) if finished.hung_up => return Ok(Admission::Finished),
            Some(finished) if finished.leg >= MAX_LEGS => return Err(Refusal::TooManyLegs),
            Some(finished) => finished.leg + 1,
            None => 1,
        };
        inner.make_room(&self.limits, caller)?;
        if leg == 1 && load == Load::Full {
            return Err(Refusal::Overloaded);
        }
        inner.give_up_ringing(caller, self.limits.calls_per_caller);
        let state = State::Ringing { since: Instant::now(), ringing: ring() };
        let open = Open { caller: caller.clone(), leg, state };
        let place = open.place(true);
        inner.open.insert(sid.clone(), open);
        Ok(Admission::Place(place))
    }

    /// True while a call of this id rings or is live here.
    pub fn has(&self, sid: &CallId) -> bool {
        self.lock().open.contains_key(sid)
    }

    /// True while a call of this id waits for its stream here.
    pub fn rings(&self, sid: &CallId) -> bool {
        self.lock().open.get(sid).is_some_and(|open| matches!(open.state, State::Ringing { .. }))
    }

    /// True when a stream of this call has been here lately.
    pub fn was_heard(&self, sid: &CallId) -> bool {
        let inner = self.lock();
        inner.finished.get(sid).is_some_and(|finished| finished.heard)
    }

    /// The stream of a call has started. One that does not ring here, as its webhook went to another instance, gets a place
    /// as that `leg` of `caller`'s; `ring` begins its look-up.
    ///
    /// # Errors
    /// When the call has a stream, is over, or there is no room for it.
    pub fn start(
        &self,
        sid: &CallId,
        (caller, leg): (&Caller, u32),
        control: ControlSender,
        ring: impl FnOnce() -> Ringing,
    ) -> Result<Ringing, NoCall> {
        let mut inner = self.lock();
        let rings = match inner.open.get(sid).map(|open| &open.state) {
            Some(State::Live { .. }) => return Err(NoCall::Live),
            Some(State::Ringing { .. }) => true,
            None => false,
        };
        if !rings && inner.finished.get(sid).is_some_and(|finished| finished.hung_up) {
            return Err(NoCall::Over);
        }
        // Others of this caller may have been answered since the webhook.
        let room =
            if rings { inner.room_for_caller(&self.limits, caller) } else { inner.make_room(&self.limits, caller) };
        if let Err(refusal) = room {
            inner.finish(sid, false);
            return Err(NoCall::Refused(refusal));
        }
        let open = inner.open.remove(sid);
        let (caller, leg) = open.as_ref().map_or((caller.clone(), leg), |open| (open.caller.clone(), open.leg));
        let ringing = match open {
            Some(Open { state: State::Ringing { ringing, .. }, .. }) => ringing,
            Some(Open { state: State::Live { .. }, .. }) | None => ring(),
        };
        inner.open.insert(sid.clone(), Open { caller, leg, state: State::Live { control } });
        Ok(ringing)
    }

    /// The carrier says that the call is over.
    pub fn completed(&self, sid: &CallId) {
        let mut inner = self.lock();
        match inner.open.get(sid).map(|open| &open.state) {
            Some(State::Live { control }) => control.tell(Control::Completed),
            Some(State::Ringing { .. }) => inner.finish(sid, true),
            None => (),
        }
    }

    /// A call's stream is over. `hung_up`: we ended the call, so that nothing more is to be said in it.
    pub fn finish(&self, sid: &CallId, hung_up: bool) {
        self.lock().finish(sid, hung_up);
    }

    /// Makes room for another stream of the same call: a live one is told to end, and waited for, 1 s at most. The
    /// carrier may know sooner than we do that a connection is dead.
    pub async fn displace(&self, sid: &CallId) {
        for _ in 0..50 {
            match self.lock().open.get(sid).map(|open| &open.state) {
                Some(State::Live { control }) => control.tell(Control::Displaced),
                Some(State::Ringing { .. }) | None => return,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Notes who memory says the caller of a live call is.
    pub fn found(&self, sid: &CallId, caller: &Caller) {
        if let Some(open) = self.lock().open.get_mut(sid) {
            open.caller = caller.clone();
        }
    }

    /// Calls that ring or are live, in no order.
    pub fn list(&self) -> Vec<CallEntry> {
        let entry = |(sid, open): (&CallId, &Open)| CallEntry {
            call_sid: sid.as_str().to_owned(),
            user_id: open.caller.user_id.as_str().to_owned(),
            state: match open.state {
                State::Ringing { .. } => CallState::Ringing,
                State::Live { .. } => CallState::Live,
            },
            leg: open.leg,
        };
        self.lock().open.iter().map(entry).collect()
    }

    /// Tells every live call.
    pub fn tell_all(&self, message: Control) {
        for open in self.lock().open.values() {
            if let State::Live { control } = &open.state {
                control.tell(message);
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

    /// Gives up calls whose stream never came, and forgets calls that ended long ago. Answers those given up.
    pub fn sweep(&self, now: Instant) -> Vec<CallId> {
        let mut inner = self.lock();
        let overdue: Vec<CallId> = inner
            .open
            .iter()
            .filter(|(_, open)| match open.state {
                State::Ringing { since, .. } => now.duration_since(since) > RING_LIMIT,
                State::Live { .. } => false,
            })
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in &overdue {
            inner.finish(sid, false);
        }
        inner.finished.retain(|_, finished| now.duration_since(finished.at) <= FINISHED_LIMIT);
        overdue
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
                control.tell(Control::Forget);
            }
        }
    }
}

impl Open {
    fn place(&self, is_new: bool) -> Admitted {
        Admitted { caller: self.caller.clone(), leg: self.leg, is_new }
    }

    fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// By the number: the user id may be another one once memory has answered. A withheld number is nobody's.
    fn is_of(&self, caller: &Caller) -> bool {
        caller.hash.is_some() && self.caller.hash == caller.hash
    }
}

impl Inner {
    fn make_room(&self, limits: &Limits, caller: &Caller) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::ShuttingDown);
        }
        if self.open.len() >= limits.calls {
            return Err(Refusal::Full);
        }
        self.room_for_caller(limits, caller)
    }

    /// Only live calls make a caller busy: of one that rings, nobody knows whether its stream will ever come.
    fn room_for_caller(&self, limits: &Limits, caller: &Caller) -> Result<(), Refusal> {
        let live = self.open.values().filter(|open| open.is_live() && open.is_of(caller)).count();
        if live >= limits.calls_per_caller { Err(Refusal::CallerBusy) } else { Ok(()) }
    }

    /// Takes places of this caller back from calls that only ring, the oldest first, until there is one to give.
    fn give_up_ringing(&mut self, caller: &Caller, places: usize) {
        let mut ringing: Vec<(Instant, CallId)> = Vec::new();
        let mut taken = 0;
        for (sid, open) in self.open.iter().filter(|(_, open)| open.is_of(caller)) {
            taken += 1;
            if let State::Ringing { since, .. } = open.state {
                ringing.push((since, sid.clone()));
            }
        }
        ringing.sort_by_key(|(since, _)| *since);
        for (_, sid) in ringing.iter().take((taken + 1_usize).saturating_sub(places)) {
            self.finish(sid, false);
        }
    }

    fn finish(&mut self, sid: &CallId, hung_up: bool) {
        if let Some(open) = self.open.remove(sid) {
            let heard = open.is_live() || self.finished.get(sid).is_some_and(|finished| finished.heard);
            let finished = Finished { at: Instant::now(), leg: open.leg, hung_up, heard };
            self.finished.insert(sid.clone(), finished);
        }
    }
}
