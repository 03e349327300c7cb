//! A call that was begun and is not over, with what was said in it so far.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use redial_identity::Caller;
use redial_memory::merge_copies::merge_turns;
use redial_memory::model::{LATEST_MS, Message, Metadata, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;

/// A call that was begun, with what was said in it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The session's id: the call's.
    pub session_id: SessionId,
    /// Whose call, as far as is known.
    pub caller: Caller,
    /// When the call began, Unix ms.
    pub started_at: u64,
    /// Names of the start event's custom parameters.
    pub parameters: Vec<String>,
    /// Finished turns, oldest first.
    pub turns: Vec<Message>,
    /// What was said before these, where only the newest were found; else empty.
    pub summary: String,
}

/// Nobody waits longer than this for a stream to come back.
const LONGEST_GAP_MS: u64 = 300_000;

impl OpenCall {
    /// How long the call has lasted at a time, Unix ms. A clock that was set meanwhile is not believed: it has lasted until
    /// the last turn ended, and the gap after it is no longer than anybody would wait.
    pub fn lasted(&self, now: u64) -> Duration {
        let last_turn = self.turns.iter().map(|message| message.turn.end_ms).max().unwrap_or(0);
        let by_the_clock = now.saturating_sub(self.started_at);
        Duration::from_millis(by_the_clock.clamp(last_turn, last_turn.saturating_add(LONGEST_GAP_MS)))
    }

    /// One call of all its copies; `None` without any. Copies with the same beginning are merged. An instance that could
    /// not find out that the call was going on has begun it anew: of several beginnings, the one with the most turns is taken,
    /// and the others are merged with it when the call is over.
    pub(crate) fn merged(copies: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut calls: BTreeMap<u64, Self> = BTreeMap::new();
        for copy in copies {
            match calls.get_mut(&copy.started_at) {
                None => _ = calls.insert(copy.started_at, copy),
                Some(call) => {
                    call.turns = merge_turns(&call.turns, &copy.turns);
                    if call.parameters.is_empty() {
                        call.parameters = copy.parameters;
                    }
                }
            }
        }
        calls.into_values().max_by_key(|call| call.turns.len())
    }

    /// The session of a call that nobody has ended.
    pub(super) fn interrupted(self) -> SessionDoc {
        let lasted = self.turns.iter().map(|message| message.turn.end_ms).max().unwrap_or(0);
        // The calendar ends somewhere, and a call before that.
        let ended_at = self.started_at.saturating_add(lasted).min(LATEST_MS);
        let end = UNIX_EPOCH.checked_add(Duration::from_millis(ended_at)).unwrap_or(UNIX_EPOCH);
        SessionDoc {
            session_id: self.session_id,
            conversation_history: self.turns,
            last_update: humantime::format_rfc3339_millis(end).to_string(),
            metadata: Metadata { last_event_type: "none".to_owned(), payload_keys: self.parameters, acts: true },
            v: SCHEMA_VERSION,
            user_id: self.caller.user_id.as_str().to_owned(),
            started_at: self.started_at,
            ended_at,
            end_reason: "gateway_restart".to_owned(),
        }
    }
}

/// A time in a row; `None`: none that a call can have.
pub(super) fn time(stored: i64) -> Option<u64> {
    u64::try_from(stored).ok().filter(|time| *time <= LATEST_MS)
}

#[cfg(test)]
mod tests {
    use redial_call::{Role, Turn, TurnId, Via};
    use redial_identity::UserId;

    use super::*;

    #[test]
    fn a_call_that_goes_on_after_the_clock_was_set_has_lasted_as_long_as_it_has() {
        const STARTED: u64 = 1_763_690_000_000;
        let turn = Turn {
            id: TurnId(1),
            role: Role::Caller,
            via: Via::Voice,
            text: "Hello".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: 59_000,
            end_ms: 60_000,
        };
        let caller = Caller { user_id: UserId::parse("u_a").unwrap(), hash: None };
        let (session_id, parameters, summary) = ("CA1".parse().unwrap(), Vec::new(), String::new());
        let turns = vec![Message { turn }];
        let call = OpenCall { session_id, caller, started_at: STARTED, parameters, turns, summary };
        let lasted_s = |clock_ms| call.lasted(STARTED.saturating_add_signed(clock_ms)).as_secs();
        assert_eq!(lasted_s(75_000), 75);
        assert_eq!(lasted_s(75_000 - 3_600_000), 60, "not before what was said");
        assert_eq!(lasted_s(75_000 + 3_600_000), 360, "not so long that the call would have to end");
    }
}
