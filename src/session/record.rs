//! What is kept of a call while it lives: held outside its task, so that it outlives a panic in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redial_call::Turn;

use crate::calls::Lookup;
use crate::identity::Caller;
use crate::memory::model::{Message, Metadata, SCHEMA_VERSION, Session};
use crate::memory::spool::OpenCall;

/// The record of one call, shared by its session and whoever writes it down.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    session_id: String,
    caller: Caller,
    started_at: SystemTime,
    parameters: Vec<String>,
    turns: Vec<Turn>,
    last_sequence: Option<u64>,
    forgotten: bool,
}

impl Record {
    /// A call that begins now. `parameters`: the names of the start event's custom parameters.
    pub(crate) fn new(session_id: String, caller: Caller, parameters: Vec<String>) -> Self {
        Self::of(session_id, caller, SystemTime::now(), parameters, Vec::new())
    }

    /// A call that goes on.
    pub(crate) fn resumed(call: OpenCall) -> Self {
        let started_at = UNIX_EPOCH.checked_add(Duration::from_millis(call.started_at)).unwrap_or(UNIX_EPOCH);
        let turns = call.turns.into_iter().map(|message| message.turn).collect();
        Self::of(call.sid, call.caller, started_at, call.parameters, turns)
    }

    fn of(
        session_id: String,
        caller: Caller,
        started_at: SystemTime,
        parameters: Vec<String>,
        turns: Vec<Turn>,
    ) -> Self {
        let (last_sequence, forgotten) = (None, false);
        let inner = Inner { session_id, caller, started_at, parameters, turns, last_sequence, forgotten };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// What the journal is to hold of the call so far.
    pub(crate) fn open_call(&self) -> OpenCall {
        let inner = self.lock();
        OpenCall {
            sid: inner.session_id.clone(),
            caller: inner.caller.clone(),
            started_at: unix_ms(inner.started_at),
            parameters: inner.parameters.clone(),
            turns: inner.turns.iter().map(|turn| Message { turn: turn.clone() }).collect(),
            summary: String::new(),
        }
    }

    /// The id that the session is stored under.
    pub(crate) fn session_id(&self) -> String {
        self.lock().session_id.clone()
    }

    /// Notes who memory says the caller is.
    pub(crate) fn found(&self, found: &Lookup) {
        self.lock().caller = found.caller.clone();
    }

    /// Keeps a turn, or the longer version of one. Answers its place in the call, from 1 on; `None`: nothing of this
    /// call is kept.
    pub(crate) fn keep(&self, turn: Turn) -> Option<u64> {
        let mut inner = self.lock();
        if inner.forgotten {
            return None;
        }
        let place = match inner.turns.iter().position(|kept| kept.id == turn.id) {
            Some(place) => {
                inner.turns[place] = turn;
                place
            }
            None => {
                inner.turns.push(turn);
                inner.turns.len() - 1
            }
        };
        u64::try_from(place + 1).ok()
    }

    /// Forgets what was said, and keeps nothing that is said from now on.
    pub(crate) fn forget(&self) {
        let mut inner = self.lock();
        inner.forgotten = true;
        inner.turns.clear();
    }

    /// True once the caller was erased.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.lock().forgotten
    }

    /// How many messages are missing before this sequence number, which all events share. Over one TCP connection it
    /// should be none.
    pub(crate) fn sequence_gap(&self, number: Option<u64>) -> Option<u64> {
        let number = number?;
        let mut inner = self.lock();
        let last = inner.last_sequence.replace(number)?;
        // Saturating, as the numbers are the peer's.
        Some(number.saturating_sub(last).saturating_sub(1)).filter(|gap| *gap > 0)
    }

    /// The caller, as far as is known by now.
    pub(crate) fn caller(&self) -> Caller {
        self.lock().caller.clone()
    }

    /// The session document of the call, which ends now.
    pub(crate) fn into_session(self, end_reason: &str, last_event: &str) -> Session {
        let inner = self.lock();
        let now = SystemTime::now();
        // Not before what was said in it, should the clock have been set back.
        let lasted = inner.turns.iter().map(|turn| turn.end_ms).max().unwrap_or(0);
        let started_at = unix_ms(inner.started_at);
        Session {
            chat_id: inner.session_id.clone(),
            conversation_history: inner.turns.iter().map(|turn| Message { turn: turn.clone() }).collect(),
            last_update: humantime::format_rfc3339_millis(now).to_string(),
            metadata: Metadata { last_event_type: last_event.to_owned(), payload_keys: inner.parameters.clone() },
            v: SCHEMA_VERSION,
            user_id: inner.caller.user_id.as_str().to_owned(),
            started_at,
            ended_at: unix_ms(now).max(started_at.saturating_add(lasted)),
            end_reason: end_reason.to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic between two statements leaves whole turns behind: they are just what is to be saved.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::UserId;

    #[test]
    fn a_call_ends_after_what_was_said_in_it_whatever_the_clock_says() {
        let caller = Caller { user_id: UserId::parse("anon_1").unwrap(), hash: None };
        let in_an_hour = unix_ms(SystemTime::now()) + 3_600_000;
        let open = |started_at| OpenCall {
            sid: "session".to_owned(),
            caller: caller.clone(),
            started_at,
            parameters: Vec::new(),
            turns: Vec::new(),
            summary: String::new(),
        };
        let turn = Turn {
            id: redial_call::TurnId(1),
            role: redial_call::Role::Caller,
            via: redial_call::Via::Voice,
            text: "Hello".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            start_ms: 4000,
            end_ms: 5000,
        };
        let record = Record::resumed(open(in_an_hour));
        record.keep(turn);
        let session = record.into_session("caller_hung_up", "stop");
        assert_eq!((session.started_at, session.ended_at), (in_an_hour, in_an_hour + 5000));
    }

    #[test]
    fn missing_messages_are_counted_whatever_numbers_the_peer_sends() {
        let caller = Caller { user_id: UserId::parse("anon_1").unwrap(), hash: None };
        let record = Record::new("session".to_owned(), caller, Vec::new());
        let gaps = [Some(2), Some(3), None, Some(7), Some(7), Some(1), Some(u64::MAX), Some(u64::MAX), Some(0)]
            .map(|number| record.sequence_gap(number));
        assert_eq!(gaps, [None, None, None, Some(3), None, None, Some(u64::MAX - 2), None, None]);
    }
}
