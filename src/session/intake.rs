//! What comes from the carrier: how much of it is taken, and what it means.

use redial_call::{EndSignal, Event};
use redial_carrier::twilio::{self, Incoming};
use tokio::time::Instant;

use super::budget::Verdict;
use super::{Session, refuse};
use crate::media_stream::{Fault, Inbound};

impl Session {
    pub(super) fn on_message(&mut self, message: Inbound) {
        match message {
            Inbound::Text(text) => match twilio::decode(&text) {
                Ok(message) => self.on_carrier(message),
                Err(error) => {
                    refuse("undecodable", &error);
                    self.spend_on_other();
                }
            },
            Inbound::Binary => {
                refuse("binary", &"the protocol has text messages only");
                self.spend_on_other();
            }
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

    fn on_carrier(&mut self, message: twilio::Message<'_>) {
        if let Some(gap) = self.record.sequence_gap(message.sequence_number) {
            metrics::counter!("redial_sequence_gaps_total").increment(gap);
        }
        let now = Instant::now();
        let within = match &message.event {
            Incoming::Media(media) if !media.ulaw().is_empty() => {
                let verdict = self.budget.audio(now, media.length());
                self.judge(verdict, "audio")
            }
            Incoming::Stop => true, // the last one, and a flood does not hide it
            _ => self.spend_on_other(),
        };
        // A second start that names another stream is worse than lost, and ends the call below.
        if !message.is_of(&self.stream_sid) && !matches!(message.event, Incoming::Start(_)) {
            refuse("other_stream", &"it names another stream");
            return;
        }
        if !matches!(message.event, Incoming::Unknown(_)) {
            self.last_message = now;
        }
        if !within {
            return;
        }
        match message.event {
            Incoming::Media(media) => {
                if media.is_inbound() {
                    self.on_audio(now, &media);
                }
            }
            Incoming::Mark { name } => self.handle(Event::Marked { name: name.into_owned() }),
            Incoming::Dtmf { digit } => self.handle(Event::Dtmf { digit }),
            Incoming::Stop => self.end(EndSignal::Stop),
            Incoming::Start(start) => {
                if start.stream_sid != self.stream_sid || start.call_sid != self.call_sid {
                    refuse("start", &"a second start names another stream or call");
                    self.close(1008, "a second start");
                } else {
                    refuse("start", &"the stream has started already");
                }
            }
            Incoming::Connected => (),
            Incoming::Unknown(name) => tracing::debug!(%name, "an event that this build does not know"),
        }
    }

    fn on_audio(&mut self, now: Instant, media: &twilio::Media) {
        self.look_at_clock(); // as the line was until now
        self.line.on_audio(now, media.length(), media.timestamp_ms());
        let mut ulaw = media.ulaw();
        while let Some(frame) = self.reframer.next(&mut ulaw) {
            self.on_frame(frame);
        }
    }
}
