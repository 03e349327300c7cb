//! The summary of a running call, for agents that are shown only its last turns.
//!
//! Made in the background, one at a time a call, from the summary before and the turns since; a model may write it, and
//! [`Rolling::next`] writes it without one. A result that comes late is adopted only if it is newer ([`Rolling::newer`]).

use redial_call::{Role, Turn, TurnId};
use redial_language::intent::weight;
use redial_language::sentences;
use redial_language::words::Words;

use super::kept::kept_words;

/// Characters of the text.
pub const MAX_ROLLING_CHARS: usize = 1000;
/// Caller turns after which a new one is due.
const EVERY_CALLER_TURNS: usize = 10;
/// A sentence with fewer words than this beside the small ones says nothing worth a line.
const MIN_WEIGHT: usize = 2;

/// What was said in the call so far, in the caller's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rolling {
    /// One or more sentences, at most [`MAX_ROLLING_CHARS`] characters.
    pub text: String,
    /// The last turn that it covers; `None`: no turn yet.
    pub through: Option<TurnId>,
}

impl Rolling {
    /// Whether a new one is due: ten caller turns are not covered, or turns that the agent is not shown are not.
    /// `window` is the number of turns that it is shown.
    pub fn is_due(&self, history: &[Turn], window: usize) -> bool {
        let uncovered = |turn: &&Turn| Some(turn.id) > self.through;
        let callers = history.iter().filter(uncovered).filter(|turn| turn.role == Role::Caller).count();
        let hidden = &history[..history.len().saturating_sub(window)];
        callers >= EVERY_CALLER_TURNS || hidden.iter().any(|turn| uncovered(&turn))
    }

    /// The next one, without a model: what the caller said, without secrets and small talk. Of what does not fit, the
    /// oldest sentences are left out. Nothing is added twice: where nothing is new, it stays as it is.
    #[must_use]
    pub fn next(&self, history: &[Turn]) -> Self {
        // Over all turns: whether one may be kept hangs on those before it.
        let kept = kept_words(history);
        let mut all = sentences::split(&self.text);
        let since = history.iter().zip(&kept).filter(|(turn, _)| Some(turn.id) > self.through);
        for sentence in since.flat_map(|(_, text)| sentences::split(text)) {
            if weight(&Words::of(&sentence)) >= MIN_WEIGHT && !all.contains(&sentence) {
                all.push(sentence);
            }
        }
        let mut chars: usize = all.iter().map(|sentence| sentence.chars().count() + 1).sum();
        let mut all = all.into_iter().peekable();
        while let Some(oldest) = all.next_if(|_| chars > MAX_ROLLING_CHARS) {
            chars -= oldest.chars().count() + 1;
        }
        let through = history.last().map(|turn| turn.id).max(self.through);
        Self { text: all.collect::<Vec<_>>().join(" "), through }
    }

    /// The one that covers more; of two that cover the same, `self`.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        if other.through > self.through { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redial_call::Via;

    use super::*;

    fn turn(id: u32, role: Role, text: &str) -> Turn {
        let (via, cut, never_sent) = (Via::Voice, String::new(), String::new());
        Turn {
            id: TurnId(id),
            role,
            via,
            text: text.to_owned(),
            cut,
            never_sent,
            acts: Vec::new(),
            start_ms: 0,
            end_ms: 0,
        }
    }

    /// A talk of `pairs` questions and answers.
    fn talk(pairs: u32) -> Vec<Turn> {
        (0..pairs)
            .flat_map(|pair| {
                [
                    turn(2 * pair + 1, Role::Agent, "How can I help you?"),
                    turn(2 * pair + 2, Role::Caller, &format!("The washing machine number {pair} leaks water.")),
                ]
            })
            .collect()
    }

    #[test]
    fn one_is_due_every_ten_caller_turns() {
        let none = Rolling::default();
        assert!(!none.is_due(&talk(9), 50));
        assert!(none.is_due(&talk(10), 50));
        let made = none.next(&talk(10));
        assert_eq!(made.through, Some(TurnId(20)));
        assert!(!made.is_due(&talk(19), 50));
        assert!(made.is_due(&talk(20), 50));
    }

    #[test]
    fn one_is_due_when_the_window_overflows() {
        let none = Rolling::default();
        assert!(!none.is_due(&talk(3), 6));
        assert!(none.is_due(&talk(4), 6), "two turns are shown no more");
        let made = none.next(&talk(4));
        assert!(!made.is_due(&talk(7), 6), "what is hidden is covered");
        assert!(made.is_due(&talk(8), 6));
    }

    #[test]
    fn it_holds_what_the_caller_said_and_no_secrets() {
        let history = [
            turn(1, Role::Agent, "What is your verification code?"),
            turn(2, Role::Caller, "Nine seven tango"),
            turn(3, Role::Agent, "Thank you. Is Bob there?"),
            turn(4, Role::Caller, "Yes. My printer eats paper. My password is hunter two."),
        ];
        let made = Rolling::default().next(&history);
        assert_eq!(made.text, "My printer eats paper.");
        assert_eq!(made.next(&history), made);
    }

    #[test]
    fn late_results_do_not_replace_newer_ones() {
        let (old, new) = (Rolling::default().next(&talk(3)), Rolling::default().next(&talk(5)));
        assert_eq!(old.clone().newer(new.clone()), new);
        assert_eq!(new.clone().newer(old), new);
    }

    proptest! {
        #[test]
        fn it_is_bounded_keeps_the_newest_and_is_stable(texts in prop::collection::vec("[A-Za-z ,.!?]{0,300}", 1..60)) {
            let history: Vec<Turn> = (1..).zip(&texts).map(|(id, text)| turn(id, Role::Caller, text)).collect();
            let made = Rolling::default().next(&history);
            prop_assert!(made.text.chars().count() <= MAX_ROLLING_CHARS);
            prop_assert_eq!(made.next(&history), made.clone());
            let more = [history, vec![turn(999, Role::Caller, "The last thing that I say is about my garden shed.")]].concat();
            prop_assert!(made.next(&more).text.ends_with("about my garden shed."));
        }
    }
}
