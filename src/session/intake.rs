//! What comes from the carrier: how much of it is taken, and what it means.

use redial_call::{EndSignal, Event};
use redial_carrier::line::{self, LineEvent, ReadError};
use tokio::time::Instant;

use super::budget::Verdict;
use super::{CallTask, refuse};
use crate::media_stream::{Fault, Inbound};

impl CallTask {
    pub(super) fn on_message(&mut self, message: Inbound) {
        match message {
            Inbound::Text(text) => self.on_payload(line::Inbound::Text(&text)),
            Inbound::Binary(bytes) => self.on_payload(line::Inbound::Binary(&bytes)),
            Inbound::Control => {
                self.spend_on_other();
            }
            Inbound::Broken(fault) => self.on_broken(fault),
            Inbound::Closed => {
                self.is_closed = true;
                self.end(EndSignal::SocketClosed);
            }
        }
    }

    /// The peer's bytes are no WebSocket's. They are not read on.
    fn on_broken(&mut self, fault: Fault) {
        metrics::counter!("redial_stream_faults_total", "what" => fault.as_str()).increment(1);
        tracing::warn!(code = fault.code(), fault = fault.as_str(), "the carrier breaks the framing of its stream");
        self.close(fault.code(), fault.as_str());
    }

    /// Ends the call by closing its socket for a fault of the peer's, of which nothing more is read.
    fn close(&mut self, code: u16, reason: &'static str) {
        self.socket.close(code, reason);
        self.is_closed = true;
        self.end(EndSignal::SocketClosed);
    }

    /// Counts a message that holds no audio. False: it is too much, and left out.
    fn spend_on_other(&mut self) -> bool {
        let verdict = self.budget.other(Instant::now());
        self.judge(verdict, "other")
    }

    /// False: the message is left out.
    fn judge(&mut self, verdict: Verdict, what: &'static str) -> bool {
        if verdict == Verdict::Take {
            return true;
        }
        metrics::counter!("redial_shed_messages_total", "what" => what).increment(1);
        if let Some(left_out) = self.lines.shed.due() {
            tracing::warn!(what, left_out, "messages are left out: the carrier sends more than there is time for");
        }
        if verdict == Verdict::Flood && !self.is_closed {
            tracing::warn!("a flood of messages: not a carrier");
            self.close(1008, "too many messages");
        }
        false
    }

    fn on_payload(&mut self, payload: line::Inbound<'_>) {
        let error = match self.codec.read(payload) {
            Ok(message) => return self.on_line(message),
            Err(error) => error,
        };
        self.spend_on_other();
        refuse(error.what(), &error);
        if matches!(error, ReadError::OtherStart) {
            // A second start that names another stream or call is worse than a message that is lost.
            self.close(1008, "a second start");
        }
    }

    fn on_line(&mut self, message: line::Message) {
        if let Some(gap) = self.sequence.gap(message.sequence_number) {
            metrics::counter!("redial_sequence_gaps_total").increment(gap);
        }
        let now = Instant::now();
        let within = match &message.event {
            LineEvent::Audio(audio) if !audio.ulaw.is_empty() => {
                let verdict = self.budget.audio(now, audio.length());
                self.judge(verdict, "audio")
            }
            LineEvent::Stopped => true, // the last one, and a flood does not hide it
            _ => self.spend_on_other(),
        };
        if !matches!(message.event, LineEvent::Unknown(_)) {
            self.last_message = now;
        }
        if !within {
            return;
        }
        match message.event {
            LineEvent::Audio(audio) => {
                if audio.inbound {
                    self.on_audio(now, &audio);
                }
            }
            LineEvent::Played { mark } => self.handle(Event::Marked { name: mark }),
            LineEvent::Dtmf { digit } => self.handle(Event::Dtmf { digit }),
            LineEvent::Stopped => self.end(EndSignal::Stop),
            LineEvent::Connected | LineEvent::Started(_) => (),
            LineEvent::Words { text, last } => self.handle(Event::Prompted { text, last }),
            LineEvent::Interrupted { heard } => self.handle(Event::Interrupted { heard }),
            LineEvent::Unknown(name) => tracing::debug!(%name, "an event that this build does not know"),
        }
    }

    fn on_audio(&mut self, now: Instant, audio: &line::Audio) {
        self.look_at_clock(); // as the line was until now
        self.line.on_audio(now, audio.length(), audio.timestamp_ms);
        let mut ulaw = audio.ulaw.as_slice();
        while let Some(frame) = self.reframer.next(&mut ulaw) {
            self.on_frame(frame);
        }
    }
}
