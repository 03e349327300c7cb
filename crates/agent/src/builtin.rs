//! The built-in agent: an answering service that takes a message in a few turns. It needs no model, and takes over in
//! mid-call when a model fails.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::{Act, Role, Turn};
use redial_language::data::agent::AgentPhrases;
use redial_language::data::english;
use redial_language::intent::Intent;
use redial_language::question::Question;
use redial_language::words::Words;
use redial_language::{name, sentences, telephone, topic};
use redial_memory::greeting::{GreetingLevel, sayable_name};
use redial_memory::model::Confidence;
use redial_memory::talk::{Evidence, READ_BACK_NAME, READ_BACK_NUMBER, Talk};
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, AgentSession, Cue, Delta, Finish, Prompt};

/// The question for the name is asked so often and no more: who does not want to say it need not.
const NAME_ASKED_AT_MOST: u32 = 2;
/// A name or number is read back so often; then it stands as it was said.
const READ_BACK_AT_MOST: u32 = 2;
/// After so many turns in a row that could not be used, the agent offers to end with what it has.
const MISSES_BEFORE_OFFER: u32 = 3;
/// A repetition longer than this is cut at a sentence.
const REPEAT_CHARS: usize = 300;

/// The agent that needs nothing. The same context and prompt always give the same answer.
///
/// An answer reads the whole history: about 30 µs a turn of the caller (23 words, optimised build), so half a
/// millisecond in a call of 30 turns.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Agent for BuiltIn {
    fn open(&self, context: AgentContext) -> Box<dyn AgentSession> {
        Box::new(Desk::new(context))
    }
}

/// The built-in agent in one call.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    context: Arc<AgentContext>,
}

impl Desk {
    pub(crate) fn new(context: AgentContext) -> Self {
        Self { context: Arc::new(context) }
    }
}

impl AgentSession for Desk {
    fn reply(&mut self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let answer = answer(&self.context, &prompt);
        let acts = answer.acts.into_iter().map(Delta::Act);
        let deltas = std::iter::once(Delta::Text(answer.text)).chain(acts).chain([Delta::End(Finish::Done)]);
        stream::iter(deltas.map(Ok)).boxed()
    }
}

/// What the agent says, and does by saying it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    text: String,
    acts: Vec<Act>,
}

impl Answer {
    fn go_on(text: impl Into<String>) -> Self {
        Self { text: text.into(), acts: Vec::new() }
    }

    /// Words that end with a question.
    fn asking(text: impl Into<String>, question: &Question) -> Self {
        let act = match question {
            Question::Consent => Some(Act::AskedConsent),
            Question::Erase => Some(Act::AskedErase),
            Question::NameCheck(_) => Some(Act::ReadBack { what: READ_BACK_NAME.to_owned() }),
            Question::NumberCheck => Some(Act::ReadBack { what: READ_BACK_NUMBER.to_owned() }),
            Question::Reason
            | Question::Topic
            | Question::More
            | Question::Name
            | Question::Number
            | Question::Else
            | Question::LeaveIt
            | Question::Other => None,
        };
        Self { text: text.into(), acts: act.into_iter().collect() }
    }

    /// The last words.
    fn goodbye(text: impl Into<String>) -> Self {
        Self { text: text.into(), acts: vec![Act::EndCall] }
    }
}

/// Answers the last turn of the prompt's history.
fn answer(context: &AgentContext, prompt: &Prompt) -> Answer {
    // A caller greeted as a stranger is one, whatever is stored under the number.
    let known_as = (context.level > GreetingLevel::Neutral).then(|| sayable_name(&context.profile)).flatten();
    let talk = Talk::of(&prompt.history, known_as.as_deref(), Evidence::Acts);
    let (known_as, level) = (known_as.as_deref(), context.level);
    let responder = Responder { talk, known_as, level, prompt, say: &english().agent };
    let unclear =
        prompt.cue == Cue::Unclear || responder.talk.last.intent.is_none_or(|intent| intent == Intent::Nothing);
    if unclear && !responder.talk.last.number { responder.misunderstood() } else { responder.respond() }
}

/// One answer in the making.
struct Responder<'a> {
    talk: Talk,
    known_as: Option<&'a str>,
    level: GreetingLevel,
    prompt: &'a Prompt,
    say: &'static AgentPhrases,
}

impl Responder<'_> {
    fn respond(&self) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        // Where there are no words there is a keyed number, which goes the way of a statement.
        let intent = talk.last.intent.unwrap_or(Intent::Statement);
        if let Some(yes) = talk.last.consent.filter(|_| matches!(intent, Intent::Yes | Intent::No | Intent::Statement))
        {
            return self.consent(yes);
        }
        match intent {
            Intent::Emergency => Answer::go_on(&say.emergency),
            Intent::Goodbye if !self.answers_check() => self.goodbye(),
            Intent::WrongNumber => Answer::goodbye(&say.wrong_number),
            Intent::NotMe => self.ask_after(&say.not_me, &self.next()),
            Intent::Repeat => self.repeat(),
            Intent::Robot => self.resume(&say.robot),
            Intent::WhoIsThis => self.resume(&say.who_is_this),
            Intent::Wait => Answer::go_on(&say.take_your_time),
            Intent::Hello => self.if_patient(|| self.resume(&say.here)),
            Intent::Human => self.after_name(&say.human),
            Intent::Forget => self.after_name(&say.forget),
            Intent::Erase => Answer::asking(format!("{} {}", say.can_do, Question::Erase.ask()), &Question::Erase),
            Intent::Private => self.private(),
            Intent::Command => self.after_name(&say.command),
            Intent::CallBack => self.call_back(),
            Intent::Question if talk.asked == Some(Question::Name) && !talk.last.message && !talk.last.name => {
                Answer::go_on(format!("{} {}", say.why_name, Question::Name.ask()))
            }
            Intent::Yes | Intent::No | Intent::Thanks | Intent::Acknowledge | Intent::Goodbye => {
                self.short_answer(intent)
            }
            Intent::Question if talk.last.message => self.after_name(&say.not_known),
            Intent::Question | Intent::Statement | Intent::Nothing => self.taken(),
        }
    }

    /// Yes, no, thanks or okay: what they mean hangs on the question.
    fn short_answer(&self, intent: Intent) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        let agreed = matches!(intent, Intent::Yes | Intent::Acknowledge);
        match (&talk.asked, intent) {
            (Some(Question::NameCheck(_) | Question::NumberCheck), _) => self.checked(),
            (Some(Question::Erase), Intent::Yes) => self.ask_after(&say.erases, &self.next()),
            (Some(Question::Erase), Intent::No) => self.ask_after(&say.erases_nothing, &self.next()),
            (Some(Question::Erase), Intent::Acknowledge) => {
                Answer::asking(Question::Erase.ask_again(), &Question::Erase)
            }
            (Some(Question::LeaveIt), Intent::No) => {
                Answer::go_on(format!("{} {}", say.all_right, Question::More.ask_again()))
            }
            (Some(Question::LeaveIt), _) => self.goodbye(),
            (Some(Question::Else), Intent::Yes) => Answer::go_on(format!("{} {}", say.of_course, Question::More.ask())),
            (Some(Question::Else), Intent::No | Intent::Thanks | Intent::Goodbye) => self.goodbye(),
            (Some(Question::Else), _) => Answer::go_on(Question::LeaveIt.ask()),
            (Some(Question::Reason | Question::More), Intent::No | Intent::Thanks) => self.goodbye(),
            (Some(Question::Topic), Intent::No) => Answer::go_on(&say.other_topic),
            (Some(Question::Topic), _) if agreed => Answer::go_on(&say.right_topic),
            (Some(Question::Name), Intent::No) => self.ask_after(&say.that_is_all_right, &self.next()),
            (Some(Question::Number), Intent::No) => self.ask_after(&say.number_known, &self.next()),
            _ => self.if_patient(|| match &talk.asked {
                Some(Question::Reason | Question::More) => Answer::go_on(&say.listening),
                _ => self.ask_after(&say.all_right, &self.next()),
            }),
        }
    }

    /// The answer to whether calls may be remembered, with what was said beside it.
    fn consent(&self, yes: bool) -> Answer {
        let thanks = if yes { &self.say.thanks } else { &self.say.remembers_nothing };
        if !self.talk.last.message && !self.talk.last.name {
            return self.ask_after(thanks, &self.next());
        }
        let answer = self.taken();
        if yes { answer } else { Answer { text: format!("{thanks} {}", answer.text), ..answer } }
    }

    /// The answer to a reading-back.
    fn checked(&self) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        match (&talk.asked, talk.last.polarity) {
            (Some(Question::NameCheck(_)), Some(true)) => match &talk.name {
                Some(stated) => {
                    let thanks = say.thanks_name.fill(&[("name", name::address(&stated.say))]);
                    self.ask_after(&thanks, &self.next())
                }
                None => self.ask_after(&say.thanks, &self.next()),
            },
            (Some(Question::NameCheck(_)), Some(false)) if talk.name_asked <= NAME_ASKED_AT_MOST => {
                Answer::go_on(&say.name_misheard)
            }
            (Some(Question::NumberCheck), Some(false)) => {
                Answer::go_on(format!("{} {}", say.sorry, Question::Number.ask()))
            }
            _ => self.if_patient(|| self.ask_after(&say.all_right, &self.next())),
        }
    }

    /// Something was said that goes into the message, or a name or number was given.
    fn taken(&self) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        let last = talk.last;
        if !last.message && !last.name && !last.number && self.answers_check() {
            return self.checked();
        }
        let thanks = if last.message && talk.messages.len() == 1 {
            match self.last_caller_text().and_then(topic::topic) {
                Some(topic) => say.noted_topic.fill(&[("topic", &topic)]),
                None => say.noted.clone(),
            }
        } else if last.message {
            say.added.clone()
        } else if last.name || last.number || last.confirmed {
            say.thanks.clone()
        } else {
            say.all_right.clone()
        };
        self.ask_after(&thanks, &self.next())
    }

    /// The caller wants to be called back.
    fn call_back(&self) -> Answer {
        let other = self.last_caller_text().is_some_and(|text| Words::of(text).says_any(&self.say.other_numbers));
        if other && self.talk.number.is_none() {
            self.ask_after(&self.say.call_back, &Question::Number)
        } else {
            self.ask_after(&self.say.call_back, &self.next())
        }
    }

    /// "What do you know about me?"
    fn private(&self) -> Answer {
        self.after_name(&self.say.private)
    }

    /// Nothing was understood: asks again, the second time in other words, and does not go on for ever.
    fn misunderstood(&self) -> Answer {
        let (question, say) = (self.open_question(), self.say);
        match self.talk.misses {
            0 | 1 => Answer::asking(format!("{} {}", say.not_caught, question.ask()), &question),
            2 => Answer::asking(format!("{} {}", say.not_caught_again, question.ask_again()), &question),
            MISSES_BEFORE_OFFER => self.offer_to_end(),
            _ => self.goodbye_after(&say.bad_line),
        }
    }

    /// `answer`, unless the talk has been going nowhere.
    fn if_patient(&self, answer: impl FnOnce() -> Answer) -> Answer {
        match self.talk.misses {
            0..MISSES_BEFORE_OFFER => answer(),
            MISSES_BEFORE_OFFER => self.offer_to_end(),
            _ => self.goodbye_after(&self.say.all_right),
        }
    }

    fn offer_to_end(&self) -> Answer {
        let say = self.say;
        let have = if self.talk.messages.is_empty() { &say.can_note_call } else { &say.have_message };
        Answer::go_on(format!("{} {have} {}", say.trouble_understanding, Question::LeaveIt.ask()))
    }

    fn goodbye(&self) -> Answer {
        self.goodbye_after(&self.say.all_right)
    }

    fn goodbye_after(&self, opening: &str) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        let message = match (talk.urgent, talk.messages.is_empty()) {
            (true, _) => Some(&say.passes_on_urgent),
            (false, true) if talk.call_back => Some(&say.passes_on_call_back),
            (false, false) if talk.call_back => Some(&say.passes_on_both),
            (false, false) => Some(&say.passes_on),
            (false, true) => None,
        };
        let thanks = match self.sayable_name() {
            Some(name) => say.thanks_for_calling_name.fill(&[("name", name)]),
            None => say.thanks_for_calling.clone(),
        };
        let all = [Some(opening), message.map(String::as_str), Some(&thanks), Some(&say.goodbye)];
        Answer::goodbye(all.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// Says again what was meant to be heard last, or asks what is open.
    fn repeat(&self) -> Answer {
        let last = self.prompt.history.iter().rev().find(|turn| turn.role == Role::Agent && !whole(turn).is_empty());
        let mut again = String::new();
        for sentence in last.map(|turn| sentences::split(&whole(turn))).unwrap_or_default() {
            let own_opening = [&self.say.of_course, &self.say.not_caught].contains(&&sentence);
            if own_opening || sentence.to_lowercase().contains(&self.say.goodbye_word) {
                continue;
            }
            if again.chars().count() + sentence.chars().count() > REPEAT_CHARS {
                break;
            }
            again.push(' ');
            again.push_str(&sentence);
        }
        let question = if Question::asked(&again).is_none() {
            again.push(' ');
            let next = self.next();
            again.push_str(&next.ask());
            next
        } else {
            self.open_question()
        };
        Answer::asking(format!("{}{again}", self.say.of_course), &question)
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
                Some(number) => self.say.reads_number.fill(&[("digits", &telephone::spoken(&number.digits))]),
                None => question.ask(),
            },
            Question::Reason => self.say.what_about.clone(),
            _ => question.ask(),
        };
        Answer::asking(format!("{said} {asked}"), question)
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
        let remembered = || self.known_as.filter(|_| self.level >= GreetingLevel::Hint && !self.talk.disowned);
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
