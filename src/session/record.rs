//! What is kept of a call while it lives: held outside its task, so that it outlives a panic in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redial_call::{Act, Part, Role, ToolOutcome, Turn, Via};
use redial_identity::Caller;
use redial_memory::model::{Message, Metadata, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::spool::OpenCall;

use crate::calls::Lookup;

/// Turns that are kept of one call, the note that there were more among them. A call of half an hour has some 200.
const MAX_TURNS: usize = 500;
/// Bytes of words and tools' answers that are kept of one call: ten times of what half an hour of talk comes to.
const MAX_CALL_BYTES: usize = 256 * 1024;
/// Longest words of a turn, and as much of those that were not heard. The core's own turns of a caller are not longer.
const MAX_TURN_BYTES: usize = 4096;
/// What stands for turns that are not kept, as words that nobody heard.
const NOT_KEPT: &str = "[The call went on. What was said from here on is not kept: a call keeps so much and no more.]";

/// The record of one call, shared by its session and whoever writes it down.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    session_id: SessionId,
    caller: Caller,
    started_at: SystemTime,
    parameters: Vec<String>,
    turns: Vec<Turn>,
    forgotten: bool,
    /// Turns that were too many.
    unkept: u64,
}

/// What is to be written down of a turn.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) turn: Turn,
    /// Its place in the call, from 1 on.
    pub(crate) place: u64,
    /// It stands for all that is not kept from now on.
    pub(crate) is_note: bool,
}

impl Record {
    /// A call that begins now. `parameters`: the names of the start event's custom parameters.
    pub(crate) fn new(session_id: SessionId, caller: Caller, parameters: Vec<String>) -> Self {
        Self::of(session_id, caller, SystemTime::now(), parameters, Vec::new())
    }

    /// A call that goes on.
    pub(crate) fn resumed(call: OpenCall) -> Self {
        let started_at = UNIX_EPOCH.checked_add(Duration::from_millis(call.started_at)).unwrap_or(UNIX_EPOCH);
        let turns = call.turns.into_iter().map(|message| message.turn).collect();
        Self::of(call.session_id, call.caller, started_at, call.parameters, turns)
    }

    fn of(
        session_id: SessionId,
        caller: Caller,
        started_at: SystemTime,
        parameters: Vec<String>,
        turns: Vec<Turn>,
    ) -> Self {
        let (forgotten, unkept) = (false, 0);
        let inner = Inner { session_id, caller, started_at, parameters, turns, forgotten, unkept };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// What the journal is to hold of the call so far.
    pub(crate) fn open_call(&self) -> OpenCall {
        let inner = self.lock();
        OpenCall {
            session_id: inner.session_id.clone(),
            caller: inner.caller.clone(),
            started_at: unix_ms(inner.started_at),
            parameters: inner.parameters.clone(),
            turns: inner.turns.iter().map(|turn| Message { turn: turn.clone() }).collect(),
            summary: String::new(),
        }
    }

    /// The id that the session is stored under.
    pub(crate) fn session_id(&self) -> SessionId {
        self.lock().session_id.clone()
    }

    /// Notes who memory says the caller is.
    pub(crate) fn found(&self, found: &Lookup) {
        self.lock().caller = found.caller.clone();
    }

    /// Keeps a turn, or the longer version of one, as long as there is room. `None`: nothing is to be written.
    pub(crate) fn keep(&self, turn: Turn) -> Option<Kept> {
        let mut inner = self.lock();
        if inner.forgotten {
            return None;
        }
        let turn = shortened(turn);
        let known = inner.turns.iter().position(|kept| kept.id == turn.id && !is_note(kept));
        let others = inner.turns.iter().enumerate().filter(|(place, _)| Some(*place) != known);
        let room = others.map(|(_, kept)| size(kept)).sum::<usize>() + size(&turn) <= MAX_CALL_BYTES;
        let full = inner.turns.last().is_some_and(is_note) || inner.turns.len() >= MAX_TURNS - 1;
        let (place, turn, is_note) = match known {
            Some(place) if room => {
                inner.turns[place] = turn.clone();
                (place, turn, false)
            }
            None if room && !full => {
                inner.turns.push(turn.clone());
                (inner.turns.len() - 1, turn, false)
            }
            Some(_) | None => {
                metrics::counter!("redial_turns_unkept_total").increment(1);
                inner.unkept += 1;
                if inner.turns.last().is_some_and(is_note) || inner.turns.len() >= MAX_TURNS {
                    return None;
                }
                let note = note(&turn);
                inner.turns.push(note.clone());
                (inner.turns.len() - 1, note, true)
            }
        };
        Some(Kept { turn, place: u64::try_from(place + 1).ok()?, is_note })
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

    /// The caller, as far as is known by now.
    pub(crate) fn caller(&self) -> Caller {
        self.lock().caller.clone()
    }

    /// The session document of the call, which ends now.
    pub(crate) fn into_session(self, end_reason: &str, last_event: &str) -> SessionDoc {
        let mut inner = self.lock();
        let now = SystemTime::now();
        let unkept = inner.unkept;
        if let Some(note) = inner.turns.last_mut().filter(|turn| unkept > 0 && is_note(turn)) {
            tracing::warn!(unkept, "turns of the call are not kept: it had too many");
            note.never_sent = format!("{NOT_KEPT} Turns not kept: {unkept}.");
        }
        // Not before what was said in it, should the clock have been set back.
        let lasted = inner.turns.iter().map(|turn| turn.end_ms).max().unwrap_or(0);
        let started_at = unix_ms(inner.started_at);
        SessionDoc {
            session_id: inner.session_id.clone(),
            conversation_history: inner.turns.iter().map(|turn| Message { turn: turn.clone() }).collect(),
            last_update: humantime::format_rfc3339_millis(now).to_string(),
            metadata: Metadata {
                last_event_type: last_event.to_owned(),
                payload_keys: inner.parameters.clone(),
                acts: true,
            },
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

/// The turn that stands for those from this one on.
fn note(first: &Turn) -> Turn {
    Turn {
        id: first.id,
        role: Role::Agent,
        via: Via::Voice,
        text: String::new(),
        cut: String::new(),
        never_sent: NOT_KEPT.to_owned(),
        acts: Vec::new(),
        start_ms: first.start_ms,
        end_ms: first.end_ms,
    }
}

fn is_note(turn: &Turn) -> bool {
    turn.role == Role::Agent && turn.text.is_empty() && turn.never_sent.starts_with(NOT_KEPT)
}

fn size(turn: &Turn) -> usize {
    turn.text.len() + turn.cut.len() + turn.never_sent.len() + turn.acts.iter().map(act_size).sum::<usize>()
}

fn act_size(act: &Act) -> usize {
    match act {
        Act::AskedConsent | Act::AskedErase | Act::EndCall | Act::Other => 0,
        Act::Understood { parts, .. } => parts.iter().map(|part| part.kind.len() + size_of::<Part>()).sum(),
        Act::Asked { what } | Act::ReadBack { what } => what.len(),
        Act::Transferring { to } => to.len(),
        Act::ToolCalled { name, arguments, .. } => name.len() + arguments.len(),
        Act::ToolReturned { outcome, .. } => match outcome {
            ToolOutcome::Done { result } => result.len(),
            ToolOutcome::Failed { reason } => reason.len(),
            ToolOutcome::TimedOut | ToolOutcome::Cancelled | ToolOutcome::AlreadyDone | ToolOutcome::Unknown => 0,
        },
    }
}

/// With words that are as long as may be.
fn shortened(turn: Turn) -> Turn {
    let text = cut_to(turn.text, MAX_TURN_BYTES);
    let cut = cut_to(turn.cut, MAX_TURN_BYTES);
    let never_sent = cut_to(turn.never_sent, MAX_TURN_BYTES - cut.len());
    Turn { text, cut, never_sent, ..turn }
}

fn cut_to(mut words: String, bytes: usize) -> String {
    const MORE: &str = "…";
    if words.len() > bytes {
        metrics::counter!("redial_turns_shortened_total").increment(1);
        words.truncate(words.floor_char_boundary(bytes.saturating_sub(MORE.len())));
        if bytes >= MORE.len() {
            words.push_str(MORE);
        }
    }
    words
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use redial_call::ToolCallId;
    use redial_identity::UserId;

    use super::*;

    fn turn(id: u32, text: &str) -> Turn {
        Turn {
            id: redial_call::TurnId(id),
            role: Role::Caller,
            via: Via::Voice,
            text: text.to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: u64::from(id),
            end_ms: u64::from(id),
        }
    }

    fn record(turns: Vec<Turn>) -> Record {
        let caller = Caller { user_id: UserId::parse("anon_1").unwrap(), hash: None };
        Record::of("session".parse().unwrap(), caller, SystemTime::now(), Vec::new(), turns)
    }

    #[test]
    fn of_a_call_with_too_many_turns_the_first_are_kept_and_the_last_says_so() {
        let record = record(Vec::new());
        let kept: Vec<Option<Kept>> = (1..=700).map(|id| record.keep(turn(id, "Hello."))).collect();
        assert_eq!(kept.iter().flatten().count(), 500);
        let note = kept[499].as_ref().unwrap();
        assert!(note.is_note && note.place == 500 && note.turn.text.is_empty());
        // A turn that is kept may still grow.
        let grown = record.keep(turn(3, "Hello again.")).unwrap();
        assert_eq!((grown.place, grown.is_note), (3, false));
        let history = record.into_session("silence", "hang_up").conversation_history;
        assert_eq!(history.len(), 500);
        assert_eq!(history[2].turn.text, "Hello again.");
        assert!(history[499].turn.never_sent.ends_with("Turns not kept: 201."), "{:?}", history[499]);
    }

    #[test]
    fn of_a_call_with_too_many_words_as_many_are_kept_as_may_be() {
        let record = record(Vec::new());
        let long = "é".repeat(2000);
        let kept = (1..=200).filter_map(|id| record.keep(turn(id, &long))).count();
        assert_eq!(kept, MAX_CALL_BYTES / long.len() + 1);
        assert!(
            record.keep(turn(201, "no")).is_none(),
            "what comes after the note would look as if nothing were missing"
        );
        let history = record.into_session("silence", "hang_up").conversation_history;
        assert!(serde_json::to_vec(&history).unwrap().len() < MAX_CALL_BYTES + 100 * history.len() * 2);
    }

    #[test]
    fn what_tools_answer_counts_as_words_do() {
        let record = record(Vec::new());
        let call = ToolCallId { turn: redial_call::TurnId(1), index: 0 };
        let outcome = ToolOutcome::Done { result: "x".repeat(8000) };
        let answered =
            |id| Turn { acts: vec![Act::ToolReturned { call, outcome: outcome.clone() }; 4], ..turn(id, "") };
        let kept = (1..=20).filter_map(|id| record.keep(answered(id))).filter(|kept| !kept.is_note).count();
        assert_eq!(kept, MAX_CALL_BYTES / 32_000);
    }

    #[test]
    fn a_call_that_was_full_stays_full_when_it_goes_on() {
        let full: Vec<Turn> = (1..=499).map(|id| turn(id, "Hello.")).chain([note(&turn(500, ""))]).collect();
        let record = record(full);
        assert!(record.keep(turn(501, "Hello?")).is_none());
        assert_eq!(record.into_session("silence", "hang_up").conversation_history.len(), 500);
    }

    #[test]
    fn a_turn_of_endless_words_is_shortened_between_two_characters() {
        let record = record(Vec::new());
        let (text, cut, never_sent) = ("é".repeat(5000), "x".repeat(5000), "y".repeat(5000));
        let kept = record.keep(Turn { cut, never_sent, role: Role::Agent, ..turn(1, &text) }).unwrap().turn;
        assert!(kept.text.len() <= MAX_TURN_BYTES && kept.text.ends_with("é…"));
        assert!(kept.cut.len() + kept.never_sent.len() <= MAX_TURN_BYTES);
    }

    #[test]
    fn a_call_ends_after_what_was_said_in_it_whatever_the_clock_says() {
        let caller = Caller { user_id: UserId::parse("anon_1").unwrap(), hash: None };
        let in_an_hour = unix_ms(SystemTime::now()) + 3_600_000;
        let open = |started_at| OpenCall {
            session_id: "session".parse().unwrap(),
            caller: caller.clone(),
            started_at,
            parameters: Vec::new(),
            turns: Vec::new(),
            summary: String::new(),
        };
        let turn = Turn {
            id: redial_call::TurnId(1),
            role: Role::Caller,
            via: Via::Voice,
            text: "Hello".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: 4000,
            end_ms: 5000,
        };
        let record = Record::resumed(open(in_an_hour));
        record.keep(turn);
        let session = record.into_session("caller_hung_up", "stop");
        assert_eq!((session.started_at, session.ended_at), (in_an_hour, in_an_hour + 5000));
    }
}
