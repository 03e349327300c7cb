//! What the agent asked, read from the words that the caller heard, and how the built-in agent asks it.

use crate::data::english;
use crate::data::question::Asked;
use crate::decision::Care;
use crate::words::Words;
use crate::{name, sentences};

/// A question that is open. Asked by this agent or by another: it is read from the words alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// What the call is about.
    Reason,
    /// Whether it is about what the greeting guessed.
    Topic,
    /// What else there is to say, after "yes, there is more".
    More,
    /// The caller's name.
    Name,
    /// Whether the name was understood.
    NameCheck(String),
    /// Which number to call back.
    Number,
    /// Whether the number was understood.
    NumberCheck,
    /// Whether there is anything else.
    Else,
    /// Whether calls may be remembered.
    Consent,
    /// Whether all that is remembered is to be deleted.
    Erase,
    /// Whether this number is to be kept apart from whoever is remembered under it.
    Part,
    /// Whether a call that is not to be remembered may be remembered after all.
    KeepCall,
    /// Whether to hang up.
    End,
    /// Whether to end with what there is, after misunderstandings.
    LeaveIt,
    /// Another agent's question that this one does not know.
    Other,
}

impl Question {
    /// Its name, as acts and `en/decision.toml` have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Topic => "topic",
            Self::More => "more",
            Self::Name => "name",
            Self::NameCheck(_) => "name_check",
            Self::Number => "number",
            Self::NumberCheck => "number_check",
            Self::Else => "else",
            Self::Consent => "consent",
            Self::Erase => "erase",
            Self::Part => "part",
            Self::KeepCall => "keep_call",
            Self::End => "end",
            Self::LeaveIt => "leave_it",
            Self::Other => "other",
        }
    }

    /// The question of that name, as far as its name tells all of it.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [
            Self::Reason,
            Self::Topic,
            Self::More,
            Self::Name,
            Self::Number,
            Self::NumberCheck,
            Self::Else,
            Self::Consent,
            Self::Erase,
            Self::Part,
            Self::KeepCall,
            Self::End,
            Self::LeaveIt,
        ];
        all.into_iter().find(|question| question.name() == name)
    }

    /// How clear a yes must be; `None`: it is not answered by yes or no.
    pub const fn care(&self) -> Option<Care> {
        match self {
            Self::Consent | Self::Erase | Self::Part | Self::KeepCall | Self::End => Some(Care::Irreversible),
            Self::Topic | Self::NameCheck(_) | Self::NumberCheck | Self::Else | Self::LeaveIt => Some(Care::Ordinary),
            Self::Reason | Self::More | Self::Name | Self::Number | Self::Other => None,
        }
    }

    /// The last question in `heard`, the words of the agent that reached the caller. A question that broke off before
    /// it said what it asks is none.
    pub fn asked(heard: &str) -> Option<Self> {
        let lists = &english().question;
        let sentences = sentences::split(heard);
        sentences.iter().enumerate().rev().find_map(|(i, sentence)| {
            let words = Words::of(sentence);
            let asks = sentence.ends_with('?')
                || (words.at(0).is_some_and(|first| lists.asking.has(first)) && !sentence.ends_with(['.', '!']))
                || words.starts_with_any(&lists.requests);
            if !asks {
                return None;
            }
            let before = i.checked_sub(1).and_then(|i| sentences.get(i)).map_or("", String::as_str);
            Self::of_sentence(&words, sentence, before).or_else(|| sentence.ends_with('?').then_some(Self::Other))
        })
    }

    fn of_sentence(words: &Words, sentence: &str, before: &str) -> Option<Self> {
        let lists = &english().question;
        let says = |phrases| words.says_any(phrases);
        if says(&lists.leave_it) {
            return Some(Self::LeaveIt);
        }
        if says(&lists.consent) {
            return Some(Self::Consent);
        }
        if says(&lists.erase) {
            return Some(Self::Erase);
        }
        if says(&lists.more) {
            return Some(Self::More);
        }
        if says(&lists.anything_else) {
            return Some(Self::Else);
        }
        if says(&lists.topic) {
            return Some(Self::Topic);
        }
        let right = says(&lists.right);
        if (right || says(&lists.number_right))
            && (Words::of(before).any(&lists.number_word) || words.any(&lists.number_word))
        {
            return Some(Self::NumberCheck);
        }
        if let Some(name) = checked_name(sentence).or_else(|| right.then(|| checked_name(before)).flatten()) {
            return Some(Self::NameCheck(name));
        }
        if says(&lists.number) {
            return Some(Self::Number);
        }
        if says(&lists.name) {
            return Some(Self::Name);
        }
        says(&lists.reason).then_some(Self::Reason)
    }

    /// The question in words for the voice.
    pub fn ask(&self) -> String {
        self.in_words(&english().question.ask)
    }

    /// The question in other words, for somebody who did not understand the first.
    pub fn ask_again(&self) -> String {
        self.in_words(&english().question.ask_again)
    }

    fn in_words(&self, asked: &Asked) -> String {
        match self {
            Self::NameCheck(name) => return asked.name_check.fill(&[("name", name)]),
            Self::Reason | Self::Topic | Self::Other => &asked.reason,
            Self::More => &asked.more,
            Self::Name => &asked.name,
            Self::Number => &asked.number,
            Self::NumberCheck => &asked.number_check,
            Self::Else => &asked.anything_else,
            Self::Consent => &asked.consent,
            Self::Erase => &asked.erase,
            Self::Part => &asked.part,
            Self::KeepCall => &asked.keep_call,
            Self::End => &asked.end,
            Self::LeaveIt => &asked.leave_it,
        }
        .clone()
    }
}

/// The name in "Is it Jennifer Parker, …?": all of it was heard, because what stands behind it was.
fn checked_name(sentence: &str) -> Option<String> {
    let lower = sentence.to_lowercase();
    if lower.len() != sentence.len() {
        return None; // the offsets below would not fit; no name of ours does this
    }
    english().question.name_checks.iter().find_map(|lead| {
        let start = lower.find(lead)? + lead.len();
        let rest = sentence.get(start..)?;
        let end = rest.find([',', '?', '.', '!'])?;
        name::checked(&rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_recognised_in_its_own_words() {
        let all = [
            Question::Reason,
            Question::More,
            Question::Name,
            Question::NameCheck("Jennifer Parker".into()),
            Question::Number,
            Question::Else,
            Question::LeaveIt,
            Question::Consent,
            Question::Erase,
        ];
        for question in all {
            assert_eq!(Question::asked(&question.ask()).as_ref(), Some(&question), "{}", question.ask());
            assert_eq!(Question::asked(&question.ask_again()).as_ref(), Some(&question), "{}", question.ask_again());
        }
        assert_eq!(Question::asked(&Question::NumberCheck.ask()), Some(Question::NumberCheck));
        assert_eq!(Question::asked(&Question::NumberCheck.ask_again()), Some(Question::NumberCheck));
    }

    #[test]
    fn other_agents_questions_are_recognised() {
        for (heard, question) in [
            ("Hi there! What's your name?", Question::Name),
            ("Who's calling, please?", Question::Name),
            ("Great. Am I speaking with Ana?", Question::NameCheck("Ana".into())),
            ("You said Jennifer Parker, correct?", Question::NameCheck("Jennifer Parker".into())),
            ("Is there anything else I can help with?", Question::Else),
            ("Welcome back, Ana. Is this about Friday's visit?", Question::Topic),
            ("Do you like tea?", Question::Other),
        ] {
            assert_eq!(Question::asked(heard), Some(question), "{heard}");
        }
    }

    #[test]
    fn a_question_that_was_not_heard_was_not_asked() {
        for heard in
            ["", "Thank you.", "Thank you. May I ha", "Is it Jenni", "Is it Jennifer Parker", "I'll pass on your name."]
        {
            assert_eq!(Question::asked(heard), None, "{heard}");
        }
        assert_eq!(Question::asked("May I have your name"), Some(Question::Name), "only the please was lost");
    }
}
