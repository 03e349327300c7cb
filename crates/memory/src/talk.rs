//! The state of a conversation, worked out from its history each time and kept nowhere.
//!
//! So it is right after any other agent's turns, after a resumed call, and when a question was cut off unheard.

use redial_call::{Act, Role, Turn, TurnId, Via};
use redial_language::data::english;
use redial_language::intent::{self, Intent};
use redial_language::question::Question;
use redial_language::words::Words;
use redial_language::{clean, name, numbers};

use crate::model::{Confidence, Message, SessionDoc};

/// The digits of a telephone number: the shortest local one, and E.164's longest.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// What [`Act::ReadBack`] calls the caller's name.
pub const READ_BACK_NAME: &str = "name";
/// What [`Act::ReadBack`] calls the number to call back.
pub const READ_BACK_NUMBER: &str = "number";

/// What has been said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Talk {
    /// The question that is open: the last one that the caller heard before speaking.
    pub asked: Option<Question>,
    /// The caller's name, by the caller's own words.
    pub name: Option<StatedName>,
    /// The caller does not want to give a name.
    pub name_refused: bool,
    /// How often the caller heard the question for the name.
    pub name_asked: u32,
    /// The caller is not the person who is remembered.
    pub disowned: bool,
    /// Where to call back.
    pub number: Option<StatedNumber>,
    /// Where in the history the caller brought something to pass on.
    pub messages: Vec<usize>,
    /// The caller asked to be called back.
    pub call_back: bool,
    /// The caller asked for a human.
    pub urgent: bool,
    /// The caller asked that this call is not remembered.
    pub unremembered: bool,
    /// What the caller answered when asked whether calls may be remembered.
    pub consent: Option<ConsentAnswer>,
    /// How often the caller heard that question.
    pub consent_asked: u32,
    /// The caller asked for everything to be deleted and, asked back, said yes.
    pub forget_confirmed: bool,
    /// Turns in a row, up to the last one, that brought the talk no further.
    pub misses: u32,
    /// What the last turn of the caller brought.
    pub last: LastTurn,
}

/// What the last turn of the caller brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastTurn {
    /// What it wants; `None` before the caller has said anything.
    pub intent: Option<Intent>,
    /// Yes or no.
    pub polarity: Option<bool>,
    /// Something to pass on.
    pub message: bool,
    /// The caller's name.
    pub name: bool,
    /// A number to call back.
    pub number: bool,
    /// The caller agreed to what was read back.
    pub confirmed: bool,
    /// The caller answered whether calls may be remembered.
    pub consent: Option<bool>,
}

/// Yes or no to "May I remember this call for next time?"
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentAnswer {
    /// They may.
    pub yes: bool,
    /// The turn in which it was given.
    pub turn: TurnId,
    /// By voice, or with the keys 1 and 2.
    pub via: Via,
}

/// A name that the caller said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedName {
    /// As it is said aloud.
    pub say: String,
    /// The turn in which it was said.
    pub turn: TurnId,
    /// How well it is founded.
    pub conf: Confidence,
    /// How often it was read back, and the reading heard.
    pub read_back: u32,
}

/// A number that the caller said or keyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedNumber {
    /// Only digits.
    pub digits: String,
    /// How often it was read back, and the reading heard.
    pub read_back: u32,
}

/// What tells which question an agent asked, where much hangs on it: consent, an erasure, what was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// What the agent did: the acts of its turns. Its words decide nothing.
    Acts,
    /// The words of our own questions, for documents written before there were acts.
    FormerWords,
}

impl Evidence {
    /// What to go by in a stored call.
    pub fn of(session: &SessionDoc) -> Self {
        let has_acts = |message: &Message| message.turn.acts.iter().any(Act::is_spoken);
        let acts = session.metadata.acts || session.conversation_history.iter().any(has_acts);
        if acts { Self::Acts } else { Self::FormerWords }
    }
}

impl Talk {
    /// Reads a stored call. `known_as` is the remembered name, if there is one.
    pub fn of_session(session: &SessionDoc, known_as: Option<&str>) -> Self {
        let turns: Vec<Turn> = session.conversation_history.iter().map(|message| message.turn.clone()).collect();
        Self::of(&turns, known_as, Evidence::of(session))
    }

    /// Reads `history`. `known_as` is the remembered name, if there is one.
    pub fn of(history: &[Turn], known_as: Option<&str>, evidence: Evidence) -> Self {
        let mut talk = Self::default();
        for (at, turn) in history.iter().enumerate() {
            match turn.role {
                // Nothing of it was heard: for the caller it was never said.
                Role::Agent if turn.text.trim().is_empty() => (),
                Role::Agent => talk.hear_agent(turn, evidence),
                Role::Caller => {
                    talk.hear_caller(turn, known_as);
                    if talk.last.message {
                        talk.messages.push(at);
                    }
                }
            }
        }
        talk
    }

    fn hear_agent(&mut self, turn: &Turn, evidence: Evidence) {
        let by_words = Question::asked(&turn.text);
        self.asked = match evidence {
            Evidence::FormerWords => by_words,
            Evidence::Acts => self.asked_by_acts(&turn.acts).or(by_words.map(|question| match question {
                // It sounds like it, and was not meant so.
                Question::Consent | Question::Erase | Question::NameCheck(_) | Question::NumberCheck => Question::Other,
                other => other,
            })),
        };
        match &self.asked {
            Some(Question::Name) => self.name_asked += 1,
            Some(Question::Consent) => self.consent_asked += 1,
            Some(Question::NameCheck(read)) => {
                if let Some(name) = self.name.as_mut().filter(|name| same_name(&name.say, read)) {
                    name.read_back += 1;
                }
            }
            Some(Question::NumberCheck) => {
                if let Some(number) = &mut self.number {
                    number.read_back += 1;
                }
            }
            _ => (),
        }
    }

    /// The last question that an agent's turn asked by what it did.
    fn asked_by_acts(&self, acts: &[Act]) -> Option<Question> {
        acts.iter().rev().find_map(|act| match act {
            Act::AskedConsent => Some(Question::Consent),
            Act::AskedErase => Some(Question::Erase),
            Act::ReadBack { what } if what == READ_BACK_NAME => {
                self.name.as_ref().map(|name| Question::NameCheck(name.say.clone()))
            }
            Act::ReadBack { what } if what == READ_BACK_NUMBER => Some(Question::NumberCheck),
            Act::Understood { .. }
            | Act::Asked { .. }
            | Act::Other
            | Act::ReadBack { .. }
            | Act::ToolCalled { .. }
            | Act::ToolReturned { .. }
            | Act::Transferring { .. }
            | Act::EndCall => None,
        })
    }

    fn hear_caller(&mut self, turn: &Turn, known_as: Option<&str>) {
        let words = Words::of(&turn.text);
        self.last = LastTurn::default();
        let intent = match turn.via {
            Via::Voice => self.in_context(Intent::of(&turn.text, &words, known_as)),
            Via::Keypad => self.hear_keys(&turn.text),
        };
        self.last.intent = Some(intent);
        self.last.polarity = match (turn.via, intent) {
            (Via::Voice, _) => intent::polarity(&words),
            (Via::Keypad, Intent::Yes) => Some(true),
            (Via::Keypad, Intent::No) => Some(false),
            (Via::Keypad, _) => None,
        };
        self.hear_decision(turn, &words, intent);
        if turn.via == Via::Voice {
            self.hear_name(turn, &words, intent);
            self.hear_number(&words, intent);
            self.last.message = self.is_message(&words, intent);
        }
        match intent {
            Intent::Human | Intent::Emergency => self.urgent = true,
            Intent::CallBack => self.call_back = true,
            Intent::NotMe => self.disowned = true,
            Intent::Forget => self.unremembered = true,
            _ => (),
        }
        if self.went_on(intent) {
            self.misses = 0;
        } else {
            self.misses += 1;
        }
    }

    /// Whether calls may be remembered, and whether all is to be deleted. Both need a clear answer.
    fn hear_decision(&mut self, turn: &Turn, words: &Words, intent: Intent) {
        let Some(yes) = self.last.polarity else { return };
        // "Yeah, hi, I'd like to …" opens a sentence and agrees to nothing.
        let clear = matches!(intent, Intent::Yes | Intent::No | Intent::Forget)
            || !yes
            || words.starts_with_any(&english().talk.clear_yes);
        match &self.asked {
            Some(Question::Consent) if clear => {
                self.consent = Some(ConsentAnswer { yes, turn: turn.id, via: turn.via });
                self.last.consent = Some(yes);
            }
            Some(Question::Erase) if yes && clear => {
                self.forget_confirmed = true;
                self.unremembered = true;
            }
            _ => (),
        }
    }

    /// What an intent is after the open question: "that's not me" to "Is it Anna?" denies the name only.
    fn in_context(&self, intent: Intent) -> Intent {
        match (&self.asked, intent) {
            (Some(Question::NameCheck(_)), Intent::NotMe) if self.name.is_some() => Intent::No,
            _ => intent,
        }
    }

    /// Keys: a number to call, the operator's zero, or a slip of the finger.
    fn hear_keys(&mut self, keys: &str) -> Intent {
        let digits: String = keys.chars().filter(char::is_ascii_digit).collect();
        match digits.as_str() {
            number if intent::is_emergency_number(number) => return Intent::Emergency,
            "0" => return Intent::Human,
            "1" if self.decides() => return Intent::Yes,
            "2" if self.decides() => return Intent::No,
            _ => (),
        }
        if NUMBER_DIGITS.contains(&digits.len()) && !clean::holds_card_number(&digits) {
            self.number = Some(StatedNumber { digits, read_back: 0 });
            self.last.number = true;
        }
        Intent::Nothing
    }

    /// Whether the open question can be answered with the keys 1 and 2.
    fn decides(&self) -> bool {
        matches!(self.asked, Some(Question::Consent | Question::Erase))
    }

    fn hear_name(&mut self, turn: &Turn, words: &Words, intent: Intent) {
        let denied = intent::polarity(words) == Some(false);
        let stated = match &self.asked {
            Some(Question::Name) => {
                self.name_refused |= words.says_any(&english().talk.name_refused) || intent == Intent::No;
                name::answered(&turn.text)
            }
            Some(Question::NameCheck(read)) => {
                if intent::polarity(words) == Some(true) && !words.any(&english().talk.negation) {
                    if let Some(name) = self.name.as_mut().filter(|name| same_name(&name.say, read)) {
                        name.conf = Confidence::Confirmed;
                        self.last.confirmed = true;
                    }
                    return;
                }
                let old = self.name.as_ref().map_or(read.as_str(), |name| name.say.as_str());
                let corrected = name::corrected(old, &turn.text);
                if corrected.is_none() && denied {
                    self.name = None;
                }
                corrected
            }
            _ => name::volunteered(&turn.text),
        };
        if let Some(say) = stated {
            let same = self.name.as_ref().is_some_and(|name| same_name(&name.say, &say));
            if !same {
                self.name = Some(StatedName { say, turn: turn.id, conf: Confidence::Stated, read_back: 0 });
            }
            self.name_refused = false;
            self.last.name = true;
        }
    }

    fn hear_number(&mut self, words: &Words, intent: Intent) {
        let asked = matches!(self.asked, Some(Question::Number | Question::NumberCheck));
        if self.asked == Some(Question::NumberCheck) {
            match intent::polarity(words) {
                Some(true) => {
                    self.last.confirmed = true;
                    return;
                }
                Some(false) => self.number = None,
                None => (),
            }
        }
        if !asked && intent != Intent::CallBack {
            return;
        }
        let digits = numbers::digit_runs(words).concat();
        if NUMBER_DIGITS.contains(&digits.len()) && !clean::holds_card_number(&digits) {
            self.number = Some(StatedNumber { digits, read_back: 0 });
            self.last.number = true;
        }
    }

    /// Whether the turn brings something to pass on.
    fn is_message(&self, words: &Words, intent: Intent) -> bool {
        let lists = &english().talk;
        // "Tell him that I called about the order, that's all, bye": a message and a goodbye.
        let with_goodbye = intent == Intent::Goodbye && intent::weight(words) >= 4;
        let only_name = self.last.name && {
            // What is said beside a name, without where somebody lives or comes from.
            let name_words = self.name.as_ref().map_or(0, |name| Words::of(&name.say).len());
            let beside = intent::weight(words).saturating_sub(name_words);
            matches!(self.asked, Some(Question::Name | Question::NameCheck(_))) && beside < 6
                || beside < 2
                || words.says_any(&lists.beside_name) && beside < 5
        };
        let only_number = self.last.number && self.asked == Some(Question::Number);
        let answers_check = matches!(self.asked, Some(Question::NameCheck(_) | Question::NumberCheck))
            && self.last.polarity.is_some()
            && intent::weight(words) < 3;
        let names_refusal = self.asked == Some(Question::Name) && self.name_refused && intent == Intent::Statement;
        let asks_why = self.asked == Some(Question::Name) && words.any(&lists.asks_why);
        // Without what it is about, the wish to be called back still needs a message.
        let only_call_back = intent == Intent::CallBack && !words.any(&lists.subject_follows);
        (intent.is_message() || with_goodbye)
            && !(only_name || only_number || only_call_back || answers_check || names_refusal || asks_why)
    }

    /// Whether a turn brought the talk further, or at least could be answered.
    fn went_on(&self, intent: Intent) -> bool {
        if self.last.message || self.last.name || self.last.number || self.last.confirmed {
            return true;
        }
        match intent {
            Intent::Nothing | Intent::Acknowledge | Intent::Hello | Intent::Thanks => false,
            Intent::Yes => matches!(
                self.asked,
                Some(Question::Else | Question::Topic | Question::LeaveIt | Question::Consent | Question::Erase)
            ),
            Intent::No => !matches!(
                self.asked,
                None | Some(Question::Other | Question::Reason | Question::More | Question::Number)
            ),
            Intent::Emergency
            | Intent::NotMe
            | Intent::WrongNumber
            | Intent::Goodbye
            | Intent::Repeat
            | Intent::Robot
            | Intent::WhoIsThis
            | Intent::Human
            | Intent::Forget
            | Intent::Erase
            | Intent::Private
            | Intent::Command
            | Intent::CallBack
            | Intent::Wait
            | Intent::Question
            | Intent::Statement => true,
        }
    }
}

/// Whether a reading-back names the stated name, or its first part.
fn same_name(stated: &str, read: &str) -> bool {
    let (stated, read) = (stated.to_lowercase(), read.to_lowercase());
    stated == read || stated.split(' ').next() == Some(read.as_str())
}
