//! The state of a conversation, worked out from its history each time and kept nowhere.
//!
//! So it is right after any other agent's turns, after a resumed call, and when a question was cut off unheard.

use std::collections::BTreeMap;

use redial_call::{Act, Part, Role, Turn, TurnId, Via};
use redial_language::data::english;
use redial_language::decision::{Answer, Care, decide};
use redial_language::intent::{self, Intent};
use redial_language::name;
use redial_language::question::Question;
use redial_language::telephone::{self, Kind};
use redial_language::words::Words;

use crate::model::{Confidence, Message, SessionDoc};

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
    /// The caller's own name is another one now: what was confirmed before gives way.
    pub name_changed: bool,
    /// The caller says that they are not the person who is remembered.
    pub denied: bool,
    /// The caller, asked back, wants this number to be kept apart from that person.
    pub parted: bool,
    /// Where to call back.
    pub number: Option<StatedNumber>,
    /// Where in the history the caller brought something to pass on.
    pub messages: Vec<usize>,
    /// What the caller wants to hear of: calls that they asked for, questions that are open. In their words.
    pub wishes: Vec<String>,
    /// The caller asked to be called back.
    pub call_back: bool,
    /// The caller asked for a human, or somebody is in danger.
    pub urgent: bool,
    /// The caller asked that this call is not remembered.
    pub unremembered: bool,
    /// What the caller answered when asked whether calls may be remembered.
    pub consent: Option<ConsentAnswer>,
    /// The caller asked for everything to be deleted and, asked back, said yes.
    pub forget_confirmed: bool,
    /// How often the caller heard each question, by its name.
    heard: BTreeMap<&'static str, u32>,
    /// Turns in a row, up to the last one, that brought the talk no further.
    pub misses: u32,
    /// What the last turn of the caller brought.
    pub last: LastTurn,
}

/// What the last turn of the caller brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastTurn {
    /// What its clauses are, in order; empty before the caller has said anything.
    pub intents: Vec<Intent>,
    /// What it answers, if the open question is one of yes and no.
    pub answer: Option<Answer>,
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
    /// Only digits, and an extension behind an `x`.
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
    /// Reads a stored call.
    pub fn of_session(session: &SessionDoc) -> Self {
        let turns: Vec<Turn> = session.conversation_history.iter().map(|message| message.turn.clone()).collect();
        Self::of(&turns, Evidence::of(session), &BTreeMap::new())
    }

    /// Reads `history`. What agents took turns for stands in its acts; `understood` has more, of turns that are not answered yet.
    pub fn of(history: &[Turn], evidence: Evidence, understood: &BTreeMap<TurnId, Vec<Part>>) -> Self {
        let acts = history.iter().flat_map(|turn| &turn.acts);
        let mut parts: BTreeMap<TurnId, &[Part]> =
            understood.iter().map(|(turn, parts)| (*turn, parts.as_slice())).collect();
        parts.extend(acts.filter_map(|act| match act {
            Act::Understood { turn, parts } => Some((*turn, parts.as_slice())),
            _ => None,
        }));
        let mut talk = Self::default();
        for (at, turn) in history.iter().enumerate() {
            match turn.role {
                // Nothing of it was heard: for the caller it was never said.
                Role::Agent if turn.text.trim().is_empty() => (),
                Role::Agent => talk.hear_agent(turn, evidence),
                Role::Caller => {
                    let parts = parts.get(&turn.id).copied();
                    talk.hear_caller(turn, parts);
                    talk.wishes.extend(
                        parts
                            .into_iter()
                            .flatten()
                            .filter(|part| is_wish(part))
                            .map(|part| part.of(&turn.text).to_owned()),
                    );
                    if talk.last.message {
                        talk.messages.push(at);
                    }
                }
            }
        }
        talk
    }

    /// How often the caller heard the question.
    pub fn times_heard(&self, question: &Question) -> u32 {
        self.heard.get(question.name()).copied().unwrap_or_default()
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
        let Some(asked) = &self.asked else { return };
        *self.heard.entry(asked.name()).or_default() += 1;
        match asked {
            Question::NameCheck(read) => {
                if let Some(name) = self.name.as_mut().filter(|name| same_name(&name.say, read)) {
                    name.read_back += 1;
                }
            }
            Question::NumberCheck => {
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
            Act::Asked { what } => Question::of_name(what),
            Act::Understood { .. }
            | Act::Other
            | Act::ReadBack { .. }
            | Act::ToolCalled { .. }
            | Act::ToolReturned { .. }
            | Act::Transferring { .. }
            | Act::EndCall => None,
        })
    }

    fn hear_caller(&mut self, turn: &Turn, parts: Option<&[Part]>) {
        let words = Words::of(&turn.text);
        self.last = LastTurn::default();
        self.last.intents = match (turn.via, parts) {
            (Via::Keypad, _) => vec![self.hear_keys(&turn.text)],
            (Via::Voice, Some(parts)) => {
                parts.iter().map(|part| Intent::parse(&part.kind).unwrap_or(Intent::Message)).collect()
            }
            (Via::Voice, None) => not_understood(&turn.text),
        };
        if let Some(asked) = &self.asked
            && let Some(care) = asked.care()
        {
            self.last.answer = Some(match (turn.via, self.last.intents.first()) {
                (Via::Voice, _) => decide(&turn.text, asked.name(), care),
                (Via::Keypad, Some(Intent::Yes)) => Answer::Yes,
                (Via::Keypad, Some(Intent::No)) => Answer::No,
                (Via::Keypad, _) => Answer::Unclear,
            });
        }
        self.hear_decision(turn);
        if turn.via == Via::Voice {
            self.hear_name(turn);
            self.hear_number(&turn.text);
            self.last.message = self.is_message(&words);
        }
        self.urgent |= self.last.is(Intent::Human) || self.last.is(Intent::Danger);
        self.call_back |= self.last.is(Intent::CallBack);
        if self.went_on() {
            self.misses = 0;
        } else {
            self.misses += 1;
        }
    }

    /// What cannot be taken back hangs on a clear yes to the question that names it. What keeps less of the caller does not.
    fn hear_decision(&mut self, turn: &Turn) {
        let answer = self.last.answer;
        match (&self.asked, answer) {
            (Some(Question::Consent), Some(answer)) => {
                let no = answer == Answer::No || self.last.is(Intent::KeepNothing);
                if no || answer == Answer::Yes {
                    self.consent = Some(ConsentAnswer { yes: !no, turn: turn.id, via: turn.via });
                    self.last.consent = Some(!no);
                }
            }
            (Some(Question::Erase), Some(Answer::Yes)) => {
                self.forget_confirmed = true;
                self.unremembered = true;
            }
            (Some(Question::Part), Some(Answer::Yes)) => self.parted = true,
            (Some(Question::KeepCall), Some(Answer::Yes)) => self.unremembered = self.forget_confirmed,
            (_, _) => self.unremembered |= self.last.is(Intent::KeepNothing),
        }
        let denies_reading = matches!(self.asked, Some(Question::NameCheck(_))) && self.name.is_some();
        self.denied |= self.last.is(Intent::NotMe) && !denies_reading;
        self.name_changed |= self.last.is(Intent::NameChanged) || name::has_changed(&turn.text);
    }

    /// Keys: a number to call, the operator's zero, or a slip of the finger.
    fn hear_keys(&mut self, keys: &str) -> Intent {
        let digits = telephone::keyed(keys);
        match digits.as_str() {
            number if intent::is_emergency_number(number) => return Intent::Danger,
            "0" => return Intent::Human,
            "1" if self.decides() => return Intent::Yes,
            "2" if self.decides() => return Intent::No,
            _ => (),
        }
        if telephone::is_possible(&digits) {
            self.number = Some(StatedNumber { digits, read_back: 0 });
            self.last.number = true;
        }
        Intent::Nothing
    }

    /// Whether the open question can be answered with the keys 1 and 2.
    fn decides(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.care() == Some(Care::Irreversible))
    }

    fn hear_name(&mut self, turn: &Turn) {
        let answer = self.last.answer;
        let stated = match &self.asked {
            Some(Question::Name) => {
                self.name_refused |= self.last.is(Intent::Refuses) || self.last.intents == [Intent::No];
                name::answered(&turn.text)
            }
            Some(Question::NameCheck(read)) => {
                if answer == Some(Answer::Yes) {
                    if let Some(name) = self.name.as_mut().filter(|name| same_name(&name.say, read)) {
                        name.conf = Confidence::Confirmed;
                        self.last.confirmed = true;
                    }
                    return;
                }
                let old = self.name.as_ref().map_or(read.as_str(), |name| name.say.as_str());
                let corrected = name::corrected(old, &turn.text);
                if corrected.is_none() && (answer == Some(Answer::No) || self.last.is(Intent::NotMe)) {
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

    fn hear_number(&mut self, text: &str) {
        let asked = matches!(self.asked, Some(Question::Number | Question::NumberCheck));
        let corrected = match (&self.asked, &self.number) {
            (Some(Question::NumberCheck), Some(number)) => {
                if self.last.answer == Some(Answer::Yes) {
                    self.last.confirmed = true;
                    return;
                }
                telephone::corrected(&number.digits, text)
            }
            _ => None,
        };
        if self.asked == Some(Question::NumberCheck) && self.last.answer == Some(Answer::No) {
            self.number = None;
        }
        let said = telephone::numbers(text, asked).into_iter().rfind(|found| found.kind == Kind::Telephone);
        if let Some(digits) = corrected.or_else(|| said.map(|found| found.written())) {
            self.number = Some(StatedNumber { digits, read_back: 0 });
            self.last.number = true;
        }
    }

    /// Whether the turn brings something to pass on.
    fn is_message(&self, words: &Words) -> bool {
        let lists = &english().talk;
        let only_name = self.last.name && {
            // What is said beside a name, without where somebody lives or comes from.
            let name_words = self.name.as_ref().map_or(0, |name| Words::of(&name.say).len());
            let beside = intent::weight(words).saturating_sub(name_words);
            matches!(self.asked, Some(Question::Name | Question::NameCheck(_))) && beside < 6
                || beside < 2
                || words.says_any(&lists.beside_name) && beside < 5
        };
        let only_number = self.last.number && self.asked == Some(Question::Number);
        // Without what it is about, the wish to be called back still needs a message.
        let brings = self.last.intents.iter().any(|intent| intent.is_message() && *intent != Intent::CallBack);
        brings && !(only_name || only_number)
    }

    /// Whether a turn brought the talk further, or at least could be answered.
    fn went_on(&self) -> bool {
        let last = &self.last;
        if last.message || last.name || last.number || last.confirmed {
            return true;
        }
        match (&self.asked, last.answer) {
            (Some(asked), Some(Answer::Yes | Answer::No)) if !matches!(asked, Question::Other) => return true,
            _ => (),
        }
        let small = |intent: &Intent| {
            matches!(
                intent,
                Intent::Nothing | Intent::Acknowledge | Intent::Thanks | Intent::SmallTalk | Intent::Yes | Intent::No
            )
        };
        let refused = self.asked == Some(Question::Name) && last.intents == [Intent::No];
        refused || !last.intents.iter().all(small)
    }
}

impl LastTurn {
    /// Whether one of its clauses is that.
    pub fn is(&self, intent: Intent) -> bool {
        self.intents.contains(&intent)
    }
}

fn is_wish(part: &Part) -> bool {
    matches!(Intent::parse(&part.kind), Some(Intent::CallBack | Intent::Question))
}

/// What a turn is that no desk has understood: small words, or the message; and the wish not to be remembered, where it is said
/// in so many words.
fn not_understood(text: &str) -> Vec<Intent> {
    let mut intents = vec![Intent::plain(text).unwrap_or(Intent::Message)];
    if intent::wants_nothing_kept(text) {
        intents.push(Intent::KeepNothing);
    }
    intents
}

/// Whether a reading-back names the stated name, or its first part.
pub(crate) fn same_name(stated: &str, read: &str) -> bool {
    let (stated, read) = (stated.to_lowercase(), read.to_lowercase());
    stated == read || stated.split(' ').next() == Some(read.as_str())
}
