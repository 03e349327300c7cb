//! A carrier of wide audio: 16 kHz linear in binary messages of 20 ms, no marks. It frames as Vonage does.
//!
//! ```text
//! ▶ {"event":"websocket:connected","content-type":"audio/l16;rate=16000","call":"…","stream":"…","token":"…"}
//! ▶ 640 bytes of audio, again and again                          ◀ 640 bytes of audio
//! ▶ {"event":"websocket:dtmf","digit":"5"}                       ◀ {"action":"clear"}
//! ```
//!
//! The parameters stand beside the carrier's own members in the first message. The stream is over when the socket is closed.

use std::time::Duration;

use http::HeaderName;
use redial_call::audio;

use super::hooks::SignedJson;
use super::members::{Members, ParseError};
use super::orders::Orders;
use crate::carrier::Carrier;
use crate::control::Control;
use crate::line::{
    Audio, AudioFormat, Capabilities, Codec, Encoding, Inbound, LineCommand, LineEvent, Medium, Message, Outbound,
    ReadError, Started, WriteError,
};
use crate::resample::{Doubler, Halver};
use crate::webhook::Webhook;

/// The header that carries a signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-wideband-signature");
/// What a stream carries.
pub const CONTENT_TYPE: &str = "audio/l16;rate=16000";
/// Samples a second.
const RATE_HZ: u32 = 16_000;
/// 20 ms: each message that is sent has exactly so many.
pub const FRAME_BYTES: usize = 640;
/// Most audio in a message that is read: two seconds.
const MAX_AUDIO_BYTES: usize = 64_000;
/// The first message's own members.
const OWN_MEMBERS: [&str; 4] = ["event", "content-type", "call", "stream"];

/// The carrier.
pub struct Wideband {
    hooks: SignedJson,
    orders: Option<Orders>,
}

impl Wideband {
    /// Believes who signs with `key`.
    pub fn new(key: &[u8]) -> Self {
        Self { hooks: SignedJson::new(SIGNATURE, key, CONTENT_TYPE, &OWN_MEMBERS), orders: None }
    }

    /// The same, with an API that takes orders.
    #[must_use]
    pub fn with_orders(self, orders: Orders) -> Self {
        Self { orders: Some(orders), ..self }
    }
}

impl Carrier for Wideband {
    fn name(&self) -> &'static str {
        "wideband"
    }

    fn webhook(&self) -> &dyn Webhook {
        &self.hooks
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(WidebandStream::default())
    }

    fn control(&self) -> Option<&dyn Control> {
        self.orders.as_ref().map(|orders| orders as &dyn Control)
    }
}

/// One stream.
#[derive(Debug, Default)]
pub struct WidebandStream {
    started: Option<Started>,
    ears: Halver,
    /// The first half of a sample that a message was cut in.
    half: Option<u8>,
    voice: Doubler,
    /// What was doubled and is not sent yet: less than a frame between two commands.
    rest: Vec<u8>,
    /// Between two steps of the same command, kept for its room.
    samples: Vec<i16>,
}

impl WidebandStream {
    fn on_text(&mut self, text: &str) -> Result<LineEvent, ParseError> {
        let message = Members::parse(text)?;
        Ok(match message.text("event") {
            "websocket:connected" => {
                if message.text("content-type") != CONTENT_TYPE {
                    return Err(ParseError::Format(CONTENT_TYPE));
                }
                LineEvent::Started(Started {
                    stream: message.id("stream")?,
                    call: message.id("call")?,
                    parameters: message.parameters(&OWN_MEMBERS)?,
                })
            }
            "websocket:dtmf" => LineEvent::Dtmf { digit: message.digit()? },
            "" => return Err(ParseError::Member("event")),
            other => LineEvent::Unknown(other.to_owned()),
        })
    }

    fn on_audio(&mut self, bytes: &[u8]) -> Result<LineEvent, ParseError> {
        if bytes.len() > MAX_AUDIO_BYTES {
            return Err(ParseError::Audio("a message's audio"));
        }
        let mut bytes = self.half.take().into_iter().chain(bytes.iter().copied());
        let mut samples = Vec::with_capacity(bytes.size_hint().0 / 2);
        while let Some(low) = bytes.next() {
            match bytes.next() {
                Some(high) => samples.push(i16::from_le_bytes([low, high])),
                None => self.half = Some(low),
            }
        }
        self.samples.clear();
        self.ears.push(samples, &mut self.samples);
        let ulaw = self.samples.iter().map(|sample| audio::encode(*sample)).collect();
        Ok(LineEvent::Audio(Audio { ulaw, inbound: true, timestamp_ms: None }))
    }

    /// Sends the whole frames of what was doubled.
    fn send_frames(&mut self, send: &mut dyn FnMut(Outbound<'_>)) {
        self.rest.extend(self.samples.drain(..).flat_map(i16::to_le_bytes));
        let mut frames = self.rest.chunks_exact(FRAME_BYTES);
        for frame in &mut frames {
            send(Outbound::Binary(frame));
        }
        let sent = self.rest.len() - frames.remainder().len();
        self.rest.drain(..sent);
    }
}

impl Codec for WidebandStream {
    fn capabilities(&self) -> Capabilities {
        let frame = Duration::from_millis(20);
        let format = AudioFormat { encoding: Encoding::L16, rate_hz: RATE_HZ, frame };
        Capabilities { medium: Medium::Audio(format), marks: false, clear: true }
    }

    fn read(&mut self, message: Inbound<'_>) -> Result<Message, ReadError> {
        let event = match message {
            Inbound::Text(text) => self.on_text(text)?,
            Inbound::Binary(bytes) => self.on_audio(bytes)?,
        };
        if let LineEvent::Started(start) = &event {
            start.begin(&mut self.started)?;
        }
        Ok(Message { sequence_number: None, event })
    }

    fn write(&mut self, command: LineCommand<'_>, send: &mut dyn FnMut(Outbound<'_>)) -> Result<(), WriteError> {
        if self.started.is_none() {
            return Err(WriteError::NOT_STARTED);
        }
        self.samples.clear();
        match command {
            LineCommand::Audio(ulaw) => {
                self.voice.push(ulaw.iter().map(|byte| audio::decode(*byte)), &mut self.samples);
                self.send_frames(send);
            }
            LineCommand::Flush => {
                self.voice.finish(&mut self.samples);
                self.send_frames(send);
                if !self.rest.is_empty() {
                    self.rest.resize(FRAME_BYTES, 0);
                    send(Outbound::Binary(&self.rest));
                    self.rest.clear();
                }
            }
            LineCommand::Clear => {
                self.voice.clear();
                self.rest.clear();
                send(Outbound::Text(r#"{"action":"clear"}"#));
            }
            // There are no marks, and whoever closes the socket ends the call.
            LineCommand::Mark(_) | LineCommand::End | LineCommand::Words { .. } => (),
        }
        Ok(())
    }
}
