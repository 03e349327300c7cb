//! What the agent asked, read from the words that the caller heard, and how the built-in agent asks it.

use super::words::Words;
use super::{name, sentences};

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
    /// Whether to end with what there is, after misunderstandings.
    LeaveIt,
    /// Another agent's question that this one does not know.
    Other,
}

/// What an asked name comes behind.
const NAME_CHECKS: &[&str] =
    &["is it ", "is that ", "i heard ", "you said ", "your name is ", "am i speaking with ", "am i speaking to "];

/// How a question begins when it was cut off before its question mark.
const ASKING: &[&str] =
    &["what", "who", "which", "how", "may", "could", "can", "is", "shall", "would", "do", "please", "tell", "and"];

impl Question {
    /// The last question in `heard`, the words of the agent that reached the caller. A question that broke off before
    /// it said what it asks is none.
    pub fn asked(heard: &str) -> Option<Self> {
        let sentences = sentences::split(heard);
        sentences.iter().enumerate().rev().find_map(|(i, sentence)| {
            let words = Words::of(sentence);
            let asks = sentence.ends_with('?')
                || (words.at(0).is_some_and(|first| ASKING.contains(&first)) && !sentence.ends_with(['.', '!']))
                || words.starts_with_any(&["please tell me", "tell me", "go ahead", "please say", "please spell"]);
            if !asks {
                return None;
            }
            let before = i.checked_sub(1).and_then(|i| sentences.get(i)).map_or("", String::as_str);
            Self::of_sentence(&words, sentence, before).or_else(|| sentence.ends_with('?').then_some(Self::Other))
        })
    }

    fn of_sentence(words: &Words, sentence: &str, before: &str) -> Option<Self> {
        let says = |phrases: &[&str]| words.says_any(phrases);
        if says(&["leave it at that"]) {
            return Some(Self::LeaveIt);
        }
        if says(&["may i remember this call", "may i remember you", "remember this call for next time"]) {
            return Some(Self::Consent);
        }
        if says(&["shall i delete everything", "delete everything yes or no"]) {
            return Some(Self::Erase);
        }
        if says(&["what else", "like to add", "should i add"]) {
            return Some(Self::More);
        }
        if says(&["anything else", "something else", "anything more", "add anything"]) {
            return Some(Self::Else);
        }
        if says(&["is this about", "are you calling about"]) {
            return Some(Self::Topic);
        }
        if says(&["is that right", "is that correct", "did i get that right", "number right"])
            && (Words::of(before).has("number") || words.has("number"))
        {
            return Some(Self::NumberCheck);
        }
        if let Some(name) = checked_name(sentence).or_else(|| {
            says(&["is that right", "is that correct", "did i get that right"]).then(|| checked_name(before)).flatten()
        }) {
            return Some(Self::NameCheck(name));
        }
        if says(&[
            "what number",
            "which number",
            "best number",
            "your number",
            "phone number",
            "number to call",
            "number again",
        ]) {
            return Some(Self::Number);
        }
        let name = [
            "your name",
            "your first name",
            "your last name",
            "your full name",
            "am i speaking",
            "i am speaking with",
            "is calling",
            "is speaking",
            "ask who",
            "should i call you",
            "may i call you",
        ];
        if says(&name) {
            return Some(Self::Name);
        }
        let reason = [
            "how can i help",
            "how may i help",
            "can i help",
            "can i do for you",
            "may i do for you",
            "your call about",
            "it about",
            "tell me",
            "should i pass on",
            "the message",
            "what happened",
            "like me to pass on",
            "go ahead",
            "were saying",
        ];
        says(&reason).then_some(Self::Reason)
    }

    /// The question in words for the voice.
    pub fn ask(&self) -> String {
        match self {
            Self::Reason | Self::Topic | Self::Other => "How can I help you?".to_owned(),
            Self::More => "What else should I pass on?".to_owned(),
            Self::Name => "May I have your name, please?".to_owned(),
            Self::NameCheck(name) => format!("Is it {name}, did I get that right?"),
            Self::Number => "What number should we call? You can also use the keypad.".to_owned(),
            Self::NumberCheck => "Is that number right?".to_owned(),
            Self::Else => "Is there anything else that I should pass on?".to_owned(),
            Self::Consent => "May I remember this call for next time?".to_owned(),
            Self::Erase => "Shall I delete everything that is kept about you?".to_owned(),
            Self::LeaveIt => "Shall I leave it at that?".to_owned(),
        }
    }

    /// The question in other words, for somebody who did not understand the first.
    pub fn ask_again(&self) -> String {
        match self {
            Self::Reason | Self::Topic | Self::Other => "In a few words, what is your call about?".to_owned(),
            Self::More => "What would you like to add?".to_owned(),
            Self::Name => "Who am I speaking with? Just the name, please.".to_owned(),
            Self::NameCheck(name) => format!("I heard {name}. Is that right, yes or no?"),
            Self::Number => "Which number can we call you on? You can type it on the keypad.".to_owned(),
            Self::NumberCheck => "Is that the number right, yes or no?".to_owned(),
            Self::Else => "Do you want to add anything?".to_owned(),
            Self::Consent => "May I remember this call, yes or no? You can also press one or two.".to_owned(),
            Self::Erase => "Delete everything, yes or no? You can also press one or two.".to_owned(),
            Self::LeaveIt => "Yes or no: shall I leave it at that?".to_owned(),
        }
    }
}

/// The name in "Is it Jennifer Parker, …?": all of it was heard, because what stands behind it was.
fn checked_name(sentence: &str) -> Option<String> {
    let lower = sentence.to_lowercase();
    if lower.len() != sentence.len() {
        return None; // the offsets below would not fit; no name of ours does this
    }
    NAME_CHECKS.iter().find_map(|lead| {
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
