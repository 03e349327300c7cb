//! The shell of a call: one task that owns the [`Call`], its socket and its provider streams.
//!
//! It tells the core what happens and performs what the core wants, without waiting for a peer. Only `time` calls
//! [`Call::handle`].

mod answering;
mod budget;
mod conversing;
pub(crate) mod gap;
mod hearing;
mod intake;
mod line;
mod listening;
pub(crate) mod log;
mod loopback;
mod mind;
mod model;
mod pacing;
pub(crate) mod record;
pub(crate) mod recorder;
mod reopening;
mod sequence;
mod speaking;
mod summary;
mod task;
mod time;
mod tools;
mod turn_audio;
mod voice;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use redial_call::{
    Action, Call, CallId, EndReason, EndSignal, Endpointing, Event, Load, Medium, Role, Settings, ToolCallId,
    ToolOutcome, Turn, UtteranceId,
};
use redial_carrier::line::{Codec, LineCommand};
use redial_carrier::reframe::Reframer;
use redial_memory::rolling::Rolling;
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, Delta};
use redial_provider::realtime::{Realtime, RealtimeContext, RealtimeInput};
use redial_provider::stt::{Stt, SttContext, SttInput, SttOutput};
use redial_provider::tools::{ToolRun, Toolbox};
use redial_provider::tts::{Spoken, Tts, VoiceContext};
use redial_speech::vad::Vad;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use self::budget::Budget;
use self::hearing::Hearing;
use self::line::{Clock, LinePace};
use self::loopback::Loopback;
use self::mind::Mind;
use self::model::{Model, Told};
pub(crate) use self::pacing::settings_for;
use self::recorder::Recorder;
use self::sequence::Sequence;
use self::summary::Summary;
use self::task::finished;
use self::tools::RunningTools;
use self::voice::{After, Voice};
use crate::calls::{Calls, Control, ControlReceiver, Lookup};
use crate::media_stream::{Inbound, MediaStream};
use crate::orders::Orders;
use crate::telemetry::limited::Limited;
use crate::telemetry::millis;

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
    pub(crate) tools: Arc<dyn Toolbox>,
    /// Instead of agent, ears and voice.
    pub(crate) realtime: Option<Arc<dyn Realtime>>,
    pub(crate) calls: Arc<Calls>,
    /// What goes on when its call is over, and is waited for at shutdown.
    pub(crate) tasks: TaskTracker,
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
    recorder: Recorder,
    summary: Summary,
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
    mind: Mind,
    /// What hears, thinks and speaks instead of ears, mind and voice.
    model: Option<Model>,
    tools: RunningTools,
    voice: Voice,
    codec: Box<dyn Codec>,
    orders: Option<Arc<Orders>>,
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
    loopback: Loopback,
    /// What the core was last told.
    load: Load,
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

/// Something that happened outside the core.
enum Input {
    Message(Inbound),
    Recognized(SttOutput),
    Found(Option<Box<Lookup>>),
    SummedUp(Option<Rolling>),
    Delta(Option<Result<Delta, ProviderError>>),
    Voiced(Vec<Spoken>, After),
    Returned(ToolCallId, ToolOutcome),
    Model(Told),
    Control(Option<Control>),
    Deadline,
}

/// What a session starts from.
pub(crate) struct TaskStart {
    pub(crate) call_sid: CallId,
    pub(crate) socket: MediaStream,
    pub(crate) codec: Box<dyn Codec>,
    /// The API of the line's carrier.
    pub(crate) orders: Option<Arc<Orders>>,
    pub(crate) control: ControlReceiver,
    pub(crate) lookup: JoinHandle<Lookup>,
    pub(crate) vad: Vad,
    pub(crate) recorder: Recorder,
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
        let tools = RunningTools::new(Arc::clone(&parts.tools), parts.tasks.clone());
        let context = AgentContext { tools: tools.specs().into(), ..AgentContext::default() };
        let Settings { medium, endpointing, .. } = parts.settings;
        let model = parts.realtime.clone().filter(|_| endpointing == Endpointing::Model).map(|provider| {
            let language = VoiceContext::default().language;
            Model::new(provider, RealtimeContext { language, ..RealtimeContext::default() })
        });
        let stt = Arc::clone(&parts.stt);
        let hearing = if model.is_some() || medium == Medium::Text {
            Hearing::closed(stt)
        } else {
            Hearing::open(stt, SttContext::default())
        };
        Self {
            call: Call::resumed(parts.settings.clone(), turns),
            hearing,
            mind: Mind::new(Arc::clone(&parts.agent), context),
            voice: Voice::new(parts.tts.open(&VoiceContext::default())),
            model,
            tools,
            parts,
            call_sid: opening.call_sid,
            clock: Clock::new(now, before),
            stood: Duration::ZERO,
            recorder: opening.recorder,
            summary: Summary::new(said_before),
            socket: opening.socket,
            is_closed: false,
            ends: false,
            over: None,
            control: opening.control,
            reframer: Reframer::default(),
            vad: opening.vad,
            listening: None,
            lookup: Some(opening.lookup),
            codec: opening.codec,
            orders: opening.orders,
            holds_back: false,
            last_message: now,
            line: LinePace::new(now),
            stalled: None,
            budget: Budget::new(now),
            sequence: Sequence::default(),
            lines: Lines::default(),
            loopback: Loopback::default(),
            load: Load::default(),
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
        // What our own voice says in a turn of the model's comes before what that says next.
        let hold = self.voice.is_speaking();
        tokio::select! {
            message = self.socket.next(), if !self.is_closed => Input::Message(message),
            output = self.hearing.next() => Input::Recognized(output),
            found = finished(&mut self.lookup) => Input::Found(found.map(Box::new)),
            rolling = self.summary.next() => Input::SummedUp(rolling),
            delta = self.mind.next() => Input::Delta(delta),
            (pieces, after) = self.voice.next() => Input::Voiced(pieces, after),
            (call, outcome) = self.tools.next() => Input::Returned(call, outcome),
            told = next_of(&mut self.model, hold) => Input::Model(told),
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
            Input::Voiced(pieces, after) => self.on_voiced(pieces, after),
            Input::Model(told) => self.on_model(told),
            Input::Returned(call, outcome) => self.handle(Event::ToolReturned { call, outcome }),
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

    fn on_found(&mut self, found: Option<Lookup>) {
        let Some(found) = found else {
            self.open_model();
            return; // the look-up panicked, which was logged; the greeting's deadline covers it
        };
        self.handle(Event::Greeting { text: found.greeting.clone(), acts: found.greeting_acts.clone() });
        self.recorder.found(&found);
        self.parts.calls.found(&self.call_sid, &found.caller);
        self.mind.know(&found);
        if self.model.is_none() {
            self.mind.warm();
        }
        self.open_model();
    }

    /// The caller was erased while on the phone: the talk goes on, and nothing of it is kept.
    fn forget(&mut self) {
        self.recorder.forget(self.now());
        self.mind.forget();
        self.open_model();
    }

    fn on_summed_up(&mut self, rolling: Option<Rolling>) {
        let Some(rolling) = rolling else { return };
        self.summary.renew(rolling);
        self.recorder.summed_up(self.summary.text());
    }

    // What goes out

    /// Performs what the core wants.
    fn perform_all(&mut self) {
        while let Some(action) = self.call.poll_action() {
            self.recorder.action(self.now(), &action);
            self.perform(action);
        }
        if self.holds_back && self.voice.is_sent() {
            self.holds_back = false;
            self.send(LineCommand::Flush);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Listen { utterance } => self.listen(utterance),
            Action::Transcribe { utterance } => {
                self.hearing.tell(SttInput::Transcribe(utterance));
                self.tell_model(RealtimeInput::Commit); // asked for only when the call is over
            }
            Action::Guess { utterance } => self.hearing.tell(SttInput::Guess(utterance)),
            Action::Discard { utterance } => self.discard(utterance),
            Action::Think { turn, cue } => self.think(turn, cue),
            Action::CancelReply { turn } => {
                self.mind.cancel(turn);
                self.tell_model(RealtimeInput::Cancel { turn });
            }
            Action::Truncate { turn, heard_ms } => {
                self.tell_model(RealtimeInput::Truncate { turn, heard_ms });
            }
            Action::Speak { turn, text } => self.speak(turn, &text, false),
            Action::Fill { turn, text: Some(text) } => self.speak(turn, &text, true),
            Action::Fill { turn, text: None } => self.sound_tone(turn),
            Action::RunTool { call, name, arguments } => {
                let session_id = self.recorder.record.session_id();
                self.tools.run(ToolRun { session_id, call, name, arguments });
            }
            Action::CancelTool { call } => self.tools.cancel(call),
            Action::Say { text, .. } => self.send(LineCommand::Words { text: &text, last: true }),
            Action::CancelSpeech { turn } => self.voice.finish(turn),
            Action::Play { turn, offset_bytes, size_bytes } => self.play(turn, offset_bytes, size_bytes),
            Action::Mark { name } => self.send(LineCommand::Mark(&name)),
            Action::Clear => {
                self.loopback.cleared();
                self.holds_back = false;
                self.send(LineCommand::Clear);
            }
            Action::TurnDone(turn) => self.on_turn(&turn),
            Action::HangUp => {
                // Before the socket closes: the carrier asks what comes next as soon as it has.
                self.parts.calls.finish(&self.call_sid, true);
                self.send(LineCommand::End);
                self.socket.close(1000, "goodbye");
                if let Some(orders) = self.orders.take() {
                    let call = self.call_sid.clone();
                    self.parts.tasks.spawn(async move { orders.hang_up(&call).await });
                }
                self.ends = true;
            }
            Action::End { reason } => self.over = Some(reason),
        }
    }

    fn on_turn(&mut self, turn: &Turn) {
        if self.call.agent_turn() != Some(turn.id) {
            self.tell_model_of(turn);
            if turn.role == Role::Agent {
                self.voice.finish(turn.id);
                self.tell_context(&turn.text);
            }
        }
        self.summary.look_at(self.call.turns(), self.parts.max_messages);
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
            Self::Returned(..) => "tool",
            Self::Model(_) => "model",
            Self::Control(_) => "control",
            Self::Deadline => "deadline",
        }
    }
}

async fn next_of(model: &mut Option<Model>, hold: bool) -> Told {
    match model {
        Some(model) => model.next(hold).await,
        None => pending().await,
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
