//! One call, from the first webhook to the status callback.

use std::collections::VecDeque;
use std::time::Duration;

use redial_call::Frame;
use redial_call::audio::FRAME_DURATION;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite;
use url::Url;

use super::caller::{Act, Agent, Caller};
use super::error::SimulateError;
use super::message::{Message, Writer};
use super::playback::Playback;
use super::progress::Progress;
use super::report::{EndedBy, Recorder, Report, WarningCode};
use super::script::{HangUp, Script, random_sid};
use super::socket::{Incoming, Socket};
use super::twiml::{Stream, Verb};
use super::webhook::{CallFields, Webhooks, one_line};

/// Redirects that are followed; enough for a gateway that loses its stream now and then, and an end to one that always does.
const MAX_REDIRECTS: u32 = 5;
/// WebSocket close code of an end in good order.
const NORMAL: u16 = 1000;

/// Places the call and follows it to its end.
pub(super) async fn call(webhooks: &Webhooks, script: Script) -> Result<Report, SimulateError> {
    let url = webhooks.voice_url();
    let origin = Instant::now();
    let verbs = webhooks.ask(&url, fields(&script), "ringing").await?;
    let mut line = Line {
        webhooks,
        origin,
        caller: Caller::new(script.steps.clone()),
        recorder: Recorder::new(script.record),
        script,
        redirects: 0,
    };
    let ended_by = line.follow(url, verbs).await;
    match &ended_by {
        EndedBy::Caller(HangUp::StatusFirst) => (),
        EndedBy::Rejected { .. } => line.report_status("busy").await,
        EndedBy::Caller(_) | EndedBy::Gateway | EndedBy::TimeLimit | EndedBy::TooManyRedirects | EndedBy::Lost => {
            line.report_status("completed").await
        }
    }
    let duration = line.now();
    Ok(line.recorder.finish(line.script.call_sid, line.redirects, ended_by, duration))
}

fn fields(script: &Script) -> CallFields<'_> {
    CallFields { call_sid: &script.call_sid, from: &script.from, to: &script.to }
}

/// A call that is up.
struct Line<'a> {
    webhooks: &'a Webhooks,
    script: Script,
    origin: Instant,
    caller: Caller,
    recorder: Recorder,
    redirects: u32,
}

/// How a stream ended.
enum StreamEnd {
    /// The gateway closed it, or never opened it: the next verb runs.
    Gateway,
    /// The call is over.
    Call(EndedBy),
}

impl Line<'_> {
    /// Since the call was placed.
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Runs documents until one of them, or the caller, ends the call.
    async fn follow(&mut self, mut url: Url, verbs: Vec<Verb>) -> EndedBy {
        let mut verbs = VecDeque::from(verbs);
        while let Some(verb) = verbs.pop_front() {
            match verb {
                Verb::Connect(stream) => match self.stream(&stream).await {
                    StreamEnd::Gateway => (),
                    StreamEnd::Call(ended_by) => return ended_by,
                },
                Verb::Redirect(target) => {
                    if self.redirects == MAX_REDIRECTS {
                        return EndedBy::TooManyRedirects;
                    }
                    self.redirects += 1;
                    match self.redirect(&url, &target).await {
                        Some((target, answer)) => (url, verbs) = (target, answer.into()),
                        None => return EndedBy::Lost,
                    }
                }
                Verb::Say(text) => self.recorder.said(text),
                Verb::Pause(length) => sleep(length.min(self.script.time_limit.saturating_sub(self.now()))).await,
                Verb::Reject { reason } => return EndedBy::Rejected { reason },
                Verb::Hangup => return EndedBy::Gateway,
            }
        }
        EndedBy::Gateway
    }

    async fn redirect(&mut self, from: &Url, target: &str) -> Option<(Url, Vec<Verb>)> {
        let answer = match from.join(target) {
            Ok(url) => self.webhooks.ask(&url, fields(&self.script), "in-progress").await.map(|verbs| (url, verbs)),
            Err(source) => Err(SimulateError::BaseUrl { url: target.to_owned(), source }),
        };
        answer.map_err(|error| self.request_failed(&error)).ok()
    }

    async fn report_status(&mut self, call_status: &str) {
        let seconds = self.now().as_secs();
        if let Err(error) = self.webhooks.report_status(fields(&self.script), call_status, seconds).await {
            self.request_failed(&error);
        }
    }

    fn request_failed(&mut self, error: &SimulateError) {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.recorder.warn(self.now(), WarningCode::RequestFailed, text);
    }

    /// Opens a stream, and keeps it until either side ends it.
    async fn stream(&mut self, stream: &Stream) -> StreamEnd {
        let signature = self.webhooks.sign_upgrade(&stream.url);
        let socket = match Socket::open(&self.webhooks.reach_stream(&stream.url), signature.as_deref()).await {
            Ok(socket) => socket,
            Err(error) => {
                self.recorder.warn(self.now(), WarningCode::HandshakeFailed, refusal(&error));
                return StreamEnd::Gateway;
            }
        };
        let began = self.now();
        self.tell(Progress::Connected);
        self.caller.stream_begins(began);
        let mut writer = Writer::new(self.webhooks.account_sid(), &self.script.call_sid, &random_sid("MZ"));
        // A fresh socket takes two messages.
        let _ = socket.send(&Writer::connected());
        let _ = socket.send(&writer.start(&stream.parameters));
        let mut leg = Leg { began, slot: 0, playback: Playback::new(self.script.marks), socket, writer };
        let hang_up = self.talk(&mut leg).await;
        let now = self.now();
        self.caller.stream_ends(now);
        leg.playback.close(now);
        self.note_speech(&mut leg);
        match hang_up {
            Ended::Gateway(code) => {
                if code != NORMAL {
                    let text = format!("the gateway closed the socket with code {code}");
                    self.recorder.warn(now, WarningCode::ClosedAbnormally, text);
                }
                StreamEnd::Gateway
            }
            Ended::Caller(how) => {
                self.hang_up(leg, how).await;
                StreamEnd::Call(EndedBy::Caller(how))
            }
            Ended::TimeLimit => {
                self.hang_up(leg, HangUp::Normal).await;
                StreamEnd::Call(EndedBy::TimeLimit)
            }
        }
    }

    /// Sends the caller's audio every 20 ms and plays the agent's, until one side has had enough.
    async fn talk(&mut self, leg: &mut Leg) -> Ended {
        loop {
            // Absolute times: a late frame does not delay those after it.
            let next_slot = leg.began + FRAME_DURATION * (leg.slot + 1);
            let wake_at = leg.playback.next_due().map_or(next_slot, |due| due.min(next_slot));
            tokio::select! {
                message = leg.socket.next() => {
                    if let Incoming::Closed(code) = message {
                        return Ended::Gateway(code);
                    }
                    self.receive(leg, message);
                }
                () = sleep_until(self.origin + wake_at) => {
                    let now = self.now();
                    let echoes = leg.playback.tick(now);
                    self.echo(leg, echoes);
                    if now >= self.script.time_limit {
                        return Ended::TimeLimit;
                    }
                    if now >= next_slot && let Some(how) = self.slot(leg, now) {
                        return Ended::Caller(how);
                    }
                }
            }
            self.note_speech(leg);
        }
    }

    /// Takes a message of the gateway as the carrier does: what is no message is reported and dropped.
    fn receive(&mut self, leg: &mut Leg, message: Incoming) {
        let now = self.now();
        let text = match message {
            Incoming::Text(text) => text,
            Incoming::Binary => {
                return self.recorder.warn(now, WarningCode::UndecodableMessage, "a binary message");
            }
            Incoming::Closed(_) => return,
        };
        match Message::read(&text, leg.writer.stream_sid()) {
            Ok(Message::Media(ulaw)) => {
                self.recorder.message(now, "media");
                if let Err(full) = leg.playback.media(now, ulaw) {
                    self.recorder.warn_once(now, WarningCode::AgentAudioDropped, full.to_string());
                }
            }
            Ok(Message::Mark(name)) => {
                self.recorder.message(now, "mark");
                let echoes = leg.playback.mark(now, name);
                self.echo(leg, echoes);
            }
            Ok(Message::Clear) => {
                self.recorder.message(now, "clear");
                let echoes = leg.playback.clear(now);
                self.echo(leg, echoes);
            }
            Err(invalid) => {
                let (code, text) = invalid.into_warning();
                self.recorder.warn(now, code, text);
            }
        }
    }

    fn echo(&mut self, leg: &mut Leg, names: Vec<String>) {
        for name in names {
            let mark = leg.writer.mark(&name);
            self.send(leg, &mark);
        }
    }

    /// Sends the next 20 ms of the caller, or says how the caller hangs up.
    fn slot(&mut self, leg: &mut Leg, now: Duration) -> Option<HangUp> {
        let agent =
            Agent { idle: leg.playback.is_idle(), quiet_since: leg.playback.free_at(), heard: leg.playback.heard(now) };
        let frame = match self.caller.slot(now, agent) {
            Act::HangUp(how) => return Some(how),
            Act::Silence => Frame::SILENT,
            Act::Speak(frame) => frame,
            Act::Press(key) => {
                let dtmf = leg.writer.dtmf(key);
                self.send(leg, &dtmf);
                Frame::SILENT
            }
        };
        let at = FRAME_DURATION * leg.slot;
        leg.slot += 1;
        let media = leg.writer.media((at + FRAME_DURATION).as_millis(), frame.as_bytes());
        self.send(leg, &media);
        self.recorder.caller_sent(leg.began + at, frame.as_bytes());
        None
    }

    fn send(&mut self, leg: &Leg, message: &serde_json::Value) {
        if leg.socket.send(message).is_err() {
            let now = self.now();
            self.recorder.warn_once(now, WarningCode::CallerAudioDropped, "the gateway reads too slowly");
        }
    }

    fn note_speech(&mut self, leg: &mut Leg) {
        if self.recorder.played(leg.playback.take_played()) {
            self.tell(Progress::AgentSpeaks);
        }
        for spoken in self.caller.take_spoken() {
            self.tell(Progress::CallerSaid(spoken.label.as_deref().unwrap_or_default()));
            self.recorder.caller_spoke(spoken);
        }
    }

    fn tell(&self, progress: Progress<'_>) {
        if let Some(watcher) = &self.script.watcher {
            watcher.tell(self.now(), progress);
        }
    }

    /// Ends the stream in one of the ways in which calls end. Messages that still come are played to nobody.
    async fn hang_up(&mut self, mut leg: Leg, how: HangUp) {
        let stop = leg.writer.stop();
        match how {
            HangUp::Abrupt => return leg.socket.abort().await,
            HangUp::CloseWithoutStop => leg.socket.start_close(NORMAL),
            HangUp::StopWithoutClose => self.send(&leg, &stop),
            HangUp::Normal => {
                self.send(&leg, &stop);
                leg.socket.start_close(NORMAL);
            }
            HangUp::StatusFirst => {
                self.report_status("completed").await;
                self.send(&leg, &stop);
                leg.socket.start_close(NORMAL);
            }
        }
        if leg.socket.wait_for_close(|_| ()).await.is_none() {
            self.recorder.warn(
                self.now(),
                WarningCode::ClosedAbnormally,
                "the gateway did not close after the call's end",
            );
        }
    }
}

/// Why an upgrade was refused, with what the gateway says of it.
fn refusal(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(answer) => match answer.body().as_deref().map(one_line) {
            Some(text) if !text.is_empty() => format!("{error}: {text}"),
            Some(_) | None => error.to_string(),
        },
        _ => error.to_string(),
    }
}

/// A stream that is up.
struct Leg {
    /// When, on the call's clock.
    began: Duration,
    /// Frames sent.
    slot: u32,
    playback: Playback,
    socket: Socket,
    writer: Writer,
}

/// Who ended a talk.
enum Ended {
    Caller(HangUp),
    Gateway(u16),
    TimeLimit,
}
