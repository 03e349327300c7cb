//! The shell of a call: one task that owns the [`Call`], its socket and its provider streams.
//!
//! It tells the core what happens and performs what the core wants, without waiting for a peer. Only `time` calls
//! [`Call::handle`].

mod budget;
mod gap;
mod hearing;
mod intake;
mod line;
pub(crate) mod log;
mod loopback;
mod pacing;
pub(crate) mod record;
mod sequence;
mod time;
mod turn_audio;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use redial_call::{
    Act, Action, Call, CallId, Cue, EndReason, EndSignal, Event, Frame, Load, ReplyEnd, Role, Settings, ToolOutcome,
    Turn, TurnId, UtteranceId,
};
use redial_carrier::line::{Codec, LineCommand};
use redial_carrier::reframe::Reframer;
use redial_language::sentences::Sentences;
use redial_memory::model::Message;
use redial_memory::rolling::Rolling;
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, Delta, Prompt};
use redial_provider::stt::{Stt, SttInput, SttOutput};
use redial_provider::tts::Tts;
use redial_speech::tone;
use redial_speech::vad::{Vad, VadEdge};
use redial_store::mirror::feed::Feed;
use redial_store::spool::Spool;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::budget::Budget;
use self::gap::Gap;
use self::hearing::Hearing;
use self::line::{Clock, LinePace};
use self::log::CallLog;
use self::loopback::Loopback;
pub(crate) use self::pacing::settings_for;
use self::record::Record;
use self::sequence::Sequence;
use self::turn_audio::TurnAudio;
use crate::calls::{Calls, Control, ControlReceiver, Lookup};
use crate::media_stream::{Inbound, MediaStream};
use crate::telemetry::limited::Limited;
use crate::telemetry::millis;

/// Speech read from a provider in one turn of the loop, so that a burst does not delay the socket.
const MAX_FRAMES_A_TURN: usize = 100;
/// A turn of the loop that takes longer than this delays other calls; a frame lasts 20 ms.
const LONG_TURN: Duration = Duration::from_millis(10);
/// A line of the log that may repeat is written this often in a call.
const LOG_AGAIN: Duration = Duration::from_secs(30);

/// What a session works with; shared by all calls.
#[derive(Clone)]
pub(crate) struct CallParts {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) stt: Arc<dyn Stt>,
    pub(crate) tts: Arc<dyn Tts>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) settings: Settings,
    /// Turns of the call that the agent is shown.
    pub(crate) max_messages: usize,
}

/// One live call.
pub(crate) struct CallTask {
    parts: CallParts,
    call_sid: CallId,
    call: Call,
    clock: Clock,
    /// The process stood still, which the core has not been told.
    stood: Duration,
    spool: Arc<Spool>,
    mirror: Option<Feed>,
    /// What the agent is told of turns that it is not shown any more.
    rolling: Rolling,
    /// The next one, being made.
    summing_up: Option<JoinHandle<Rolling>>,
    socket: MediaStream,
    /// Nothing more comes from the socket; the last words may still be awaited.
    is_closed: bool,
    /// The call is over for one side at least: no more audio is to be expected.
    ends: bool,
    /// The core has ended the call.
    over: Option<EndReason>,
    control: ControlReceiver,
    reframer: Reframer,
    vad: Vad,
    hearing: Hearing,
    /// The utterance that inbound audio belongs to.
    listening: Option<UtteranceId>,
    lookup: Option<JoinHandle<Lookup>>,
    found: Option<Lookup>,
    reply: Option<Reply>,
    voice: Option<Voice>,
    codec: Box<dyn Codec>,
    /// Audio was sent of which the codec may hold a part back, to fill a frame.
    holds_back: bool,
    /// When the carrier last said something.
    last_message: Instant,
    line: LinePace,
    /// Since when the line has stood still.
    stalled: Option<Instant>,
    budget: Budget,
    sequence: Sequence,
    lines: Lines,
    gap: Gap,
    loopback: Loopback,
    /// What the core was last told.
    load: Load,
    record: Record,
    log: Option<CallLog>,
}

/// Lines of the log that one call may write again and again.
struct Lines {
    long_turn: Limited,
    shed: Limited,
    stall: Limited,
    provider: Limited,
    overrun: Limited,
}

impl Default for Lines {
    fn default() -> Self {
        let limited = || Limited::to(1, LOG_AGAIN);
        Self { long_turn: limited(), shed: limited(), stall: limited(), provider: limited(), overrun: limited() }
    }
}

/// An answer under way.
struct Reply {
    turn: TurnId,
    deltas: BoxStream<'static, Result<Delta, ProviderError>>,
    sentences: Sentences,
    end: ReplyEnd,
}

/// The voice of the agent's turn.
struct Voice {
    turn: TurnId,
    audio: TurnAudio,
    /// How many bytes of it were sent.
    sent: usize,
    frames: Option<BoxStream<'static, Result<Frame, ProviderError>>>,
    /// Where what fills the wait for the answer ends, in bytes: it comes before all else.
    filler_until: usize,
    /// What is being made fills the wait.
    fills: bool,
}

impl Voice {
    fn begin(&mut self, frames: BoxStream<'static, Result<Frame, ProviderError>>, fills: bool) {
        self.frames = Some(frames);
        self.fills = fills;
    }

    /// Nothing follows what was sent, for now.
    fn is_sent(&self) -> bool {
        self.frames.is_none() && self.sent == self.audio.size_bytes()
    }
}

/// Something that happened outside the core.
enum Input {
    Message(Inbound),
    Recognized(SttOutput),
    Found(Option<Box<Lookup>>),
    SummedUp(Option<Rolling>),
    Delta(Option<Result<Delta, ProviderError>>),
    Voiced(Vec<Frame>, VoiceState),
    Control(Option<Control>),
    Deadline,
}

/// What follows the frames that a provider gave.
enum VoiceState {
    More,
    Done,
    Failed(ProviderError),
}

/// What a session starts from.
pub(crate) struct TaskStart {
    pub(crate) call_sid: CallId,
    pub(crate) socket: MediaStream,
    pub(crate) codec: Box<dyn Codec>,
    pub(crate) control: ControlReceiver,
    pub(crate) lookup: JoinHandle<Lookup>,
    pub(crate) vad: Vad,
    pub(crate) record: Record,
    pub(crate) log: Option<CallLog>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) mirror: Option<Feed>,
    /// What was said before the stream broke; `None` for a new call.
    pub(crate) resumed: Option<Resumed>,
}

/// A call that goes on.
pub(crate) struct Resumed {
    /// How long it has lasted.
    pub(crate) before: Duration,
    pub(crate) turns: Vec<Turn>,
    /// What was said before these.
    pub(crate) summary: String,
}

impl CallTask {
    pub(crate) fn new(parts: CallParts, opening: TaskStart) -> Self {
        let now = Instant::now();
        let resumed = opening.resumed.map(|resumed| (resumed.before, resumed.turns, resumed.summary));
        let (before, turns, said_before) = resumed.unwrap_or_default();
        Self {
            call: Call::resumed(parts.settings.clone(), turns),
            hearing: Hearing::open(Arc::clone(&parts.stt)),
            parts,
            call_sid: opening.call_sid,
            clock: Clock::new(now, before),
            stood: Duration::ZERO,
            spool: opening.spool,
            mirror: opening.mirror,
            rolling: Rolling { text: said_before, through: None },
            summing_up: None,
            socket: opening.socket,
            is_closed: false,
            ends: false,
            over: None,
            control: opening.control,
            reframer: Reframer::default(),
            vad: opening.vad,
            listening: None,
            lookup: Some(opening.lookup),
            found: None,
            reply: None,
            voice: None,
            codec: opening.codec,
            holds_back: false,
            last_message: now,
            line: LinePace::new(now),
            stalled: None,
            budget: Budget::new(now),
            sequence: Sequence::default(),
            lines: Lines::default(),
            gap: Gap::default(),
            loopback: Loopback::default(),
            load: Load::default(),
            record: opening.record,
            log: opening.log,
        }
    }

    /// Lives the call from the carrier's `start` to its end, and hands the socket back for its last message.
    pub(crate) async fn run(mut self) -> (EndReason, MediaStream) {
        if let Some(found) = self.lookup.as_mut().and_then(|lookup| lookup.now_or_never()) {
            self.lookup = None;
            self.on_found(found.ok());
        }
        self.handle(Event::Started);
        loop {
            self.perform_all();
            if let Some(reason) = self.over {
                return (reason, self.socket);
            }
            let input = self.next_input().await;
            let began = Instant::now();
            let kind = input.name();
            self.take(input);
            let took = began.elapsed();
            if took > LONG_TURN
                && let Some(left_out) = self.lines.long_turn.due()
            {
                tracing::warn!(left_out, took_ms = millis(took), input = kind, "a long turn of the call loop");
            }
        }
    }

    /// Waits for the next thing to happen.
    ///
    /// # Cancel safety
    /// Each branch loses nothing when another one wins.
    async fn next_input(&mut self) -> Input {
        let deadline = self.deadline();
        tokio::select! {
            message = self.socket.next(), if !self.is_closed => Input::Message(message),
            output = self.hearing.next() => Input::Recognized(output),
            found = finished(&mut self.lookup) => Input::Found(found.map(Box::new)),
            rolling = finished(&mut self.summing_up) => Input::SummedUp(rolling),
            delta = next_delta(&mut self.reply) => Input::Delta(delta),
            (frames, state) = next_frames(&mut self.voice) => Input::Voiced(frames, state),
            control = self.control.recv() => Input::Control(control),
            () = sleep_until(deadline) => Input::Deadline,
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Message(message) => self.on_message(message),
            Input::Recognized(output) => self.on_recognized(output),
            Input::Found(found) => self.on_found(found.map(|found| *found)),
            Input::SummedUp(rolling) => self.on_summed_up(rolling),
            Input::Delta(delta) => self.on_delta(delta),
            Input::Voiced(frames, state) => self.on_voiced(&frames, state),
            Input::Control(Some(Control::Completed)) => self.end(EndSignal::Status),
            Input::Control(Some(Control::Drain)) => self.handle(Event::Drain),
            Input::Control(Some(Control::HandOver)) => self.handle(Event::HandOver),
            Input::Control(Some(Control::Displaced)) => self.end(EndSignal::SocketClosed),
            Input::Control(Some(Control::Forget)) => self.forget(),
            Input::Control(Some(Control::Shutdown) | None) => self.end(EndSignal::Shutdown),
            Input::Deadline => self.on_deadline(),
        }
    }

    fn end(&mut self, by: EndSignal) {
        self.ends = true;
        self.handle(Event::Ended { by });
    }

    // What comes in

    fn on_frame(&mut self, frame: Frame) {
        let edge = self.vad.push(&frame);
        if edge.is_some() {
            self.look_at_load();
        }
        match edge {
            Some(VadEdge::Started) => {
                self.gap.on_speech_started();
                self.handle(Event::SpeechStarted);
                self.perform_all(); // hands over the pre-roll, which holds this frame and is of now
            }
            Some(VadEdge::Stopped) => {
                self.hear(frame);
                self.gap.on_speech_stopped(Instant::now());
                let (quality, late) = (self.vad.quality(), self.line.is_stale());
                self.handle(Event::SpeechStopped { quality, late });
            }
            None => self.hear(frame),
        }
        if let Some(ms) = self.loopback.heard(&frame, self.vad.is_speaking()) {
            self.handle(Event::Echo { ms });
        }
    }

    fn look_at_load(&mut self) {
        let load = self.hearing.load();
        if load != self.load {
            self.load = load;
            self.handle(Event::Load { load });
        }
    }

    fn hear(&mut self, frame: Frame) {
        if let Some(utterance) = self.listening {
            self.hearing.tell(SttInput::Audio(utterance, frame));
        }
    }

    fn on_recognized(&mut self, output: SttOutput) {
        match output {
            SttOutput::Transcript { utterance, text } => self.handle(Event::Transcript { utterance, text }),
            SttOutput::NoSpeech { utterance } => self.handle(Event::NoSpeech { utterance }),
            SttOutput::Partial { utterance, text } => self.handle(Event::Partial { utterance, text }),
            SttOutput::TurnEnd { utterance, percent } => self.handle(Event::TurnEnd { utterance, percent }),
            SttOutput::Failed { utterance, error } => {
                self.provider_failed("stt", &error);
                self.handle(Event::TranscriptionFailed { utterance });
            }
        }
    }

    fn on_found(&mut self, found: Option<Lookup>) {
        let Some(found) = found else {
            return; // the look-up panicked, which was logged; the greeting's deadline covers it
        };
        self.handle(Event::Greeting { text: found.greeting.clone(), acts: found.greeting_acts.clone() });
        self.record.found(&found);
        self.spool.found(&self.record.session_id(), &found.caller);
        self.parts.calls.found(&self.call_sid, &found.caller);
        if let Some(mirror) = &self.mirror {
            mirror.found(&found.caller);
        }
        self.found = Some(found);
    }

    /// The caller was erased while on the phone: the talk goes on, and nothing of it is kept.
    fn forget(&mut self) {
        tracing::info!("the caller was erased; nothing of this call is kept");
        self.record.forget();
        self.found = None;
        self.log = None;
        if let Some(mirror) = self.mirror.take() {
            mirror.forget();
        }
    }

    fn on_delta(&mut self, delta: Option<Result<Delta, ProviderError>>) {
        let Some(reply) = &mut self.reply else { return };
        let turn = reply.turn;
        match delta {
            Some(Ok(Delta::Text(text))) => {
                for text in reply.sentences.push(&text) {
                    self.handle(Event::ReplyText { turn, text });
                }
            }
            Some(Ok(Delta::Act(act))) => {
                if act == Act::EndCall {
                    reply.end = ReplyEnd::HangUp;
                }
                // It stands behind the words before it, whole sentence or not.
                let rest = reply.sentences.finish();
                if let Some(text) = rest {
                    self.handle(Event::ReplyText { turn, text });
                }
                self.handle(Event::ReplyAct { turn, act });
            }
            Some(Err(error)) => {
                self.reply = None;
                self.provider_failed("agent", &error);
                self.handle(Event::ReplyFailed { turn });
            }
            None => {
                let end = reply.end;
                let rest = reply.sentences.finish();
                self.reply = None;
                if let Some(text) = rest {
                    self.handle(Event::ReplyText { turn, text });
                }
                self.handle(Event::ReplyDone { turn, end });
            }
        }
    }

    fn on_voiced(&mut self, frames: &[Frame], state: VoiceState) {
        let Some(voice) = &mut self.voice else { return };
        let turn = voice.turn;
        let before = voice.audio.size_bytes();
        for frame in frames {
            voice.audio.push(frame.as_bytes());
        }
        let size_bytes = u32::try_from(voice.audio.size_bytes() - before).unwrap_or(u32::MAX);
        if voice.fills {
            voice.filler_until = voice.audio.size_bytes();
        }
        if !matches!(state, VoiceState::More) {
            voice.frames = None;
        }
        if size_bytes > 0 {
            self.handle(Event::Synthesized { turn, size_bytes });
        }
        match state {
            VoiceState::More => (),
            VoiceState::Done => self.handle(Event::SentenceDone { turn }),
            VoiceState::Failed(error) => {
                self.provider_failed("tts", &error);
                self.handle(Event::SpeechFailed { turn });
            }
        }
    }

    // What goes out

    /// Performs what the core wants.
    fn perform_all(&mut self) {
        while let Some(action) = self.call.poll_action() {
            self.perform(action);
        }
        if self.holds_back && self.voice.as_ref().is_none_or(Voice::is_sent) {
            self.holds_back = false;
            self.send(LineCommand::Flush);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Listen { utterance } => {
                if self.listening.is_none() {
                    for frame in self.vad.pre_roll() {
                        self.hearing.tell(SttInput::Audio(utterance, frame));
                    }
                }
                self.listening = Some(utterance);
            }
            Action::Transcribe { utterance } => self.hearing.tell(SttInput::Transcribe(utterance)),
            Action::Guess { utterance } => self.hearing.tell(SttInput::Guess(utterance)),
            Action::Discard { utterance } => {
                self.hearing.tell(SttInput::Discard(utterance));
                if self.listening == Some(utterance) {
                    self.listening = None;
                }
            }
            Action::Think { turn, cue } => self.think(turn, cue),
            Action::CancelReply { turn } => {
                if self.reply.as_ref().is_some_and(|reply| reply.turn == turn) {
                    self.reply = None;
                }
            }
            Action::Speak { turn, text } => {
                self.speak(turn, &text, false);
            }
            Action::Fill { turn, text } => match text {
                Some(text) => self.speak(turn, &text, true),
                None => self.voice(turn).begin(tone::soft(), true),
            },
            Action::RunTool { call, .. } => {
                let reason = "this agent has no tools".to_owned();
                self.handle(Event::ToolReturned { call, outcome: ToolOutcome::Failed { reason } });
            }
            Action::CancelTool { .. } => (), // none runs
            Action::Truncate { .. } => (),   // no model speaks for itself
            Action::Say { text, .. } => self.send(LineCommand::Words { text: &text, last: true }),
            Action::CancelSpeech { turn } => self.drop_voice(turn),
            Action::Play { turn, offset_bytes, size_bytes } => self.play(turn, offset_bytes, size_bytes),
            Action::Mark { name } => {
                self.send(LineCommand::Mark(&name));
            }
            Action::Clear => {
                self.loopback.cleared();
                self.holds_back = false;
                self.send(LineCommand::Clear);
            }
            Action::TurnDone(turn) => self.on_turn(turn),
            Action::HangUp => {
                // Before the socket closes: the carrier asks what comes next as soon as it has.
                self.parts.calls.finish(&self.call_sid, true);
                if let Some(mirror) = &self.mirror {
                    mirror.over();
                }
                self.send(LineCommand::End);
                self.socket.close(1000, "goodbye");
                self.ends = true;
            }
            Action::End { reason } => self.over = Some(reason),
        }
    }

    fn think(&mut self, turn: TurnId, cue: Cue) {
        let turns = self.call.history();
        let history = turns[turns.len().saturating_sub(self.parts.max_messages)..].to_vec();
        let found = self.found.as_ref();
        let prompt = Prompt {
            profile: found
                .and_then(|found| found.known.as_ref())
                .map(|known| known.profile.clone())
                .unwrap_or_default(),
            level: found.map(|found| found.level).unwrap_or_default(),
            before: self.rolling.text.clone(),
            history,
            cue,
        };
        let deltas = self.parts.agent.reply(prompt);
        self.reply = Some(Reply { turn, deltas, sentences: Sentences::default(), end: ReplyEnd::Listen });
    }

    /// The audio of this turn; that of another one is over.
    fn voice(&mut self, turn: TurnId) -> &mut Voice {
        if self.voice.as_ref().is_none_or(|voice| voice.turn != turn) {
            self.voice = None;
        }
        self.voice.get_or_insert_with(|| Voice {
            turn,
            audio: TurnAudio::default(),
            sent: 0,
            frames: None,
            filler_until: 0,
            fills: false,
        })
    }

    /// Has a sentence spoken: at once, where it is kept.
    fn speak(&mut self, turn: TurnId, text: &str, fills: bool) {
        let Some(ulaw) = self.parts.tts.kept(text) else {
            let frames = self.parts.tts.speak(text);
            return self.voice(turn).begin(frames, fills);
        };
        let size_bytes = u32::try_from(ulaw.len()).unwrap_or(u32::MAX);
        let voice = self.voice(turn);
        voice.frames = None;
        voice.fills = fills;
        voice.audio.share(ulaw);
        if fills {
            voice.filler_until = voice.audio.size_bytes();
        }
        if size_bytes > 0 {
            self.handle(Event::Synthesized { turn, size_bytes });
        }
        self.handle(Event::SentenceDone { turn });
    }

    fn play(&mut self, turn: TurnId, offset_bytes: u64, size_bytes: u64) {
        let Some(voice) = self.voice.as_mut().filter(|voice| voice.turn == turn) else { return };
        let range = offset_bytes as usize..(offset_bytes + size_bytes) as usize;
        self.gap.on_play(turn, range.end <= voice.filler_until);
        let Some(ulaw) = voice.audio.part(range) else {
            tracing::error!(turn = turn.0, "the core wants audio that is not there");
            return;
        };
        voice.sent = offset_bytes as usize + ulaw.len();
        self.holds_back = true;
        self.loopback.played(turn, &ulaw);
        let sent = send(self.codec.as_mut(), &mut self.socket, LineCommand::Audio(&ulaw));
        self.look_at_send(sent);
    }

    fn send(&mut self, command: LineCommand<'_>) {
        let sent = send(self.codec.as_mut(), &mut self.socket, command);
        self.look_at_send(sent);
    }

    fn look_at_send(&mut self, sent: Sent) {
        if sent == Sent::Overrun {
            self.overrun();
        }
    }

    fn provider_failed(&self, part: &'static str, error: &ProviderError) {
        metrics::counter!("redial_provider_errors_total", "part" => part).increment(1);
        if let Some(left_out) = self.lines.provider.due() {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(part, %error, cause, left_out, "a provider failed");
        }
    }

    fn overrun(&mut self) {
        if let Some(left_out) = self.lines.overrun.due() {
            tracing::warn!(left_out, "the carrier does not read what it is sent");
        }
        self.end(EndSignal::SocketClosed);
    }

    fn on_turn(&mut self, turn: Turn) {
        let role = match turn.role {
            Role::Caller => "user",
            Role::Agent => "assistant",
        };
        tracing::info!(turn = turn.id.0, role, start_ms = turn.start_ms, end_ms = turn.end_ms, "turn");
        if turn.role == Role::Agent {
            self.drop_voice(turn.id);
        }
        if let Some(kept) = self.record.keep(turn) {
            if kept.is_note {
                tracing::warn!("the call has as many turns as are kept; what is said from now on is not");
            }
            let message = Message { turn: kept.turn };
            if let Some(mirror) = &self.mirror {
                mirror.turn(message.clone(), kept.place);
            }
            // On the disk a moment later; the talk does not wait for it.
            drop(self.spool.turn(&self.record.session_id(), message));
        }
        self.sum_up();
    }

    /// Has the summary of the running call made anew when it is due, one at a time.
    fn sum_up(&mut self) {
        let turns = self.call.turns();
        if self.summing_up.is_none() && self.rolling.is_due(turns, self.parts.max_messages) {
            let (rolling, turns) = (self.rolling.clone(), turns.to_vec());
            self.summing_up = Some(tokio::task::spawn_blocking(move || rolling.next(&turns)));
        }
    }

    fn on_summed_up(&mut self, rolling: Option<Rolling>) {
        let Some(rolling) = rolling else { return };
        self.rolling = std::mem::take(&mut self.rolling).newer(rolling);
        if let Some(mirror) = &self.mirror {
            mirror.summed_up(&self.rolling.text);
        }
    }

    fn drop_voice(&mut self, turn: TurnId) {
        if self.voice.as_ref().is_some_and(|voice| voice.turn == turn) {
            self.voice = None;
        }
    }
}

impl Input {
    const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Recognized(_) => "transcript",
            Self::Found(_) => "lookup",
            Self::SummedUp(_) => "summary",
            Self::Delta(_) => "answer",
            Self::Voiced(..) => "speech",
            Self::Control(_) => "control",
            Self::Deadline => "deadline",
        }
    }
}

/// A task's result; never again after it was taken. `None`: it panicked.
async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        Some(handle) => {
            let result = handle.await;
            *task = None;
            result.ok()
        }
        None => pending().await,
    }
}

async fn next_delta(reply: &mut Option<Reply>) -> Option<Result<Delta, ProviderError>> {
    match reply {
        Some(reply) => reply.deltas.next().await,
        None => pending().await,
    }
}

/// The frames that are there, at least one unless the sentence is over.
async fn next_frames(voice: &mut Option<Voice>) -> (Vec<Frame>, VoiceState) {
    let Some(stream) = voice.as_mut().and_then(|voice| voice.frames.as_mut()) else { return pending().await };
    let mut next = stream.next().await;
    let mut frames = Vec::new();
    loop {
        match next {
            Some(Ok(frame)) => frames.push(frame),
            Some(Err(error)) => return (frames, VoiceState::Failed(error)),
            None => return (frames, VoiceState::Done),
        }
        if frames.len() == MAX_FRAMES_A_TURN {
            return (frames, VoiceState::More);
        }
        match stream.next().now_or_never() {
            Some(more) => next = more,
            None => return (frames, VoiceState::More),
        }
    }
}

/// What became of a command to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Queued,
    /// The peer has not been reading for too long.
    Overrun,
}

fn send(codec: &mut dyn Codec, socket: &mut MediaStream, command: LineCommand<'_>) -> Sent {
    let mut sent = Sent::Queued;
    let written = codec.write(command, &mut |message| {
        if !socket.send(message) {
            sent = Sent::Overrun;
        }
    });
    if let Err(error) = written {
        refuse("outbound media", &error);
    }
    sent
}

fn refuse(what: &'static str, error: &dyn std::fmt::Display) {
    metrics::counter!("redial_refused_messages_total", "what" => what).increment(1);
    tracing::debug!(what, %error, "a message is ignored");
}
