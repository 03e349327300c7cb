//! Two copies of one call made one: nothing that only one of them has is lost.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use redial_call::{Role, Turn, Via};

use super::model::{Message, SessionDoc};

/// The session of which `a` and `b` are copies, such as two instances write that had the call one after the other.
///
/// It has every turn of either, oldest first, with the ids that they have. A turn is the same in both if role, id and
/// start are; of two versions the one with more heard words stays. It began when the earlier copy began, and the other
/// one's times are counted from there as well: an instance that could not find out that the call was going on has begun
/// it anew. Whatever else is said of it is said by the copy that ended later.
///
/// Pure, associative, commutative, and idempotent on what it made: copies may be united in any order, any number of
/// times. Both must be of one call.
#[must_use]
pub fn merge_copies(a: &SessionDoc, b: &SessionDoc) -> SessionDoc {
    let started_at = a.started_at.min(b.started_at);
    let [ours, theirs] = [a, b].map(|session| counted_from(session, started_at));
    let later = if by_end(a, b).is_lt() { b } else { a };
    SessionDoc { conversation_history: merge_turns(&ours, &theirs), started_at, ..later.clone() }
}

/// Every turn of either, as [`merge_copies()`] has them; the times of both are counted from the same moment.
pub fn merge_turns(a: &[Message], b: &[Message]) -> Vec<Message> {
    let mut turns: BTreeMap<Place, &Turn> = BTreeMap::new();
    for copy in [a, b] {
        for (place, turn) in placed(copy) {
            let kept = turns.entry(place).or_insert(turn);
            if by_what_was_heard(turn, kept).is_gt() {
                *kept = turn;
            }
        }
    }
    turns.into_values().map(|turn| Message { turn: turn.clone() }).collect()
}

/// The turns of a copy with their times counted from `started_at`, which is not later than its own beginning.
fn counted_from(session: &SessionDoc, started_at: u64) -> Cow<'_, [Message]> {
    let later_ms = session.started_at.saturating_sub(started_at);
    if later_ms == 0 {
        return Cow::Borrowed(&session.conversation_history);
    }
    let shifted = |Message { turn }: &Message| {
        let [start_ms, end_ms] = [turn.start_ms, turn.end_ms].map(|ms| ms.saturating_add(later_ms));
        Message { turn: Turn { start_ms, end_ms, ..turn.clone() } }
    };
    Cow::Owned(session.conversation_history.iter().map(shifted).collect())
}

/// Where a turn belongs: start, id, how many like it come before it in its copy, and whether it is the agent's.
///
/// In a call of ours none comes before; documents of other origin may have neither ids nor times.
type Place = (u64, u32, usize, bool);

fn placed(copy: &[Message]) -> impl Iterator<Item = (Place, &Turn)> {
    let mut seen: BTreeMap<(u64, u32, bool), usize> = BTreeMap::new();
    copy.iter().map(move |Message { turn }| {
        let is_agents = turn.role == Role::Agent;
        let alike = seen.entry((turn.start_ms, turn.id.0, is_agents)).or_default();
        let place = (turn.start_ms, turn.id.0, *alike, is_agents);
        *alike += 1;
        (place, turn)
    })
}

/// Orders versions of one turn: by the words that were heard, then by all else, so that only equal ones are equal.
fn by_what_was_heard(a: &Turn, b: &Turn) -> Ordering {
    fn order(turn: &Turn) -> impl Ord {
        let Turn { text, cut, never_sent, acts, end_ms, via, .. } = turn;
        let noted = serde_json::to_string(acts).unwrap_or_default();
        (text.split_whitespace().count(), text, *end_ms, cut, never_sent, acts.len(), noted, *via == Via::Keypad)
    }
    order(a).cmp(&order(b))
}

/// Orders copies by when they ended, then by all that is taken over from the later one.
fn by_end(a: &SessionDoc, b: &SessionDoc) -> Ordering {
    fn order(session: &SessionDoc) -> impl Ord {
        let SessionDoc { ended_at, last_update, end_reason, metadata, user_id, v, session_id, .. } = session;
        let metadata = (&metadata.last_event_type, &metadata.payload_keys);
        (*ended_at, last_update, end_reason, metadata, user_id, *v, session_id)
    }
    order(a).cmp(&order(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redial_call::TurnId;

    use super::*;
    use crate::model::{Metadata, SCHEMA_VERSION};

    fn turn(role: Role, id: u32, start_ms: u64, text: &str) -> Turn {
        Turn {
            id: TurnId(id),
            role,
            via: Via::Voice,
            text: text.to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms,
            end_ms: start_ms + 900,
        }
    }

    fn session(turns: impl IntoIterator<Item = Turn>) -> SessionDoc {
        SessionDoc {
            session_id: "CA1".parse().unwrap(),
            conversation_history: turns.into_iter().map(|turn| Message { turn }).collect(),
            last_update: "2026-01-05T12:00:00.000Z".to_owned(),
            metadata: Metadata::default(),
            v: SCHEMA_VERSION,
            user_id: "u_ana".to_owned(),
            started_at: 1000,
            ended_at: 2000,
            end_reason: "caller_hung_up".to_owned(),
        }
    }

    fn texts(session: &SessionDoc) -> Vec<&str> {
        session.conversation_history.iter().map(|message| message.turn.text.as_str()).collect()
    }

    #[test]
    fn what_only_one_copy_has_is_kept() {
        let greeting = turn(Role::Agent, 0, 0, "Hello");
        let cut_off = session([greeting.clone(), turn(Role::Caller, 1, 900, "I have to move")]);
        let resumed =
            session([greeting, turn(Role::Caller, 2, 9000, "As I said"), turn(Role::Agent, 3, 9900, "Gladly")]);
        assert_eq!(texts(&merge_copies(&resumed, &cut_off)), ["Hello", "I have to move", "As I said", "Gladly"]);
    }

    #[test]
    fn of_two_versions_of_a_turn_the_one_that_was_heard_further_stays() {
        let short = session([turn(Role::Agent, 0, 0, "Good")]);
        let long = session([turn(Role::Agent, 0, 0, "Good morning, Ana")]);
        assert_eq!(texts(&merge_copies(&short, &long)), ["Good morning, Ana"]);
        assert_eq!(texts(&merge_copies(&long, &short)), ["Good morning, Ana"]);
    }

    #[test]
    fn the_copy_that_ended_later_says_how_it_ended() {
        let broken = SessionDoc {
            started_at: 500,
            ended_at: 1500,
            end_reason: "disconnected".to_owned(),
            last_update: "2026-01-05T13:00:00.000Z".to_owned(),
            ..session([])
        };
        let merged = merge_copies(&broken, &session([]));
        assert_eq!((merged.started_at, merged.ended_at), (500, 2000));
        assert_eq!(
            (merged.end_reason.as_str(), merged.last_update.as_str()),
            ("caller_hung_up", "2026-01-05T12:00:00.000Z")
        );
    }

    #[test]
    fn a_copy_that_began_later_has_its_turns_where_they_were_said() {
        let first = session([turn(Role::Agent, 1, 0, "Hello"), turn(Role::Caller, 2, 900, "A plumber")]);
        let anew = session([turn(Role::Agent, 1, 0, "Sorry, I lost you"), turn(Role::Caller, 2, 900, "On Friday")]);
        let anew = SessionDoc { started_at: 9000, ended_at: 11_000, ..anew };
        let both = merge_copies(&first, &anew);
        assert_eq!(texts(&both), ["Hello", "A plumber", "Sorry, I lost you", "On Friday"]);
        assert_eq!(both.conversation_history[3].turn.start_ms, 8900);
        assert_eq!((merge_copies(&anew, &first), merge_copies(&both, &anew)), (both.clone(), both));
    }

    #[test]
    fn turns_that_nothing_tells_apart_are_all_kept_in_their_order() {
        let turns = [(Role::Caller, "a"), (Role::Agent, "b"), (Role::Caller, "c c"), (Role::Agent, "d")];
        let of = |count: usize| session(turns[..count].iter().map(|(role, text)| turn(*role, 0, 0, text)));
        assert_eq!(merge_copies(&of(2), &of(4)), of(4));
        assert_eq!(merge_copies(&of(4), &of(3)), of(4));
    }

    prop_compose! {
        /// Few values each, so that turns meet.
        fn any_turn()(
            agents in any::<bool>(),
            id in 0..4_u32,
            start_ms in 0..3_u64,
            text in "[ab ]{0,4}",
            cut in "[a]{0,1}",
            never_sent in "[a]{0,1}",
            keypad in any::<bool>(),
            end_ms in 0..2_u64,
        ) -> Turn {
            let role = if agents { Role::Agent } else { Role::Caller };
            let via = if keypad { Via::Keypad } else { Via::Voice };
            Turn { via, cut, never_sent, end_ms, ..turn(role, id, start_ms, &text) }
        }
    }

    prop_compose! {
        fn any_session()(
            turns in prop::collection::vec(any_turn(), 0..8),
            started_at in 0..3_u64,
            ended_at in 0..3_u64,
            last_update in "[ab]",
            end_reason in "[ab]",
            last_event_type in "[ab]",
            payload_keys in prop::collection::vec("[ab]", 0..2),
        ) -> SessionDoc {
            let metadata = Metadata { last_event_type, payload_keys, acts: false };
            SessionDoc { started_at, ended_at, last_update, end_reason, metadata, ..session(turns) }
        }
    }

    proptest! {
        #[test]
        fn in_any_order_the_same_comes_of_it(a in any_session(), b in any_session(), c in any_session()) {
            prop_assert_eq!(merge_copies(&a, &b), merge_copies(&b, &a));
            prop_assert_eq!(merge_copies(&merge_copies(&a, &b), &c), merge_copies(&a, &merge_copies(&b, &c)));
        }

        #[test]
        fn what_is_in_it_already_changes_nothing(a in any_session(), b in any_session()) {
            let both = merge_copies(&a, &b);
            prop_assert_eq!(&merge_copies(&both, &both), &both);
            prop_assert_eq!(&merge_copies(&both, &a), &both);
            prop_assert_eq!(&merge_copies(&b, &both), &both);
        }

        #[test]
        fn with_itself_a_copy_is_only_put_in_order(a in any_session()) {
            let alone = merge_copies(&a, &a);
            let mut turns: Vec<_> = a.conversation_history.clone();
            for message in &alone.conversation_history {
                let at = turns.iter().position(|turn| turn == message);
                prop_assert!(at.is_some(), "a turn came out of nowhere");
                turns.swap_remove(at.unwrap());
            }
            prop_assert!(turns.is_empty(), "turns were lost: {:?}", turns);
            let starts: Vec<_> = alone.conversation_history.iter().map(|message| message.turn.start_ms).collect();
            prop_assert!(starts.is_sorted());
        }

        #[test]
        fn every_turn_of_either_is_there_as_far_as_it_was_heard(a in any_session(), b in any_session()) {
            let both = merge_copies(&a, &b);
            let words = |turn: &Turn| turn.text.split_whitespace().count();
            let of = |session: &SessionDoc| {
                let since = session.started_at;
                session.conversation_history.iter().map(|message| (since, message.turn.clone())).collect::<Vec<_>>()
            };
            for (since, turn) in &[of(&a), of(&b)].concat() {
                let since = *since;
                let place = |turn: &Turn, since: u64| (turn.role, turn.id, since + turn.start_ms);
                let mut kept = both.conversation_history.iter().map(|message| &message.turn);
                let there = place(turn, since);
                let is_it = |kept: &Turn| place(kept, both.started_at) == there && words(kept) >= words(turn);
                prop_assert!(kept.any(is_it), "{:?}", turn);
            }
        }
    }
}
