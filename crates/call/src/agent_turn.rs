//! The agent's turn in progress: what it says, how far that has been heard, and what comes after it.

mod voice;

use std::time::Duration;

use crate::action::{Action, EndReason};
use crate::acts::{Act, ToolCallId, ToolOutcome, ToolRequest};
use crate::context::Context;
use crate::ids::TurnId;
use crate::playout::Playhead;
use crate::script::{Script, Voice};
use crate::tools::Tools;

/// The longest words of an answer, in bytes: a quarter of an hour of speech. What goes on beyond is stopped.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// What an agent turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Greeting(Then),
    Reply(Then),
    Prompt(Then),
    /// Said to their end whatever the caller says; then we hang up for this reason.
    LastWords(EndReason),
}

/// What follows a turn that was heard to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Listen,
    /// The caller has said something that is not answered yet.
    Answer,
    HangUp(EndReason),
}

/// An agent turn, from the question for an answer until it is heard, cut or dropped.
#[derive(Debug)]
pub(crate) struct AgentTurn {
    id: TurnId,
    purpose: Purpose,
    answer: Answer,
    script: Script,
    tools: Tools,
    stage: Stage,
    /// When a side effect began, if one did before there was a sound: since then the turn is known by this time.
    effect_since: Option<Duration>,
}

/// How much of the answer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nothing; a filler is none.
    Awaited,
    /// Some sentences.
    Coming,
    /// Tools have to return first.
    OnTools,
    /// No more will come.
    Complete,
}

#[derive(Debug, Default)]
enum Stage {
    /// There is no sound so far.
    #[default]
    Thinking,
    /// The same in answer to words that may not be all: nothing of it sounds, and no side effect begins.
    Guessing {
        /// What follows if it is dropped: the caller had said something before that was not answered.
        unanswered: bool,
    },
    Speaking(Playback),
    /// The caller speaks over it; playback stands still until it is clear what they say.
    Interrupted(Playback),
}

#[derive(Debug)]
struct Playback {
    since: Duration,
    playhead: Playhead,
}

/// Whether an agent turn goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    GoesOn,
    /// It was heard to its end, or nothing of it can be spoken.
    Over,
}

impl AgentTurn {
    /// An answer that is awaited.
    pub(crate) fn reply(id: TurnId, voice: Voice) -> Self {
        let purpose = Purpose::Reply(Then::Listen);
        Self {
            id,
            purpose,
            answer: Answer::Awaited,
            script: Script::answered_by(voice),
            tools: Tools::default(),
            stage: Stage::Thinking,
            effect_since: None,
        }
    }

    /// An answer to words that may not be all.
    pub(crate) fn guess(id: TurnId, unanswered: bool) -> Self {
        Self { stage: Stage::Guessing { unanswered }, ..Self::reply(id, Voice::Ours) }
    }

    /// Words that need no agent.
    pub(crate) fn words(id: TurnId, purpose: Purpose, text: &str) -> Self {
        let mut script = Script::default();
        script.push(text);
        Self {
            id,
            purpose,
            answer: Answer::Complete,
            script,
            tools: Tools::default(),
            stage: Stage::Thinking,
            effect_since: None,
        }
    }

    /// The same, which do something by being heard.
    pub(crate) fn doing(mut self, acts: Vec<Act>) -> Self {
        for act in acts.into_iter().filter(Act::is_spoken) {
            self.script.push_act(act);
        }
        self
    }

    pub(crate) const fn id(&self) -> TurnId {
        self.id
    }

    pub(crate) const fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(crate) const fn then(&self) -> Then {
        match self.purpose {
            Purpose::Greeting(then) | Purpose::Reply(then) | Purpose::Prompt(then) => then,
            Purpose::LastWords(reason) => Then::HangUp(reason),
        }
    }

    /// No interruption counts.
    pub(crate) const fn is_last_words(&self) -> bool {
        matches!(self.purpose, Purpose::LastWords(_))
    }

    pub(crate) const fn is_reply(&self) -> bool {
        matches!(self.purpose, Purpose::Reply(_))
    }

    pub(crate) const fn is_thinking(&self) -> bool {
        matches!(self.stage, Stage::Thinking | Stage::Guessing { .. })
    }

    pub(crate) const fn is_guess(&self) -> bool {
        matches!(self.stage, Stage::Guessing { .. })
    }

    /// The words were all: from now on it may be heard.
    pub(crate) fn confirm(&mut self) {
        if self.is_guess() {
            self.stage = Stage::Thinking;
        }
    }

    /// Something that the caller has said is not answered if it ends now.
    pub(crate) fn leaves_unanswered(&self) -> bool {
        match self.stage {
            Stage::Guessing { unanswered } => unanswered,
            Stage::Thinking | Stage::Speaking(_) | Stage::Interrupted(_) => self.then() == Then::Answer,
        }
    }

    pub(crate) const fn is_speaking(&self) -> bool {
        matches!(self.stage, Stage::Speaking(_))
    }

    pub(crate) const fn is_interrupted(&self) -> bool {
        matches!(self.stage, Stage::Interrupted(_))
    }

    /// All its words, heard or not.
    pub(crate) fn text(&self) -> String {
        self.script.text()
    }

    /// The caller has said something meanwhile that wants an answer of its own.
    pub(crate) fn owe_answer(&mut self) {
        match &mut self.purpose {
            Purpose::Greeting(then) | Purpose::Reply(then) | Purpose::Prompt(then) => {
                if *then == Then::Listen {
                    *then = Then::Answer;
                }
            }
            Purpose::LastWords(_) => (), // nothing is answered any more
        }
    }

    // The answer

    /// With these words an answer that is being made gets longer than any may be.
    pub(crate) fn is_overlong_with(&self, text: &str) -> bool {
        self.takes_more() && self.script.text_bytes() + text.len() > MAX_ANSWER_BYTES
    }

    /// More of the answer's words. False: there is nothing to be added.
    pub(crate) fn on_reply_text(&mut self, text: &str) -> bool {
        if !self.takes_more() {
            return false;
        }
        self.answer = Answer::Coming;
        self.script.push_answer(text);
        true
    }

    /// More of its audio. True: of an answer that speaks for itself.
    pub(crate) fn on_audio(&mut self, size_bytes: u32) -> bool {
        let answers = self.takes_more() && self.script.on_answer_audio(size_bytes.into());
        if answers {
            self.answer = Answer::Coming;
        } else {
            self.script.on_audio(size_bytes.into());
        }
        answers
    }

    /// An answer is being made: more of it may come.
    const fn takes_more(&self) -> bool {
        matches!(self.answer, Answer::Awaited | Answer::Coming)
    }

    /// The agent does something by what it has said so far. What is noted of tools is none of its own business.
    pub(crate) fn on_act(&mut self, act: Act) {
        if self.takes_more() && act.is_spoken() {
            self.script.push_act(act);
        }
    }

    /// The agent calls a tool. `before`: what came of the same before. False: nothing is called any more.
    pub(crate) fn on_tool_call(&mut self, request: ToolRequest, before: Option<ToolOutcome>) -> bool {
        let takes = self.takes_more();
        if takes {
            self.tools.call(self.id, request, before);
        }
        takes
    }

    /// Begins the tools that may begin. `quiet`: the caller does not speak.
    pub(crate) fn begin_tools(&mut self, now: Duration, quiet: bool, cx: &mut Context) -> Vec<Action> {
        let finished = quiet && !self.is_interrupted() && !self.is_guess();
        let run = self.tools.begin(now, finished, cx);
        if self.has_begun_effect() && self.effect_since.is_none() {
            self.effect_since = Some(self.since().unwrap_or(now));
        }
        run
    }

    pub(crate) fn has_begun_effect(&self) -> bool {
        self.tools.has_begun_effect()
    }

    pub(crate) fn on_tool_returned(&mut self, call: ToolCallId, outcome: ToolOutcome) -> bool {
        self.tools.on_returned(call, outcome)
    }

    pub(crate) fn on_tools_due(&mut self, now: Duration, cx: &mut Context) {
        self.tools.on_due(now, cx);
    }

    /// The tools that the answer waited for have returned: from now on the rest of it is awaited. False: it does not wait for them.
    pub(crate) fn takes_outcomes(&mut self) -> bool {
        let takes = self.answer == Answer::OnTools && self.tools.are_settled();
        if takes {
            self.tools.tell();
            self.answer = Answer::Awaited;
        }
        takes
    }

    /// The answer has come to its end; of one that never began, or has words and no sound, `trouble` is said instead.
    pub(crate) fn on_reply_done(&mut self, trouble: &str, hang_up: bool) {
        let mute = self.takes_more() && self.script.end_answer().is_some_and(|bytes| bytes == 0);
        match self.answer {
            Answer::Coming if mute && !self.script.ends_call() => self.script.push(trouble),
            Answer::Awaited if !self.script.ends_call() => self.script.push(trouble),
            Answer::Awaited | Answer::Coming if hang_up || self.script.ends_call() => {
                self.purpose = Purpose::Reply(Then::HangUp(EndReason::AgentHungUp))
            }
            Answer::Awaited | Answer::Coming => (),
            Answer::OnTools | Answer::Complete => return, // said twice
        }
        self.answer = Answer::Complete;
    }

    /// No more of the answer will come, and what it had called and has not begun does not begin.
    pub(crate) fn on_reply_failed(&mut self, trouble: &str) {
        if self.takes_more() {
            self.tools.forget_waiting();
            self.script.break_off();
            self.on_reply_done(trouble, false);
        }
    }

    /// The answer stops until its tools have returned. False: it called none since it was last told.
    pub(crate) fn wait_for_tools(&mut self) -> bool {
        let waits = self.takes_more() && self.tools.has_news();
        if waits {
            self.script.end_answer();
            self.answer = Answer::OnTools;
        }
        waits
    }

    /// What it said before it called its tools is still to be heard.
    pub(crate) fn has_more_to_hear(&self, now: Duration) -> bool {
        let over = self.playback().is_none_or(|playback| playback.playhead.is_over(now));
        !self.tools.is_empty() && (self.is_interrupted() || !self.script.is_made() || !over)
    }

    /// The answer, the rest of it, or what its tools return, is waited for.
    pub(crate) const fn is_awaited(&self) -> bool {
        matches!(self.answer, Answer::Awaited | Answer::OnTools)
    }

    /// Makes the script longer by words that are no answer; none: a tone.
    pub(crate) fn fill(&mut self, words: Option<&str>) {
        match words {
            Some(_) if self.script.ends_with_filler() => (), // it was said
            Some(words) => self.script.push_filler(words),
            None => self.script.push_tone(),
        }
    }
}
