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
    /// The answer that it is making. What it tells of another one is not wanted any more.
    answering: Option<TurnId>,
    /// The agent's turns that are this stream's own; all others it has to be told.
    own: HashSet<TurnId>,
    /// What this stream has been told the outcome of.
    returned: HashSet<ToolCallId>,
    /// It did not keep up, and was given up.
    given_up: bool,
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
            given_up: false,
            turns_before: 0,
            turns: 0,
        }
    }

    /// Opens it, for who is known to call; anew if it was, and then returns the answer that is not made any more. Must be called on a
    /// tokio runtime.
    pub(super) fn open(&mut self, agent: AgentContext) -> Option<TurnId> {
        self.change(|context| context.agent = agent);
        let (provider, context) = (Arc::clone(&self.provider), Arc::clone(&self.context));
        let abandoned = self.on_new_stream();
        self.stream = Some(Reopening::new(Part::Model, move || {
            let context = context.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stream = provider.open(context);
            (stream.input, stream.output)
        }));
        abandoned
    }

    /// What was said so far, for the next stream.
    pub(super) fn remember(&self, before: &str, history: Vec<Turn>) {
        self.change(|context| {
            before.clone_into(&mut context.before);
            context.history = history;
        });
    }

    fn change(&self, change: impl FnOnce(&mut RealtimeContext)) {
        change(&mut self.context.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is known of a stream goes with it. Returns the answer that it was making.
    fn on_new_stream(&mut self) -> Option<TurnId> {
        self.turns_before = self.turns;
        self.held.clear();
        self.own.clear();
        self.returned.clear();
        self.answering.take()
    }

    /// A stream is there to be told.
    pub(super) fn is_open(&self) -> bool {
        self.stream.as_ref().is_some_and(Reopening::is_open)
    }

    /// Hands over, now or as soon as there is room. False: it is not there to hear it. One that has no room for more than audio does not
    /// keep up, and is given up for the next.
    pub(super) fn tell(&mut self, input: RealtimeInput) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_open()) else { return false };
        let is_audio = matches!(input, RealtimeInput::Audio(_));
        let heard = stream.tell(input.clone());
        if !heard && !is_audio {
            stream.give_up();
            self.given_up = true;
        }
        if !heard {
            return false;
        }
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
        true
    }

    /// The turn is this stream's own; it is not to be told of it.
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
        let may_pass = |output: &RealtimeOutput| !hold || output.turn().is_none();
        loop {
            if std::mem::take(&mut self.given_up) {
                return Told::Died(self.on_new_stream());
            }
            let output = if self.held.front().is_some_and(may_pass) {
                self.held.pop_front()
            } else if self.held.len() < MOST_HELD
                && let Some(stream) = &mut self.stream
            {
                let Some(output) = stream.next().await else { return Told::Died(self.on_new_stream()) };
                Some(output)
            } else {
                return pending().await;
            };
            match output {
                Some(output) if output.turn().is_some_and(|turn| self.answering != Some(turn)) => (), // nobody waits for it
                Some(output) if may_pass(&output) => return self.take(output),
                output => self.held.extend(output),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redial_call::{Cue, ReplyEnd};
    use redial_provider::realtime::RealtimeStream;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;

    type Ends = (mpsc::Receiver<RealtimeInput>, mpsc::Sender<RealtimeOutput>);

    /// Gives the other ends of each stream to the test.
    struct Puppet(mpsc::UnboundedSender<Ends>);

    impl Realtime for Puppet {
        fn open(&self, _: RealtimeContext) -> RealtimeStream {
            let ((input, inputs), (outputs, output)) = (mpsc::channel(4), mpsc::channel(64));
            self.0.send((inputs, outputs)).unwrap();
            RealtimeStream { input, output }
        }
    }

    fn opened() -> (Model, mpsc::UnboundedReceiver<Ends>) {
        let (to, streams) = mpsc::unbounded_channel();
        let mut model = Model::new(Arc::new(Puppet(to)), RealtimeContext::default());
        assert_eq!(model.open(AgentContext::default()), None);
        (model, streams)
    }

    fn respond(turn: u32) -> RealtimeInput {
        RealtimeInput::Respond { turn: TurnId(turn), cue: Cue::Answer }
    }

    fn text(turn: u32) -> RealtimeOutput {
        RealtimeOutput::Text { turn: TurnId(turn), text: "Yes.".to_owned() }
    }

    fn audio(turn: u32) -> RealtimeOutput {
        RealtimeOutput::Audio { turn: TurnId(turn), frame: Frame::SILENT }
    }

    async fn nothing(model: &mut Model, hold: bool) -> bool {
        timeout(Duration::from_millis(10), model.next(hold)).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_come_in_a_row_and_what_is_of_another_answer_is_left_out() {
        let (mut model, mut streams) = opened();
        let (_inputs, outputs) = streams.recv().await.unwrap();
        assert!(model.tell(respond(2)));
        for output in [text(1), audio(2), audio(2), text(2), audio(1)] {
            outputs.send(output).await.unwrap();
        }
        assert!(matches!(model.next(false).await, Told::Audio(TurnId(2), frames) if frames.len() == 2));
        assert!(matches!(model.next(false).await, Told::Output(RealtimeOutput::Text { turn: TurnId(2), .. })));
        assert!(nothing(&mut model, false).await);
        // Nothing of an answer that was cancelled, or has ended.
        assert!(model.tell(RealtimeInput::Cancel { turn: TurnId(2) }));
        outputs.send(audio(2)).await.unwrap();
        assert!(nothing(&mut model, false).await);
        assert!(model.tell(respond(4)));
        let done = RealtimeOutput::Done { turn: TurnId(4), end: ReplyEnd::Listen };
        for output in [done, audio(4)] {
            outputs.send(output).await.unwrap();
        }
        assert!(matches!(model.next(false).await, Told::Output(RealtimeOutput::Done { .. })));
        assert!(nothing(&mut model, false).await);
    }

    #[tokio::test(start_paused = true)]
    async fn while_our_own_voice_speaks_answers_wait_and_the_caller_does_not() {
        let (mut model, mut streams) = opened();
        let (_inputs, outputs) = streams.recv().await.unwrap();
        assert!(model.tell(respond(2)));
        for output in [text(2), audio(2), RealtimeOutput::TurnStarted, audio(2)] {
            outputs.send(output).await.unwrap();
        }
        assert!(matches!(model.next(true).await, Told::Output(RealtimeOutput::TurnStarted)));
        assert!(nothing(&mut model, true).await);
        assert!(matches!(model.next(false).await, Told::Output(RealtimeOutput::Text { .. })));
        assert!(matches!(model.next(false).await, Told::Audio(_, frames) if frames.len() == 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_callers_turns_are_counted_over_all_streams_and_an_answer_dies_with_its_own() {
        let (mut model, mut streams) = opened();
        let committed = |turn| RealtimeOutput::TurnCommitted { utterance: UtteranceId(turn) };
        for expected in [1, 2] {
            let (_inputs, outputs) = streams.recv().await.unwrap();
            outputs.send(committed(1)).await.unwrap();
            let told = model.next(false).await;
            let Told::Output(RealtimeOutput::TurnCommitted { utterance }) = told else { panic!("it was committed") };
            assert_eq!(utterance, UtteranceId(expected));
            assert!(model.tell(respond(2)) && model.speaks(TurnId(2)));
            drop(outputs);
            assert!(matches!(model.next(false).await, Told::Died(Some(TurnId(2)))));
            assert!(!model.is_open() && !model.tell(respond(3)) && !model.speaks(TurnId(2)));
            assert!(nothing(&mut model, false).await || model.is_open());
            while !model.is_open() {
                assert!(nothing(&mut model, false).await);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_reads_nothing_is_given_up_once_it_would_miss_more_than_audio() {
        let (mut model, mut streams) = opened();
        let (_inputs, _outputs) = streams.recv().await.unwrap();
        assert!(model.tell(respond(2)));
        for _ in 0..2000 {
            model.tell(RealtimeInput::Audio(Frame::SILENT));
        }
        assert!(model.is_open(), "it has missed audio");
        assert!(!model.tell(RealtimeInput::Truncate { turn: TurnId(2), heard_ms: 20 }));
        assert!(matches!(model.next(false).await, Told::Died(Some(TurnId(2)))));
        // Who is erased in mid-answer gets another model, and the core is to know of the answer that is gone.
        while !model.is_open() {
            assert!(nothing(&mut model, false).await);
        }
        assert!(model.tell(respond(4)));
        assert_eq!(model.open(AgentContext::default()), Some(TurnId(4)));
    }
}
