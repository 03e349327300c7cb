//! What callers mean, as far as an answering service must know, and what of it small words tell alone.

use crate::data::{Phrases, english};
use crate::decision::{Answer, Care, decide};
use crate::words::Words;

/// What a clause of a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// No words, or none that say anything ("You", "mm").
    Nothing,
    /// Somebody may be in danger.
    Danger,
    /// "That's not me": what is remembered belongs to somebody else.
    NotMe,
    /// The caller wanted another number.
    WrongNumber,
    /// The caller ends the call.
    Goodbye,
    /// "Can you repeat that?"
    Repeat,
    /// "Are you a robot?"
    Robot,
    /// "Who is this?"
    WhoIsThis,
    /// "I want to speak to a human."
    Human,
    /// "Delete my data."
    Erase,
    /// "Don't remember this call."
    KeepNothing,
    /// "What do you know about me?", or about somebody else.
    Private,
    /// An attempt to change what the service does.
    Command,
    /// The caller's name, and nothing else.
    Name,
    /// A number to call, and nothing else.
    Number,
    /// "Call me back."
    CallBack,
    /// "Hold on."
    Wait,
    /// Only a greeting: "Hello? Are you there?"
    Hello,
    /// Another language is spoken, or wanted.
    OtherLanguage,
    /// The caller's own name is another one now.
    NameChanged,
    /// "Why do you need my name?"
    WhyAsked,
    /// The caller will not say what was asked.
    Refuses,
    /// "How are you?"
    SmallTalk,
    /// Only yes.
    Yes,
    /// Only no.
    No,
    /// Only thanks.
    Thanks,
    /// Only "okay", "mhm".
    Acknowledge,
    /// Asks for something that an answering service does not have.
    Question,
    /// Anything else: the message.
    Message,
}

/// Each intent by its name in a journal and in `en/meanings.toml`.
const NAMES: [(Intent, &str); 29] = [
    (Intent::Nothing, "nothing"),
    (Intent::Danger, "danger"),
    (Intent::NotMe, "not_me"),
    (Intent::WrongNumber, "wrong_number"),
    (Intent::Goodbye, "goodbye"),
    (Intent::Repeat, "repeat"),
    (Intent::Robot, "robot"),
    (Intent::WhoIsThis, "who_is_this"),
    (Intent::Human, "human"),
    (Intent::Erase, "erase"),
    (Intent::KeepNothing, "keep_nothing"),
    (Intent::Private, "private"),
    (Intent::Command, "command"),
    (Intent::Name, "name"),
    (Intent::Number, "number"),
    (Intent::CallBack, "call_back"),
    (Intent::Wait, "wait"),
    (Intent::Hello, "hello"),
    (Intent::OtherLanguage, "other_language"),
    (Intent::NameChanged, "name_changed"),
    (Intent::WhyAsked, "why_asked"),
    (Intent::Refuses, "refuses"),
    (Intent::SmallTalk, "small_talk"),
    (Intent::Yes, "yes"),
    (Intent::No, "no"),
    (Intent::Thanks, "thanks"),
    (Intent::Acknowledge, "acknowledge"),
    (Intent::Question, "question"),
    (Intent::Message, "message"),
];

impl Intent {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(intent, _)| *intent == self).map_or("message", |(_, name)| name)
    }

    /// The intent of that name.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(intent, _)| *intent)
    }

    /// What small words tell alone; `None` where there is more in `text` than that.
    pub fn plain(text: &str) -> Option<Self> {
        let (words, lists) = (Words::of(text), &english().intent);
        if words.all_in(&lists.noise) {
            return Some(Self::Nothing);
        }
        if words.all_in(&lists.hello) && words.any(&lists.greets) {
            return Some(Self::Hello);
        }
        if is_closing(&words) {
            return Some(Self::Goodbye);
        }
        if weight(&words) > 0 {
            return None;
        }
        Some(match decide(text, "", Care::Ordinary) {
            Answer::Yes => Self::Yes,
            Answer::No => Self::No,
            Answer::Unclear if words.any(&lists.thanks) => Self::Thanks,
            Answer::Unclear if words.all_in(&lists.acknowledges) => Self::Acknowledge,
            Answer::Unclear => return None,
        })
    }

    /// Whether it brings something to pass on.
    pub const fn is_message(self) -> bool {
        matches!(
            self,
            Self::Danger
                | Self::Private
                | Self::Command
                | Self::CallBack
                | Self::NameChanged
                | Self::Question
                | Self::Message
        )
    }
}

/// How many words there are that could be a message.
pub fn weight(words: &Words) -> usize {
    words.besides(&english().intent.small)
}

/// Whether `word` is a number of the emergency services.
pub fn is_emergency_number(word: &str) -> bool {
    english().intent.emergency_numbers.has(word)
}

/// Whether `text` says that the caller is not `known_as`.
pub fn denies_name(text: &str, known_as: &str) -> bool {
    let Some(first) = known_as.split(' ').next().map(str::to_lowercase) else { return false };
    let words = Words::of(text);
    english().intent.not_called.iter().any(|lead| words.after(lead).is_some_and(|at| words.at(at) == Some(&first)))
}

/// Whether a clause of `text` begins with the wish that this call be not remembered.
pub fn wants_nothing_kept(text: &str) -> bool {
    let lists = &english().intent;
    text.split(['.', ',', '!', '?', ';']).any(|clause| {
        let words = Words::of(clause);
        let start = words.iter().take_while(|word| lists.polite.has(word)).count();
        lists.forget.iter().any(|phrase| words.follows(start, phrase).is_some())
    })
}

/// Whether nothing but a goodbye is said.
fn is_closing(words: &Words) -> bool {
    let lists = &english().intent;
    let longest = |list: &Phrases, at: usize| list.iter().filter_map(|phrase| words.follows(at, phrase)).max();
    let (mut at, mut closes) = (0, false);
    while at < words.len() {
        let closing = longest(&lists.closings, at);
        match closing.max(longest(&lists.beside_closings, at)) {
            Some(end) => {
                closes |= closing == Some(end);
                at = end;
            }
            None => return false,
        }
    }
    closes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_words_are_told_apart() {
        for (text, intent) in [
            ("", Some(Intent::Nothing)),
            ("You", Some(Intent::Nothing)),
            ("Goodbye.", Some(Intent::Goodbye)),
            ("No, that's all, bye.", Some(Intent::Goodbye)),
            ("Thats all", Some(Intent::Goodbye)),
            ("okay bye bye", Some(Intent::Goodbye)),
            ("that's all by", Some(Intent::Goodbye)),
            ("That's all wrong, the order was for two", None),
            ("I have to go to the hospital on Friday", None),
            ("Hello? Are you there?", Some(Intent::Hello)),
            ("Yes, that is correct.", Some(Intent::Yes)),
            ("No, thank you.", Some(Intent::No)),
            ("Absolutely not.", Some(Intent::No)),
            ("Thank you very much", Some(Intent::Thanks)),
            ("okay", Some(Intent::Acknowledge)),
            ("My order has not arrived.", None),
        ] {
            assert_eq!(Intent::plain(text), intent, "{text}");
        }
    }

    #[test]
    fn every_intent_has_one_name() {
        for (at, (intent, name)) in NAMES.iter().enumerate() {
            assert_eq!((intent.as_str(), Intent::parse(name)), (*name, Some(*intent)));
            assert!(NAMES[..at].iter().all(|(other, _)| other != intent), "{name} stands twice");
        }
    }

    #[test]
    fn a_wish_not_to_be_remembered_begins_a_clause() {
        for (text, wanted) in [
            ("Please don't remember this call.", true),
            ("My order is late, and please don't store this.", true),
            ("I don't want to be remembered. My order has not arrived.", true),
            ("I don't remember my order number.", false),
            ("He said I do not remember this.", false),
        ] {
            assert_eq!(wants_nothing_kept(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_name_is_denied_by_its_first_part() {
        assert!(denies_name("I'm not Ana", "Ana Silva"));
        assert!(!denies_name("I'm not happy", "Ana Silva"));
    }
}
