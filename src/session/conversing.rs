//! A call with a speech-to-speech model: what it is told, and what it tells.

use std::collections::BTreeMap;

use redial_call::{Act, Cue, Event, Frame, Role, ToolCallId, ToolOutcome, Turn, TurnId, Via};
use redial_provider::ProviderError;
use redial_provider::realtime::{RealtimeInput, RealtimeOutput};

use super::CallTask;
use super::model::Told;

impl CallTask {
    /// Tells the model, if there is one. False: it is not there to hear it.
    pub(super) fn tell_model(&mut self, input: RealtimeInput) -> bool {
        self.model.as_mut().is_some_and(|model| model.tell(input))
    }

    /// Opens the model, now that it is known who calls, or that nobody knows it any more.
    pub(super) fn open_model(&mut self) {
        self.remember_for_model();
        let abandoned = self.model.as_mut().and_then(|model| model.open(self.mind.context().clone()));
        if let Some(turn) = abandoned {
            self.model_failed(turn, &ProviderError::Other("another model has taken over".into()));
        }
    }

    /// Whoever is opened next knows the talk so far.
    fn remember_for_model(&self) {
        if let Some(model) = &self.model {
            model.remember(self.summary.text(), self.recent_turns());
        }
    }

    /// Asks the model for an answer; first tells what came of its tools.
    pub(super) fn ask_model(&mut self, turn: TurnId, cue: Cue) {
        if cue == Cue::Tools {
            let own = self.call.history().into_iter().rfind(|known| known.id == turn);
            for (call, name, outcome) in own.map(outcomes).unwrap_or_default() {
                if self.model.as_ref().is_some_and(|model| !model.knows_of(call)) {
                    self.tell_model(RealtimeInput::ToolReturned { call, name, outcome });
                }
            }
        }
        if !self.tell_model(RealtimeInput::Respond { turn, cue }) {
            self.model_failed(turn, &ProviderError::Other("the model is not there".into()));
        }
    }

    /// A turn is over. The model knows what it heard and said itself, and is told the rest.
    pub(super) fn tell_model_of(&mut self, turn: &Turn) {
        let Some(model) = &self.model else { return };
        if !model.is_open() {
            return self.remember_for_model();
        }
        let unknown = match turn.role {
            Role::Agent => !model.speaks(turn.id),
            Role::Caller => turn.via == Via::Keypad,
        };
        if unknown && !turn.text.is_empty() {
            self.tell_model(RealtimeInput::Said { role: turn.role, text: turn.text.clone() });
        }
    }

    pub(super) fn on_model(&mut self, told: Told) {
        match told {
            Told::Audio(turn, frames) => self.on_model_audio(turn, &frames),
            Told::Output(output) => self.on_model_output(output),
            Told::Died(answering) => {
                self.remember_for_model();
                if let Some(turn) = answering {
                    self.model_failed(turn, &ProviderError::Other("the model is gone".into()));
                }
            }
        }
    }

    /// What is made for a turn that is over is not kept.
    fn on_model_audio(&mut self, turn: TurnId, frames: &[Frame]) {
        if self.call.agent_turn() != Some(turn) {
            return;
        }
        let size_bytes = self.voice.append(turn, frames);
        self.handle(Event::Synthesized { turn, size_bytes });
        if self.voice.is_full() {
            self.tell_model(RealtimeInput::Cancel { turn });
            self.model_failed(turn, &ProviderError::Other("it speaks without an end".into()));
        }
    }

    fn on_model_output(&mut self, output: RealtimeOutput) {
        let event = match output {
            RealtimeOutput::TurnStarted => Event::TurnStarted,
            RealtimeOutput::TurnCommitted { utterance } => Event::TurnCommitted { utterance },
            RealtimeOutput::CallerWords { utterance, text } => Event::CallerWords { utterance, text },
            RealtimeOutput::Text { turn, text } => Event::ReplyText { turn, text },
            RealtimeOutput::Words { turn, words } => Event::Words { turn, words },
            RealtimeOutput::ToolCall { turn, name, arguments } => {
                Event::ToolCall { turn, call: self.tools.request(name, arguments) }
            }
            RealtimeOutput::Done { turn, end } => Event::ReplyDone { turn, end },
            RealtimeOutput::Failed { turn, error } => return self.model_failed(turn, &error),
            RealtimeOutput::Audio { turn, frame } => return self.on_model_audio(turn, &[frame]),
        };
        self.handle(event);
    }

    fn model_failed(&mut self, turn: TurnId, error: &ProviderError) {
        self.provider_failed("realtime", error);
        self.handle(Event::ReplyFailed { turn });
    }
}

/// What came of a turn's tools, each with its name; of several outcomes of one, the last.
fn outcomes(turn: Turn) -> Vec<(ToolCallId, String, ToolOutcome)> {
    let mut names = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for act in turn.acts {
        match act {
            Act::ToolCalled { call, name, .. } => drop(names.insert(call.index, name)),
            Act::ToolReturned { call, outcome } => drop(outcomes.insert(call.index, (call, outcome))),
            _ => (),
        }
    }
    let named = |(index, (call, outcome))| (call, names.remove(&index).unwrap_or_default(), outcome);
    outcomes.into_iter().map(named).collect()
}
