//! Plays a recorded call to the gateway, message by message and at its times: protocol mistakes and all.

mod recording;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use self::recording::{Recording, What, number, plus};
use super::Simulator;
use super::error::SimulateError;
use super::message::Message;
use super::playback::Playback;
use super::report::{Warning, WarningCode, ms};
use super::script::random_sid;
use super::socket::{ABNORMAL, Incoming, Socket};
use super::twiml::{Stream, Verb};
use super::webhook::CallFields;

pub use self::recording::RecordingError;

/// `To` of replayed calls; the files do not say.
const CALLED: &str = "+18005550199";
/// How long the gateway may take to close after the file's last line.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// What stands in a file for the `token` parameter of the TwiML.
const TOKEN: &str = "$token";

/// What came back.
#[derive(Debug)]
pub struct Replayed {
    /// The id under which the call was made; the file's own was replaced.
    pub call_sid: String,
    /// Each message of the gateway that is JSON, with its time in ms since the upgrade.
    pub received: Vec<(u64, Value)>,
    /// What the carrier found wrong.
    pub warnings: Vec<Warning>,
    /// How the stream ended.
    pub ended: ReplayEnd,
}

/// How the stream of a replayed call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayEnd {
    /// The file said so.
    Carrier,
    /// The gateway closed with this code; 1006 when the connection just ended.
    Gateway(u16),
    /// It was still open five seconds after the file's last line.
    Open,
}

/// Why a recorded call could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is not a recorded call.
    #[error("not a recorded call")]
    Recording(#[from] RecordingError),
    /// The gateway did not take the call.
    #[error("the call was not answered")]
    Webhook(#[from] SimulateError),
    /// The gateway's TwiML has no stream.
    #[error("the gateway answered the call without a stream")]
    NoStream,
    /// The file wants the token, and the TwiML has none.
    #[error("the stream has no parameter named token")]
    NoToken,
    /// The gateway did not take the upgrade.
    #[error("the stream was refused: {0}")]
    Refused(String),
}

/// Plays a recorded call. `audio` gives the μ-law of a name that stands in the file.
///
/// The call is a new one: `$token` becomes the token of the gateway's TwiML and the file's `callSid` a fresh one, so that files can be
/// played at the same time. Marks are echoed live, as the header says, and the file's sequence numbers make room for them.
///
/// # Errors
/// When the file or the gateway's answer is of no use.
pub async fn replay(
    simulator: &Simulator,
    file: &str,
    audio: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Replayed, ReplayError> {
    let recording = Recording::read(file, audio)?;
    let call_sid = random_sid("CA");
    let call = CallFields { call_sid: &call_sid, from: &recording.from, to: CALLED };
    let webhooks = &simulator.webhooks;
    let verbs = webhooks.ask(&webhooks.voice_url(), call, "ringing").await?;
    let connect = verbs.into_iter().find_map(|verb| match verb {
        Verb::Connect(stream) => Some(stream),
        Verb::Redirect(_) | Verb::Say(_) | Verb::Reject { .. } | Verb::Hangup | Verb::Pause(_) => None,
    });
    let stream = connect.ok_or(ReplayError::NoStream)?;
    let substitutes = Substitutes::new(&recording, &call_sid, &stream);
    let signature = webhooks.sign_upgrade(&stream.url);
    let opened = Socket::open(&webhooks.reach_stream(&stream.url), signature.as_deref()).await;
    let mut player = Player {
        origin: Instant::now(),
        socket: Some(opened.map_err(|error| ReplayError::Refused(error.to_string()))?),
        playback: Some(Playback::new(recording.marks)),
        stream_sid: recording.stream_sid,
        last_number: Value::Null,
        inserted: 0,
        received: Vec::new(),
        warnings: Vec::new(),
        ended: ReplayEnd::Open,
    };
    for cue in recording.cues {
        player.listen_until(cue.at).await;
        match cue.what {
            What::Send(mut message) => {
                substitutes.apply(&mut message)?;
                player.send(message);
            }
            What::Close(ABNORMAL) => player.abort().await,
            What::Close(code) => player.close(code),
            What::ReportStatus(status) => {
                let seconds = player.now().as_secs();
                if let Err(error) = webhooks.report_status(call, &status, seconds).await {
                    player.warn(WarningCode::RequestFailed, error.to_string());
                }
            }
        }
    }
    player.listen_to_the_end().await;
    let Player { received, warnings, ended, .. } = player;
    Ok(Replayed { call_sid, received, warnings, ended })
}

/// What of the file is replaced in every replay.
struct Substitutes {
    recorded_call_sid: String,
    call_sid: String,
    token: Option<String>,
}

impl Substitutes {
    fn new(recording: &Recording, call_sid: &str, stream: &Stream) -> Self {
        let token = stream.parameters.iter().find(|(name, _)| name == "token").map(|(_, value)| value.clone());
        Self { recorded_call_sid: recording.call_sid.clone(), call_sid: call_sid.to_owned(), token }
    }

    fn apply(&self, value: &mut Value) -> Result<(), ReplayError> {
        match value {
            Value::String(text) if text == TOKEN => *text = self.token.clone().ok_or(ReplayError::NoToken)?,
            Value::String(text) if *text == self.recorded_call_sid => text.clone_from(&self.call_sid),
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.apply(item))?,
            Value::Object(members) => members.values_mut().try_for_each(|member| self.apply(member))?,
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => (),
        }
        Ok(())
    }
}

/// A replay that is under way.
struct Player {
    origin: Instant,
    /// `None` once the connection is gone.
    socket: Option<Socket>,
    /// `None` after `stop`: nothing is echoed any more.
    playback: Option<Playback>,
    stream_sid: String,
    /// The `sequenceNumber` last sent.
    last_number: Value,
    /// Messages sent that are not in the file.
    inserted: u64,
    received: Vec<(u64, Value)>,
    warnings: Vec<Warning>,
    ended: ReplayEnd,
}

impl Player {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn warn(&mut self, code: WarningCode, text: String) {
        self.warnings.push(Warning { code, at_ms: ms(self.now()), text });
    }

    /// Takes what the gateway sends, and echoes its marks, until it is time.
    async fn listen_until(&mut self, until: Duration) {
        while self.now() < until {
            match &self.socket {
                Some(_) => self.listen(until).await,
                None => sleep_until(self.origin + until).await,
            }
        }
    }

    async fn listen_to_the_end(&mut self) {
        let until = self.now() + LAST_PATIENCE;
        while self.socket.is_some() && self.now() < until {
            self.listen(until).await;
        }
    }

    /// Handles one thing that happens, if it happens in time.
    async fn listen(&mut self, until: Duration) {
        let due = self.playback.as_ref().and_then(Playback::next_due);
        let wake_at = self.origin + due.map_or(until, |due| due.min(until));
        let Some(socket) = &mut self.socket else { return };
        tokio::select! {
            message = socket.next() => self.receive(message),
            () = sleep_until(wake_at) => {
                let now = self.now();
                let echoes = self.playback.as_mut().map(|playback| playback.tick(now));
                self.echo(echoes.unwrap_or_default());
            }
        }
    }

    fn closed(&mut self, code: u16) {
        self.socket = None;
        // The gateway's answer to our own close is no end of its making.
        if self.ended == ReplayEnd::Open {
            self.ended = ReplayEnd::Gateway(code);
        }
    }

    fn receive(&mut self, message: Incoming) {
        let now = self.now();
        let text = match message {
            Incoming::Text(text) => text,
            Incoming::Binary => return self.warn(WarningCode::UndecodableMessage, "a binary message".to_owned()),
            Incoming::Closed(code) => return self.closed(code),
        };
        let value: Value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => return self.warn(WarningCode::InvalidMessage, format!("not JSON: {error}")),
        };
        let message = Message::from_value(&value, &self.stream_sid);
        self.received.push((ms(now), value));
        let Some(playback) = &mut self.playback else { return };
        match message {
            Ok(Message::Media(ulaw)) => {
                if let Err(full) = playback.media(now, ulaw) {
                    self.warn(WarningCode::AgentAudioDropped, full.to_string());
                }
            }
            Ok(Message::Mark(name)) => {
                let echoes = playback.mark(now, name);
                self.echo(echoes);
            }
            Ok(Message::Clear) => {
                let echoes = playback.clear(now);
                self.echo(echoes);
            }
            Err(invalid) => {
                let (code, text) = invalid.into_warning();
                self.warn(code, text);
            }
        }
    }

    /// Sends marks that are not in the file; what the file numbers moves up.
    fn echo(&mut self, names: Vec<String>) {
        for name in names {
            self.inserted += 1;
            self.last_number = plus(&self.last_number, 1);
            let mark = json!({
                "event": "mark",
                "sequenceNumber": self.last_number,
                "streamSid": self.stream_sid,
                "mark": {"name": name},
            });
            self.write(&mark);
        }
    }

    fn send(&mut self, mut message: Value) {
        if let Some(number) = message.get_mut("sequenceNumber").filter(|value| number(value).is_some()) {
            *number = plus(number, self.inserted);
            self.last_number = number.clone();
        }
        if message.get("event").is_some_and(|event| event == "stop") {
            self.playback = None;
        }
        self.write(&message);
    }

    fn write(&mut self, message: &Value) {
        let Some(socket) = &self.socket else { return };
        if socket.send(message).is_err() {
            self.warn(WarningCode::CallerAudioDropped, "the gateway reads too slowly".to_owned());
        }
    }

    fn close(&mut self, code: u16) {
        self.playback = None;
        if let Some(socket) = &self.socket {
            socket.start_close(code);
            self.ended = ReplayEnd::Carrier;
        }
    }

    async fn abort(&mut self) {
        self.playback = None;
        if let Some(socket) = self.socket.take() {
            socket.abort().await;
            self.ended = ReplayEnd::Carrier;
        }
    }
}
