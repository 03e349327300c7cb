//! The turns of a call: what is kept of each side, and how parts of one turn are joined.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::Action;
use crate::acts::{Act, ToolCallId, ToolOutcome, ToolRequest};
use crate::caller_turn::CallerTurn;
use crate::ids::TurnId;
use crate::text;
use crate::turn::{Role, Turn, Via};

/// The most keys in a turn that was joined from several rows.
const MAX_JOINED_DIGITS: usize = 256;
/// The longest turn of a caller, in bytes; what is longer goes on in the next turn.
const MAX_TURN_BYTES: usize = 4096;
/// Our own words come back this late at most: the line's way there and back, and the recogniser's pre-roll.
const ECHO_LAG: Duration = Duration::from_millis(1500);

/// Finished turns, oldest first, in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    turns: Vec<Turn>,
    named: u32,
    /// What is no turn of the call yet and may never be: the caller's, where that is a guess, and the agent's own in progress.
    drafts: Vec<Turn>,
}

impl Transcript {
    /// Of a call that goes on.
    pub(crate) fn resumed(turns: Vec<Turn>) -> Self {
        let named = turns.iter().map(|turn| turn.id.0).max().unwrap_or(0);
        Self { turns, named, drafts: Vec::new() }
    }

    pub(crate) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    pub(crate) fn next_id(&mut self) -> TurnId {
        self.named += 1;
        TurnId(self.named)
    }

    /// The last who said something was the caller, and more words may belong to it. Keys are a turn of their own.
    pub(crate) fn ends_with_caller(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.role == Role::Caller && turn.via == Via::Voice)
    }

    /// The latest words of all are the caller's, by their times: turns of a call that goes on come from several sources.
    pub(crate) fn awaits_answer(&self) -> bool {
        let said =
            self.turns.iter().filter(|turn| turn.role == Role::Caller || turn.acts.is_empty() || !turn.text.is_empty());
        let last = said.max_by_key(|turn| (turn.end_ms, turn.id.0));
        last.is_some_and(|turn| turn.role == Role::Caller && !turn.text.is_empty())
    }

    /// What the agent said so shortly before that its echo may still come.
    pub(crate) fn said_lately(&self, now: Duration) -> String {
        let last = self.turns.iter().rev().find(|turn| turn.role == Role::Agent);
        let last = last.filter(|turn| Duration::from_millis(turn.end_ms) + ECHO_LAG >= now);
        last.map(|turn| format!("{} {}", turn.text, turn.cut)).unwrap_or_default()
    }

    pub(crate) fn keep(&mut self, turn: Turn, actions: &mut VecDeque<Action>) {
        actions.push_back(Action::TurnDone(turn.clone()));
        self.drafts.retain(|draft| draft.id != turn.id);
        match self.turns.iter_mut().rfind(|kept| kept.id == turn.id) {
            Some(kept) => *kept = turn,
            None => self.turns.push(turn),
        }
    }

    /// Notes an agent's turn that goes on, for its own further answer.
    pub(crate) fn draft(&mut self, turn: Turn) {
        self.drafts.retain(|draft| draft.role == Role::Caller);
        self.drafts.push(turn);
    }

    /// Notes what the caller has said if they have finished.
    pub(crate) fn draft_caller(&mut self, heard: &CallerTurn) {
        let draft = new_caller(self.next_id(), &heard.text, Via::Voice, heard.start, heard.end);
        self.drafts = vec![draft];
    }

    /// It is what the caller had said if they had finished.
    pub(crate) fn is_drafted(&self, heard: &CallerTurn) -> bool {
        self.drafts.first().is_some_and(|draft| draft.role == Role::Caller && draft.text == heard.text)
    }

    pub(crate) fn drop_drafts(&mut self) {
        self.drafts.clear();
    }

    /// All turns, and that of the agent in progress if it goes on from tools.
    pub(crate) fn history(&self) -> Vec<Turn> {
        let mut turns = self.turns.clone();
        for draft in &self.drafts {
            match turns.iter_mut().rfind(|turn| turn.id == draft.id) {
                Some(turn) => *turn = draft.clone(),
                None => turns.push(draft.clone()),
            }
        }
        turns
    }

    /// What came of the same side effect in answer to the same words of the caller: it does not happen again.
    pub(crate) fn done_before(&self, request: &ToolRequest) -> Option<ToolOutcome> {
        let turns = self.history();
        let since = turns.iter().rev().take_while(|turn| turn.role == Role::Agent);
        let acts: Vec<&Act> = since.flat_map(|turn| &turn.acts).collect();
        let call = acts.iter().find_map(|act| match act {
            Act::ToolCalled { call, name, arguments } => request.is_call_of(name, arguments).then_some(*call),
            _ => None,
        })?;
        let outcome = acts.iter().rev().find_map(|act| match act {
            Act::ToolReturned { call: of, outcome } if *of == call => Some(outcome.clone()),
            _ => None,
        });
        match outcome {
            Some(outcome @ (ToolOutcome::Failed { .. } | ToolOutcome::Unknown)) => Some(outcome),
            Some(_) | None => Some(ToolOutcome::AlreadyDone),
        }
    }

    /// Notes what a tool of a turn that is over has answered. None: it is not awaited.
    pub(crate) fn note_outcome(&mut self, call: ToolCallId, outcome: ToolOutcome) -> Option<&Turn> {
        let turn = self.turns.iter_mut().rfind(|turn| turn.id == call.turn)?;
        if !open_calls(turn).contains(&call) {
            return None;
        }
        turn.acts.push(Act::ToolReturned { call, outcome });
        Some(turn)
    }

    /// Calls of which it is not known what came of them: who ran them is gone.
    pub(crate) fn open_calls(&self) -> Vec<ToolCallId> {
        self.turns.iter().flat_map(open_calls).collect()
    }

    /// Keeps what the caller said, with the turn that it continues if there is room.
    pub(crate) fn keep_caller(&mut self, heard: &CallerTurn, actions: &mut VecDeque<Action>) {
        let drafted = self.drafts.iter().position(|draft| draft.role == Role::Caller);
        let drafted = drafted.map(|place| self.drafts.remove(place).id);
        let fits = |turn: &&mut Turn| turn.text.len() + 1 + heard.text.len() <= MAX_TURN_BYTES;
        let before =
            self.turns.last_mut().filter(|turn| heard.continues && turn.role == Role::Caller && turn.via == Via::Voice);
        if let Some(turn) = before.filter(fits) {
            if !turn.text.is_empty() && !heard.text.is_empty() {
                turn.text.push(' ');
            }
            turn.text.push_str(&heard.text);
            turn.end_ms = turn.end_ms.max(whole_ms(heard.end));
            actions.push_back(Action::TurnDone(turn.clone()));
            return;
        }
        let id = drafted.unwrap_or_else(|| self.next_id());
        self.keep_words(new_caller(id, "", Via::Voice, heard.start, heard.end), &heard.text, actions);
    }

    /// Keeps a turn with these words; what is longer than one goes on in further ones of the same time.
    fn keep_words(&mut self, of: Turn, words: &str, actions: &mut VecDeque<Action>) {
        let mut id = of.id;
        let mut rest = words;
        loop {
            let (text, after) = text::split_within(rest, MAX_TURN_BYTES);
            self.keep(Turn { id, text: text.to_owned(), ..of.clone() }, actions);
            rest = after;
            if rest.is_empty() {
                return;
            }
            id = self.next_id();
        }
    }

    /// Keeps what the caller said, and nobody knows so far.
    pub(crate) fn keep_wordless(&mut self, heard: &CallerTurn, actions: &mut VecDeque<Action>) -> TurnId {
        let turn = new_caller(self.next_id(), "", Via::Voice, heard.start, heard.end);
        let id = turn.id;
        self.keep(turn, actions);
        id
    }

    /// Now it is known. Without words it stays a turn that was not understood.
    pub(crate) fn tell_words(&mut self, turn: TurnId, text: &str, actions: &mut VecDeque<Action>) {
        let kept = self.turns.iter().rfind(|kept| kept.id == turn && !text.trim().is_empty()).cloned();
        if let Some(kept) = kept {
            self.keep_words(kept, text.trim(), actions);
        }
    }

    /// Keeps a row of keys, with the row right before it if nothing was said or heard between them and it began by `soon` after it.
    pub(crate) fn keep_digits(
        &mut self,
        digits: &str,
        start: Duration,
        end: Duration,
        soon: Duration,
        actions: &mut VecDeque<Action>,
    ) {
        let since = start.saturating_sub(soon);
        let fits = |turn: &&mut Turn| turn.text.len() + 1 + digits.len() <= MAX_JOINED_DIGITS;
        let before = self.turns.last_mut().filter(|turn| turn.role == Role::Caller && turn.via == Via::Keypad);
        let before = before.filter(|turn| Duration::from_millis(turn.end_ms) >= since);
        if let Some(turn) = before.filter(fits) {
            if !turn.text.ends_with('#') {
                turn.text.push(' '); // where one row ends stays to be seen
            }
            turn.text.push_str(digits);
            turn.end_ms = whole_ms(end);
            actions.push_back(Action::TurnDone(turn.clone()));
            return;
        }
        let turn = new_caller(self.next_id(), digits, Via::Keypad, start, end);
        self.keep(turn, actions);
    }
}

fn new_caller(id: TurnId, text: &str, via: Via, start: Duration, end: Duration) -> Turn {
    Turn {
        id,
        role: Role::Caller,
        via,
        text: text.to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts: Vec::new(),
        start_ms: whole_ms(start),
        end_ms: whole_ms(end),
    }
}

/// Calls that may still be answered.
fn open_calls(turn: &Turn) -> Vec<ToolCallId> {
    let answered = |call: &ToolCallId| {
        turn.acts
            .iter()
            .any(|act| matches!(act, Act::ToolReturned { call: of, outcome } if of == call && outcome.is_final()))
    };
    let called = turn.acts.iter().filter_map(|act| match act {
        Act::ToolCalled { call, .. } => Some(*call),
        _ => None,
    });
    called.filter(|call| !answered(call)).collect()
}

pub(crate) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
