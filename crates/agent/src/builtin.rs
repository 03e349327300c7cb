//! The built-in agent: an answering service that takes a message in a few turns. It needs no model, and takes over in
//! mid-call when a model fails.

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::{Role, Turn};
use redial_language::intent::Intent;
use redial_language::question::Question;
use redial_language::{name, sentences, topic};
use redial_memory::greeting::{GreetingLevel, sayable_name};
use redial_memory::model::Confidence;
use redial_memory::talk::Talk;
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, Cue, Delta, Prompt};

/// The question for the name is asked so often and no more: who does not want to say it need not.
const NAME_ASKED_AT_MOST: u32 = 2;
/// A name or number is read back so often; then it stands as it was said.
const READ_BACK_AT_MOST: u32 = 2;
/// After so many turns in a row that could not be used, the agent offers to end with what it has.
const MISSES_BEFORE_OFFER: u32 = 3;
/// A repetition longer than this is cut at a sentence.
const REPEAT_CHARS: usize = 300;

const SOMEBODY_CALLS: &str = "someone will call you back";
const WANTS_CALL: &str = "you'd like to be called back";

/// The agent that needs nothing. The same prompt always gives the same answer.
///
/// An answer reads the whole history: about 30 µs a turn of the caller (23 words, optimised build), so half a
/// millisecond in a call of 30 turns.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Agent for BuiltIn {
    fn reply(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let answer = answer(&prompt);
        let hang_up = answer.ends.then_some(Delta::HangUp);
        stream::iter(std::iter::once(Delta::Text(answer.text)).chain(hang_up).map(Ok)).boxed()
    }
}

/// What the agent says, and whether it was goodbye.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    text: String,
    ends: bool,
}

impl Answer {
    fn go_on(text: impl Into<String>) -> Self {
        Self { text: text.into(), ends: false }
    }
}

/// Answers the last turn of the prompt's history.
fn answer(prompt: &Prompt) -> Answer {
    // A caller greeted as a stranger is one, whatever is stored under the number.
    let known_as = (prompt.level > GreetingLevel::Neutral).then(|| sayable_name(&prompt.profile)).flatten();
    let desk = Desk { talk: Talk::of(&prompt.history, known_as.as_deref()), known_as: known_as.as_deref(), prompt };
    let unclear = prompt.cue == Cue::Unclear || desk.talk.last.intent.is_none_or(|intent| intent == Intent::Nothing);
    if unclear && !desk.talk.last.number { desk.misunderstood() } else { desk.respond() }
}

/// One answer in the making.
struct Desk<'a> {
    talk: Talk,
    known_as: Option<&'a str>,
    prompt: &'a Prompt,
}

impl Desk<'_> {
    fn respond(&self) -> Answer {
        let talk = &self.talk;
        // Where there are no words there is a keyed number, which goes the way of a statement.
        let intent = talk.last.intent.unwrap_or(Intent::Statement);
        if let Some(yes) = talk.last.consent.filter(|_| matches!(intent, Intent::Yes | Intent::No | Intent::Statement))
        {
            return self.consent(yes);
        }
        match intent {
            Intent::Emergency => Answer::go_on(
                "If anyone is in danger, please hang up and dial nine one one or one one two now. I can't call them from \
                 here. If not, please tell me what happened.",
            ),
            Intent::Goodbye if !self.answers_check() => self.goodbye(),
            Intent::WrongNumber => Answer { text: "No problem at all. Goodbye.".to_owned(), ends: true },
            Intent::NotMe => {
                self.ask_after("I'm sorry about that. I won't use what I had under this number.", &self.next())
            }
            Intent::Repeat => self.repeat(),
            Intent::Robot => self.resume("I'm a computer, yes. I take messages, and a person reads them."),
            Intent::WhoIsThis => {
                self.resume("This is the automated answering service. I take messages, and a person reads them.")
            }
            Intent::Wait => Answer::go_on("Take your time."),
            Intent::Hello => self.if_patient(|| self.resume("Hello, I'm here.")),
            Intent::Human => self.after_name(&format!(
                "I can't put you through from here, but I'll mark this as urgent, and {SOMEBODY_CALLS}."
            )),
            Intent::Forget => self.after_name("All right, I won't remember this call the next time you ring."),
            Intent::Erase => Answer::go_on(format!("I can do that. {}", Question::Erase.ask())),
            Intent::Private => self.private(),
            Intent::Command => {
                self.after_name("I only take messages and can't change anything here, but I'll pass it on.")
            }
            Intent::CallBack => self.call_back(),
            Intent::Question if talk.asked == Some(Question::Name) && !talk.last.message && !talk.last.name => {
                Answer::go_on(
                    "It's so that we know who to call back, but you don't have to say. May I have your name, please?",
                )
            }
            Intent::Yes | Intent::No | Intent::Thanks | Intent::Acknowledge | Intent::Goodbye => {
                self.short_answer(intent)
            }
            Intent::Question if talk.last.message => {
                self.after_name("I don't have that here, but I'll pass it on, and someone will get back to you.")
            }
            Intent::Question | Intent::Statement | Intent::Nothing => self.taken(),
        }
    }

    /// Yes, no, thanks or okay: what they mean hangs on the question.
    fn short_answer(&self, intent: Intent) -> Answer {
        let talk = &self.talk;
        let agreed = matches!(intent, Intent::Yes | Intent::Acknowledge);
        match (&talk.asked, intent) {
            (Some(Question::NameCheck(_) | Question::NumberCheck), _) => self.checked(),
            (Some(Question::Erase), Intent::Yes) => self.ask_after(
                "All right. Everything that is kept about you will be deleted after this call.",
                &self.next(),
            ),
            (Some(Question::Erase), Intent::No) => self.ask_after("All right, nothing is deleted.", &self.next()),
            (Some(Question::Erase), Intent::Acknowledge) => Answer::go_on(Question::Erase.ask_again()),
            (Some(Question::LeaveIt), Intent::No) => {
                Answer::go_on(format!("All right. {}", Question::More.ask_again()))
            }
            (Some(Question::LeaveIt), _) => self.goodbye(),
            (Some(Question::Else), Intent::Yes) => Answer::go_on(format!("Of course. {}", Question::More.ask())),
            (Some(Question::Else), Intent::No | Intent::Thanks | Intent::Goodbye) => self.goodbye(),
            (Some(Question::Else), _) => Answer::go_on(Question::LeaveIt.ask()),
            (Some(Question::Reason | Question::More), Intent::No | Intent::Thanks) => self.goodbye(),
            (Some(Question::Topic), Intent::No) => Answer::go_on("All right. In a few words, what is your call about?"),
            (Some(Question::Topic), _) if agreed => Answer::go_on("Good. What should I pass on about it?"),
            (Some(Question::Name), Intent::No) => self.ask_after("That's all right.", &self.next()),
            (Some(Question::Number), Intent::No) => {
                self.ask_after("That's all right, we'll use the number that you're calling from.", &self.next())
            }
            _ => self.if_patient(|| match &talk.asked {
                Some(Question::Reason | Question::More) => {
                    Answer::go_on("I'm listening. Please tell me what I should pass on.")
                }
                _ => self.ask_after("All right.", &self.next()),
            }),
        }
    }

    /// The answer to whether calls may be remembered, with what was said beside it.
    fn consent(&self, yes: bool) -> Answer {
        let thanks = if yes { "Thank you." } else { "All right, I won't remember this call." };
        if !self.talk.last.message && !self.talk.last.name {
            return self.ask_after(thanks, &self.next());
        }
        let answer = self.taken();
        if yes { answer } else { Answer { text: format!("{thanks} {}", answer.text), ..answer } }
    }

    /// The answer to a reading-back.
    fn checked(&self) -> Answer {
        let talk = &self.talk;
        match (&talk.asked, talk.last.polarity) {
            (Some(Question::NameCheck(_)), Some(true)) => match &talk.name {
                Some(stated) => self.ask_after(&format!("Thank you, {}.", name::address(&stated.say)), &self.next()),
                None => self.ask_after("Thank you.", &self.next()),
            },
            (Some(Question::NameCheck(_)), Some(false)) if talk.name_asked <= NAME_ASKED_AT_MOST => {
                Answer::go_on("I'm sorry. What is your name, please? You can also spell it.")
            }
            (Some(Question::NumberCheck), Some(false)) => {
                Answer::go_on(format!("I'm sorry. {}", Question::Number.ask()))
            }
            _ => self.if_patient(|| self.ask_after("All right.", &self.next())),
        }
    }

    /// Something was said that goes into the message, or a name or number was given.
    fn taken(&self) -> Answer {
        let talk = &self.talk;
        let last = talk.last;
        if !last.message && !last.name && !last.number && self.answers_check() {
            return self.checked();
        }
        let thanks = if last.message && talk.messages.len() == 1 {
            match self.last_caller_text().and_then(topic::topic) {
                Some(topic) => format!("Thank you. I've noted that it's about {topic}."),
                None => "Thank you, I've noted that.".to_owned(),
            }
        } else if last.message {
            "I've added that.".to_owned()
        } else if last.name || last.number || last.confirmed {
            "Thank you.".to_owned()
        } else {
            "All right.".to_owned()
        };
        self.ask_after(&thanks, &self.next())
    }

    /// The caller wants to be called back.
    fn call_back(&self) -> Answer {
        let other = self.last_caller_text().is_some_and(|text| {
            let words = redial_language::words::Words::of(text);
            words.says_any(&[
                "another number",
                "different number",
                "other number",
                "new number",
                "my mobile",
                "my cell",
            ])
        });
        let said = format!("I'll pass on that {WANTS_CALL}.");
        if other && self.talk.number.is_none() {
            self.ask_after(&said, &Question::Number)
        } else {
            self.ask_after(&said, &self.next())
        }
    }

    /// "What do you know about me?"
    fn private(&self) -> Answer {
        self.after_name("I can't say anything about people's details on this line, but I'll pass on that you asked.")
    }

    /// Nothing was understood: asks again, the second time in other words, and does not go on for ever.
    fn misunderstood(&self) -> Answer {
        let question = self.open_question();
        match self.talk.misses {
            0 | 1 => Answer::go_on(format!("Sorry, I didn't catch that. {}", question.ask())),
            2 => Answer::go_on(format!("I'm sorry, I still didn't get that. {}", question.ask_again())),
            MISSES_BEFORE_OFFER => self.offer_to_end(),
            _ => self.goodbye_after("I'm afraid the line is too bad."),
        }
    }

    /// `answer`, unless the talk has been going nowhere.
    fn if_patient(&self, answer: impl FnOnce() -> Answer) -> Answer {
        match self.talk.misses {
            0..MISSES_BEFORE_OFFER => answer(),
            MISSES_BEFORE_OFFER => self.offer_to_end(),
            _ => self.goodbye_after("All right."),
        }
    }

    fn offer_to_end(&self) -> Answer {
        let have = if !self.talk.messages.is_empty() { "I have your message." } else { "I can note that you called." };
        Answer::go_on(format!("I have trouble understanding you. {have} {}", Question::LeaveIt.ask()))
    }

    fn goodbye(&self) -> Answer {
        self.goodbye_after("All right.")
    }

    fn goodbye_after(&self, opening: &str) -> Answer {
        let talk = &self.talk;
        let message = match (talk.urgent, talk.messages.is_empty()) {
            (true, _) => format!(" I'll pass this on as urgent, and {SOMEBODY_CALLS}."),
            (false, true) if talk.call_back => format!(" I'll pass on that {WANTS_CALL}."),
            (false, false) if talk.call_back => {
                format!(" I'll pass your message on, and that {WANTS_CALL}.")
            }
            (false, false) => " I'll pass your message on.".to_owned(),
            (false, true) => String::new(),
        };
        let thanks = match self.sayable_name() {
            Some(name) => format!("Thank you for calling, {name}."),
            None => "Thank you for calling.".to_owned(),
        };
        Answer { text: format!("{opening}{message} {thanks} Goodbye."), ends: true }
    }

    /// Says again what was meant to be heard last, or asks what is open.
    fn repeat(&self) -> Answer {
        let last = self.prompt.history.iter().rev().find(|turn| turn.role == Role::Agent && !whole(turn).is_empty());
        let mut again = String::new();
        for sentence in last.map(|turn| sentences::split(&whole(turn))).unwrap_or_default() {
            let own_opening = matches!(sentence.as_str(), "Of course." | "Sorry, I didn't catch that.");
            if own_opening || sentence.to_lowercase().contains("goodbye") {
                continue;
            }
            if again.chars().count() + sentence.chars().count() > REPEAT_CHARS {
                break;
            }
            again.push(' ');
            again.push_str(&sentence);
        }
        if Question::asked(&again).is_none() {
            again.push(' ');
            again.push_str(&self.next().ask());
        }
        Answer::go_on(format!("Of course.{again}"))
    }

    /// `said`, then the question that was open before the digression.
    fn resume(&self, said: &str) -> Answer {
        self.ask_after(said, &self.open_question())
    }

    /// `said`, then what comes next; a name that came along is read back.
    fn after_name(&self, said: &str) -> Answer {
        self.ask_after(said, &self.next())
    }

    fn ask_after(&self, said: &str, question: &Question) -> Answer {
        let asked = match question {
            Question::NumberCheck => match &self.talk.number {
                Some(number) => format!("I have the number {}. Is that right?", spoken(&number.digits)),
                None => question.ask(),
            },
            Question::Reason => "What is your call about?".to_owned(),
            _ => question.ask(),
        };
        Answer::go_on(format!("{said} {asked}"))
    }

    /// The question to repeat: the one that the caller heard, if this agent can judge its answer, else the next.
    fn open_question(&self) -> Question {
        match &self.talk.asked {
            None | Some(Question::Other | Question::Topic) => self.next(),
            Some(Question::NameCheck(_)) if self.talk.name.is_none() => Question::Name,
            Some(Question::NumberCheck) if self.talk.number.is_none() => Question::Number,
            Some(question) => question.clone(),
        }
    }

    /// What must be asked next.
    fn next(&self) -> Question {
        let talk = &self.talk;
        if let Some(stated) = &talk.name {
            let unsure = stated.conf < Confidence::Confirmed && stated.read_back == 0;
            let changed = talk.last.name && stated.read_back < READ_BACK_AT_MOST && stated.conf < Confidence::Confirmed;
            if unsure || changed {
                return Question::NameCheck(stated.say.clone());
            }
        }
        if talk.number.as_ref().is_some_and(|number| number.read_back == 0) {
            return Question::NumberCheck;
        }
        if talk.messages.is_empty() {
            return Question::Reason;
        }
        let remembered = self.known_as.is_some() && !talk.disowned;
        if talk.name.is_none() && !remembered && !talk.name_refused && talk.name_asked < NAME_ASKED_AT_MOST {
            return Question::Name;
        }
        if talk.consent_asked == 1 && talk.consent.is_none() && !talk.unremembered && talk.misses == 0 {
            return Question::Consent; // it went under in what the caller had to say
        }
        Question::Else
    }

    fn answers_check(&self) -> bool {
        matches!(self.talk.asked, Some(Question::NameCheck(_) | Question::NumberCheck))
            && self.talk.last.polarity.is_some()
    }

    /// The name that may be said: the one of this call, or from the memory as far as the level allows.
    fn sayable_name(&self) -> Option<&str> {
        let stated = self.talk.name.as_ref().map(|name| name.say.as_str());
        let remembered = || self.known_as.filter(|_| self.prompt.level >= GreetingLevel::Hint && !self.talk.disowned);
        stated.or_else(remembered).map(name::address)
    }

    fn last_caller_text(&self) -> Option<&str> {
        self.prompt.history.iter().rev().find(|turn| turn.role == Role::Caller).map(|turn| turn.text.as_str())
    }
}

/// All that an agent's turn was meant to say.
fn whole(turn: &Turn) -> String {
    [&turn.text, &turn.cut, &turn.never_sent]
        .into_iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Digits for the voice, in groups of three with a pause between, the last group of three or four.
fn spoken(digits: &str) -> String {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let names: Vec<&str> = digits.chars().filter_map(|c| NAMES.get(c.to_digit(10)? as usize).copied()).collect();
    let mut spoken = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            let pause = at.is_multiple_of(3) && names.len() - at >= 3;
            spoken.push_str(if pause { ", " } else { " " });
        }
        spoken.push_str(name);
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_spoken_in_groups() {
        assert_eq!(spoken("5550142"), "five five five, zero one four two");
        assert_eq!(spoken("4155550142"), "four one five, five five five, zero one four two");
        assert_eq!(spoken("12"), "one two");
    }
}
