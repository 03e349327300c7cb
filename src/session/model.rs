//! One call's speech-to-speech model, as long as the call lives.

use std::collections::{HashSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use redial_call::{Frame, ToolCallId, Turn, TurnId, UtteranceId};
use redial_provider::agent::AgentContext;
use redial_provider::realtime::{Realtime, RealtimeContext, RealtimeInput, RealtimeOutput};

use super::reopening::{Part, Reopening};

/// Frames taken in one turn of the loop, so that a burst does not delay the socket.
const MAX_FRAMES_A_TURN: usize = 100;

/// What may wait for our own voice: 10 s of audio. What is beyond waits with the model.
const MOST_HELD: usize = 500;

/// What hears, thinks and speaks in one.
pub(super) struct Model {
    provider: Arc<dyn Realtime>,
    /// What a stream is opened with, the next one too.
    context: Arc<Mutex<RealtimeContext>>,
    /// `None` until it is known who calls.
    stream: Option<Reopening<RealtimeInput, RealtimeOutput>>,
    /// What was read, and is not told yet.
    held: VecDeque<RealtimeOutput>,
    /// The answer that it is making.
    answering: Option<TurnId>,
    /// The agent's turns that are its own; all others are said by our voice.
    own: HashSet<TurnId>,
    /// What it has been told the outcome of.
    returned: HashSet<ToolCallId>,
    /// The caller's turns are counted anew in each stream: how many there were before this one, and all in all.
    turns_before: u32,
    turns: u32,
}

/// Something that a model tells.
pub(super) enum Told {
    /// The next piece of its own voice.
    Audio(TurnId, Vec<Frame>),
    /// Anything else.
    Output(RealtimeOutput),
    /// It is gone, in the middle of this answer if there is one. It is opened again after a pause.
    Died(Option<TurnId>),
}

impl Model {
    pub(super) fn new(provider: Arc<dyn Realtime>, context: RealtimeContext) -> Self {
        Self {
            provider,
            context: Arc::new(Mutex::new(context)),
            stream: None,
            held: VecDeque::new(),
            answering: None,
            own: HashSet::new(),
            returned: HashSet::new(),
            turns_before: 0,
            turns: 0,
        }
    }

    /// Opens it, for who is known to call; anew if it was. Must be called on a tokio runtime.
    pub(super) fn open(&mut self, agent: AgentContext, history: Vec<Turn>) {
        self.change(|context| {
            context.agent = agent;
            context.history = history;
        });
        let (provider, context) = (Arc::clone(&self.provider), Arc::clone(&self.context));
        self.on_new_stream();
        self.stream = Some(Reopening::new(Part::Model, move || {
            let context = context.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stream = provider.open(context);
            (stream.input, stream.output)
        }));
    }

    /// What was said until it died, for the next one.
    pub(super) fn remember(&self, history: Vec<Turn>) {
        self.change(|context| context.history = history);
    }

    fn change(&self, change: impl FnOnce(&mut RealtimeContext)) {
        change(&mut self.context.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn on_new_stream(&mut self) {
        self.turns_before = self.turns;
        self.answering = None;
        self.held.clear();
    }

    /// Hands over, now or as soon as there is room. False: it is not there.
    pub(super) fn tell(&mut self, input: RealtimeInput) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_open()) else { return false };
        match &input {
            RealtimeInput::Respond { turn, .. } => {
                self.answering = Some(*turn);
                self.own.insert(*turn);
            }
            RealtimeInput::Cancel { turn } if self.answering == Some(*turn) => self.answering = None,
            RealtimeInput::ToolReturned { call, .. } => {
                self.returned.insert(*call);
            }
            _ => (),
        }
        stream.tell(input);
        true
    }

    /// The turn is spoken by the model, not by our voice.
    pub(super) fn speaks(&self, turn: TurnId) -> bool {
        self.own.contains(&turn)
    }

    /// It has been told what came of this call.
    pub(super) fn knows_of(&self, call: ToolCallId) -> bool {
        self.returned.contains(&call)
    }

    /// The next thing that it tells. `hold`: our own voice speaks in its turn, so that what belongs to a turn waits; the caller's turns
    /// do not.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self, hold: bool) -> Told {
        loop {
            let may_pass = |output: &RealtimeOutput| !hold || output.turn().is_none();
            if self.held.front().is_some_and(may_pass)
                && let Some(held) = self.held.pop_front()
            {
                return self.take(held);
            }
            if self.held.len() >= MOST_HELD {
                return pending().await;
            }
            let Some(stream) = &mut self.stream else { return pending().await };
            let Some(output) = stream.next().await else {
                let answering = self.answering;
                self.on_new_stream();
                return Told::Died(answering);
            };
            if !may_pass(&output) {
                self.held.push_back(output);
            } else {
                return self.take(output);
            }
        }
    }

    fn take(&mut self, output: RealtimeOutput) -> Told {
        match output {
            RealtimeOutput::Audio { turn, frame } => self.row_of(turn, frame),
            RealtimeOutput::TurnCommitted { utterance } => {
                let utterance = self.of_all_streams(utterance);
                self.turns = self.turns.max(utterance.0);
                Told::Output(RealtimeOutput::TurnCommitted { utterance })
            }
            RealtimeOutput::CallerWords { utterance, text } => {
                let utterance = self.of_all_streams(utterance);
                Told::Output(RealtimeOutput::CallerWords { utterance, text })
            }
            RealtimeOutput::Done { turn, .. } | RealtimeOutput::Failed { turn, .. } => {
                self.answering = self.answering.filter(|answering| *answering != turn);
                Told::Output(output)
            }
            other => Told::Output(other),
        }
    }

    const fn of_all_streams(&self, utterance: UtteranceId) -> UtteranceId {
        UtteranceId(self.turns_before.saturating_add(utterance.0))
    }

    /// The frames that are there, in a row.
    fn row_of(&mut self, turn: TurnId, frame: Frame) -> Told {
        let mut frames = vec![frame];
        while frames.len() < MAX_FRAMES_A_TURN
            && let Some(output) = self.held.pop_front().or_else(|| self.stream.as_mut().and_then(Reopening::take))
        {
            match output {
                RealtimeOutput::Audio { turn: of, frame } if of == turn => frames.push(frame),
                other => {
                    self.held.push_front(other);
                    break;
                }
            }
        }
        Told::Audio(turn, frames)
    }
}
