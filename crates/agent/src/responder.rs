//! What the built-in agent answers, by where the talk has come to.

use redial_call::{Act, Role, Turn};
use redial_language::data::agent::AgentPhrases;
use redial_language::data::english;
use redial_language::decision::Answer::{No, Unclear, Yes};
use redial_language::intent::Intent;
use redial_language::question::Question;
use redial_language::words::Words;
use redial_language::{name, sentences, telephone, topic};
use redial_memory::greeting::GreetingLevel;
use redial_memory::model::Confidence;
use redial_memory::talk::{READ_BACK_NAME, READ_BACK_NUMBER, Talk};
use redial_provider::agent::{AgentContext, Cue, Prompt};

/// The question for the name is asked so often and no more: who does not want to say it need not.
const NAME_ASKED_AT_MOST: u32 = 2;
/// A name or number is read back so often; then it stands as it was said.
const READ_BACK_AT_MOST: u32 = 2;
/// What cannot be undone is asked so often; then nothing is done.
const DECISION_ASKED_AT_MOST: u32 = 2;
/// After so many turns in a row that could not be used, the agent offers to end with what it has.
const MISSES_BEFORE_OFFER: u32 = 3;
/// A repetition longer than this is cut at a sentence.
const REPEAT_CHARS: usize = 300;

/// What the agent says, and does by saying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) acts: Vec<Act>,
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
            Question::Other => None,
            other => Some(Act::Asked { what: other.name().to_owned() }),
        };
        Self { text: text.into(), acts: act.into_iter().collect() }
    }

    /// The last words.
    fn goodbye(text: impl Into<String>) -> Self {
        Self { text: text.into(), acts: vec![Act::EndCall] }
    }
}

/// One answer in the making.
pub(crate) struct Responder<'a> {
    talk: Talk,
    known_as: Option<&'a str>,
    level: GreetingLevel,
    emergency: &'a str,
    prompt: &'a Prompt,
    say: &'static AgentPhrases,
}

impl<'a> Responder<'a> {
    pub(crate) fn new(talk: Talk, known_as: Option<&'a str>, context: &'a AgentContext, prompt: &'a Prompt) -> Self {
        let AgentContext { level, emergency, .. } = context;
        Self { talk, known_as, level: *level, emergency, prompt, say: &english().agent }
    }

    /// Answers the last turn of the prompt's history.
    pub(crate) fn answer(&self) -> Answer {
        let last = &self.talk.last;
        let nothing = last.intents.iter().all(|intent| *intent == Intent::Nothing);
        if (self.prompt.cue == Cue::Unclear || nothing)
            && !last.number
            && last.answer.is_none_or(|answer| answer == Unclear)
        {
            return self.misunderstood();
        }
        if last.is(Intent::Danger) {
            return Answer::asking(self.say.emergency.fill(&[("number", self.emergency)]), &Question::Reason);
        }
        self.decided().or_else(|| self.wanted()).unwrap_or_else(|| self.taken())
    }

    /// What was answered to a question of yes or no.
    fn decided(&self) -> Option<Answer> {
        let (talk, say) = (&self.talk, self.say);
        if let Some(yes) = talk.last.consent {
            return Some(self.consent(yes));
        }
        let (question, answer) = (talk.asked.as_ref()?, talk.last.answer?);
        Some(match (question, answer) {
            (Question::NameCheck(_) | Question::NumberCheck, Yes | No) if !talk.last.message => self.checked(),
            (Question::Erase, Yes) => self.go_on_after(&say.erases),
            (Question::Erase, No) => self.go_on_after(&say.erases_nothing),
            (Question::Part, Yes) => self.go_on_after(&say.parts),
            (Question::Part, No) => self.go_on_after(&say.parts_nothing),
            (Question::KeepCall, Yes) => self.go_on_after(&say.remembers_after_all),
            (Question::KeepCall, No) => self.go_on_after(&say.remembers_nothing),
            (Question::End | Question::LeaveIt, Yes) => self.goodbye(),
            (Question::End, No) => Answer::asking(&say.listening, &Question::More),
            (Question::LeaveIt, No) => self.ask_after(&say.all_right, &Question::More),
            (Question::Erase | Question::Part | Question::KeepCall | Question::End | Question::Consent, Unclear) => {
                return self.undecided(question);
            }
            (Question::Else, No) if !talk.last.message => self.goodbye(),
            (Question::Else, Yes) if !talk.last.message => {
                Answer::asking(format!("{} {}", say.of_course, Question::More.ask()), &Question::More)
            }
            (Question::Topic, No) if !talk.last.message && !talk.last.is(Intent::NotMe) => {
                Answer::asking(&say.other_topic, &Question::Reason)
            }
            (Question::Topic, Yes) if !talk.last.message => Answer::asking(&say.right_topic, &Question::More),
            _ => return None,
        })
    }

    /// No clear answer to what cannot be undone: asked once more, if nothing else was said; after that, nothing is done.
    fn undecided(&self, question: &Question) -> Option<Answer> {
        let (talk, say) = (&self.talk, self.say);
        if talk.last.message || *question == Question::Consent {
            return None;
        }
        let digresses = [Intent::Repeat, Intent::Robot, Intent::WhoIsThis, Intent::Wait, Intent::Hello];
        if digresses.iter().any(|intent| talk.last.is(*intent)) {
            return None;
        }
        if talk.times_heard(question) < DECISION_ASKED_AT_MOST {
            return Some(Answer::asking(question.ask_again(), question));
        }
        Some(self.go_on_after(match question {
            Question::Erase => &say.erases_nothing,
            Question::Part => &say.parts_nothing,
            Question::KeepCall => &say.remembers_nothing,
            _ => &say.all_right,
        }))
    }

    /// What the caller wants of the line, beside leaving a message.
    fn wanted(&self) -> Option<Answer> {
        let (talk, say) = (&self.talk, self.say);
        let last = &talk.last;
        let noted = |said: &str| if last.message { format!("{} {said}", say.noted) } else { said.to_owned() };
        let asks_back = |question: Question, said: &str| {
            let may = talk.times_heard(&question) < DECISION_ASKED_AT_MOST;
            may.then(|| Answer::asking(noted(&format!("{said}{}", question.ask())), &question))
        };
        let is = |intent| last.is(intent);
        let answer = if is(Intent::Erase) {
            return asks_back(Question::Erase, "");
        } else if is(Intent::KeepNothing) {
            return asks_back(Question::KeepCall, "");
        } else if is(Intent::NotMe) && self.reads_no_name() {
            let sorry = format!("{} ", say.not_me);
            return asks_back(Question::Part, &sorry).or_else(|| Some(self.go_on_after(&say.not_me)));
        } else if is(Intent::WrongNumber) && !last.message {
            Answer::goodbye(&say.wrong_number)
        } else if is(Intent::Goodbye) && self.closes() {
            self.goodbye()
        } else if is(Intent::Repeat) && !last.message {
            self.repeat()
        } else if is(Intent::Robot) && !last.message {
            self.resume(&say.robot)
        } else if is(Intent::WhoIsThis) && !last.message {
            self.resume(&say.who_is_this)
        } else if is(Intent::WhyAsked) && matches!(talk.asked, Some(Question::Name | Question::Number)) {
            self.resume(&say.why_name)
        } else if is(Intent::Refuses) && matches!(talk.asked, Some(Question::Name | Question::Number)) {
            self.go_on_after(&say.that_is_all_right)
        } else if is(Intent::Wait) && !last.message {
            Answer::go_on(&say.take_your_time)
        } else if is(Intent::Hello) && last.intents.iter().all(|intent| *intent == Intent::Hello) {
            self.resume(self.here())
        } else if is(Intent::Human) {
            self.go_on_after(&say.human)
        } else if is(Intent::OtherLanguage) {
            self.go_on_after(&say.other_language)
        } else if is(Intent::Private) {
            self.go_on_after(&say.private)
        } else if is(Intent::Command) {
            self.go_on_after(&say.command)
        } else if is(Intent::CallBack) {
            self.call_back()
        } else if is(Intent::Question) && !is(Intent::Message) {
            self.go_on_after(&say.not_known)
        } else if is(Intent::Goodbye) && !last.message {
            return asks_back(Question::End, "").or_else(|| Some(self.goodbye()));
        } else {
            return self.small();
        };
        Some(answer)
    }

    /// Thanks, okay, a yes or a no to nothing.
    fn small(&self) -> Option<Answer> {
        let (talk, say) = (&self.talk, self.say);
        let last = &talk.last;
        if last.message || last.name || last.number || last.confirmed {
            return None;
        }
        if last.is(Intent::SmallTalk) {
            return Some(self.if_patient(|| self.resume(&say.all_right)));
        }
        Some(match (&talk.asked, last.intents.first()?) {
            (Some(Question::NameCheck(_) | Question::NumberCheck), _) => self.checked(),
            (Some(Question::Else), Intent::Thanks) => self.goodbye(),
            (Some(Question::Else), _) => Answer::asking(Question::LeaveIt.ask(), &Question::LeaveIt),
            (Some(Question::Reason | Question::More), Intent::No | Intent::Thanks) => self.goodbye(),
            (Some(Question::Name), Intent::No) => self.go_on_after(&say.that_is_all_right),
            (Some(Question::Number), Intent::No) => self.go_on_after(&say.number_known),
            (Some(Question::Reason | Question::More), _) => {
                self.if_patient(|| Answer::asking(&say.listening, &Question::More))
            }
            _ => self.if_patient(|| self.go_on_after(&say.all_right)),
        })
    }

    /// Nothing but a goodbye, by its words; or one behind a message, as its last words.
    fn closes(&self) -> bool {
        let text = self.last_caller_text().unwrap_or_default();
        let last_words = sentences::split(text).pop().unwrap_or_default();
        Intent::plain(&last_words) == Some(Intent::Goodbye)
            || self.talk.asked == Some(Question::Else) && !self.talk.last.message
    }

    fn reads_no_name(&self) -> bool {
        !matches!(self.talk.asked, Some(Question::NameCheck(_)))
    }

    /// The answer to whether calls may be remembered, with what was said beside it.
    fn consent(&self, yes: bool) -> Answer {
        let thanks = if yes { &self.say.thanks } else { &self.say.remembers_nothing };
        if !self.talk.last.message && !self.talk.last.name {
            return self.go_on_after(thanks);
        }
        let answer = self.taken();
        if yes { answer } else { Answer { text: format!("{thanks} {}", answer.text), ..answer } }
    }

    /// The answer to a reading-back.
    fn checked(&self) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        match (&talk.asked, talk.last.answer) {
            (Some(Question::NameCheck(_)), Some(Yes)) => match &talk.name {
                Some(stated) => {
                    let thanks = say.thanks_name.fill(&[("name", name::address(&stated.say))]);
                    self.go_on_after(&thanks)
                }
                None => self.go_on_after(&say.thanks),
            },
            (Some(Question::NameCheck(_)), Some(No)) if talk.last.name => self.go_on_after(&say.thanks),
            (Some(Question::NameCheck(_)), Some(No)) if talk.times_heard(&Question::Name) <= NAME_ASKED_AT_MOST => {
                Answer::asking(&say.name_misheard, &Question::Name)
            }
            (Some(Question::NumberCheck), Some(No)) if !talk.last.number => {
                Answer::asking(format!("{} {}", say.sorry, Question::Number.ask()), &Question::Number)
            }
            (Some(question), Some(Unclear) | None) if talk.times_heard(question) < READ_BACK_AT_MOST => {
                self.if_patient(|| Answer::asking(question.ask_again(), question))
            }
            _ => self.if_patient(|| self.go_on_after(&say.all_right)),
        }
    }

    /// Something was said that goes into the message, or a name or number was given.
    fn taken(&self) -> Answer {
        let (talk, say) = (&self.talk, self.say);
        let last = &talk.last;
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
        self.go_on_after(&thanks)
    }

    /// The caller wants to be called back.
    fn call_back(&self) -> Answer {
        let other = self.last_caller_text().is_some_and(|text| Words::of(text).says_any(&self.say.other_numbers));
        if other && self.talk.number.is_none() {
            self.ask_after(&self.say.call_back, &Question::Number)
        } else {
            self.go_on_after(&self.say.call_back)
        }
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
        let said = format!("{} {have} {}", say.trouble_understanding, Question::LeaveIt.ask());
        Answer::asking(said, &Question::LeaveIt)
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

    /// To "hello?", each time in other words.
    fn here(&self) -> &str {
        let said = self.prompt.history.iter().filter(|turn| turn.role == Role::Agent);
        let times = said.filter(|turn| self.say.here.iter().any(|here| turn.text.starts_with(here))).count();
        self.say.here.get(times % self.say.here.iter().count().max(1)).unwrap_or(&self.say.all_right)
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
        let question = if again.trim_end().ends_with('?') {
            self.open_question()
        } else {
            again.push(' ');
            let next = self.next();
            again.push_str(&next.ask());
            next
        };
        Answer::asking(format!("{}{again}", self.say.of_course), &question)
    }

    /// `said`, then the question that was open before the digression.
    fn resume(&self, said: &str) -> Answer {
        self.ask_after(said, &self.open_question())
    }

    /// `said`, then what comes next; a name that came along is read back.
    fn go_on_after(&self, said: &str) -> Answer {
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
        let remembered = self.known_as.is_some() && !talk.denied;
        let asked = talk.times_heard(&Question::Name);
        if talk.name.is_none() && !remembered && !talk.name_refused && asked < NAME_ASKED_AT_MOST {
            return Question::Name;
        }
        let open = talk.consent.is_none() && !talk.unremembered && talk.misses == 0;
        if talk.times_heard(&Question::Consent) == 1 && open {
            return Question::Consent; // it went under in what the caller had to say
        }
        Question::Else
    }

    /// The name that may be said: the one of this call, or from the memory as far as the level allows.
    fn sayable_name(&self) -> Option<&str> {
        let stated = self.talk.name.as_ref().map(|name| name.say.as_str());
        let remembered = || self.known_as.filter(|_| self.level >= GreetingLevel::Hint && !self.talk.denied);
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
