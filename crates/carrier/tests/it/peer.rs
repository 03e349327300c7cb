//! The carrier's side, as far as the suite needs it.

use http::{HeaderMap, HeaderName};
use redial_carrier::Carrier;
use redial_carrier::control::ApiRequest;
use redial_carrier::line::{Codec, Inbound, LineCommand, LineEvent, Outbound, ReadError, WriteError};
use redial_carrier::webhook::{Document, Request};

/// The call and the stream of most cases.
pub(crate) const CALL: &str = "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f";
pub(crate) const STREAM: &str = "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f";
/// Others.
pub(crate) const OTHER_CALL: &str = "CA00000000000000000000000000000000";
pub(crate) const OTHER_STREAM: &str = "MZ00000000000000000000000000000000";

/// Where webhooks come in.
pub(crate) const URL: &str = "https://gw.example.com/voice";
/// Where streams are opened.
pub(crate) const STREAM_URL: &str = "wss://gw.example.com/media-stream";

/// A message of the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wire {
    Text(String),
    Binary(Vec<u8>),
}

impl Wire {
    pub(crate) fn inbound(&self) -> Inbound<'_> {
        match self {
            Self::Text(text) => Inbound::Text(text),
            Self::Binary(bytes) => Inbound::Binary(bytes),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) => panic!("{} bytes where text was expected", bytes.len()),
        }
    }
}

impl From<Outbound<'_>> for Wire {
    fn from(message: Outbound<'_>) -> Self {
        match message {
            Outbound::Text(text) => Self::Text(text.to_owned()),
            Outbound::Binary(bytes) => Self::Binary(bytes.to_owned()),
        }
    }
}

/// What a message of ours tells the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// To play these, at the carrier's own rate.
    Audio(Vec<i16>),
    Mark(String),
    Clear,
    Words {
        text: String,
        last: bool,
    },
    End,
}

/// What an answer to a webhook tells the peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Connect { stream_url: String, parameters: Vec<(String, String)>, resume_url: String },
    Busy,
    Say(String),
    HangUp,
}

/// A webhook's request.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Hook {
    pub(crate) fn request(&self) -> Request<'_> {
        Request { url: URL, headers: &self.headers, body: &self.body }
    }
}

/// Fields of a webhook, by name.
pub(crate) type Fields = Vec<(String, String)>;

pub(crate) fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A carrier's side of its streams and webhooks: writes what the carrier would, and reads what we send as strictly as it does.
pub(crate) trait Peer {
    /// The guest, which believes this peer's signatures.
    fn carrier(&self) -> Box<dyn Carrier>;

    // A stream

    /// What begins a stream.
    fn start(&self, call: &str, stream: &str, parameters: &[(&str, &str)]) -> Wire;

    /// A key that the caller presses.
    fn key(&self, digit: char) -> Wire;

    /// What ends a stream; `None` where that is the socket's end.
    fn end(&self) -> Option<Wire>;

    /// Playback has reached a mark of ours.
    fn played(&self, mark: &str) -> Wire {
        panic!("no mark, so that {mark} never comes back")
    }

    /// Audio as the carrier writes it, of samples at its rate.
    fn track(&self, samples: &[i16]) -> Vec<u8> {
        panic!("no audio, so that {} samples are never heard", samples.len())
    }

    /// A message with a piece of a track, of any length.
    fn packet(&self, track: &[u8]) -> Wire {
        panic!("no audio, so that {} bytes are never heard", track.len())
    }

    /// What the caller said.
    fn words(&self, text: &str, last: bool) -> Wire {
        panic!("no words, so that {text:?} is never recognised ({last})")
    }

    /// The caller has interrupted us.
    fn interrupted(&self, heard: &str) -> Wire {
        panic!("no words, so that {heard:?} was not heard")
    }

    /// Reads a message of ours. Panics on what the carrier would not take.
    fn read(&self, message: &Wire) -> Told;

    // Webhooks

    /// The header that carries a signature.
    fn signature(&self) -> HeaderName;

    /// A call comes in, or is taken up again.
    fn call(&self, call: &str, from: &str, is_answered: bool) -> Fields;

    /// What the carrier says of a call's state.
    fn status(&self, call: &str, is_over: bool) -> Fields;

    /// A webhook's body.
    fn body(&self, fields: &[(String, String)]) -> Vec<u8>;

    /// A signed request to [`URL`] with this body, whatever it is.
    fn signed(&self, body: Vec<u8>) -> Hook;

    /// A signed request to [`URL`].
    fn hook(&self, fields: &[(String, String)]) -> Hook {
        self.signed(self.body(fields))
    }

    /// The headers of an upgrade to [`STREAM_URL`].
    fn upgrade(&self) -> HeaderMap;

    /// It has an API that takes orders about calls.
    fn takes_orders(&self) -> bool {
        false
    }

    /// The call that an order ends. Panics on what the carrier would not take.
    fn hung_up(&self, request: &ApiRequest) -> String {
        panic!("no orders, so that {:?} does nothing", request.path)
    }

    /// What the carrier answers, with status 400, to an order about a call that is over; `None`: it answers otherwise.
    fn gone(&self) -> Option<Vec<u8>> {
        None
    }

    /// Reads an answer to a webhook. Panics on what the carrier would not follow.
    fn answered(&self, document: &Document) -> Answered;
}

/// Our side of one stream.
pub(crate) struct Line {
    pub(crate) codec: Box<dyn Codec>,
}

impl Line {
    pub(crate) fn new(peer: &dyn Peer) -> Self {
        Self { codec: peer.carrier().codec() }
    }

    /// One that has started.
    pub(crate) fn started(peer: &dyn Peer) -> Self {
        let mut line = Self::new(peer);
        let event = line.event(&peer.start(CALL, STREAM, &[("token", "v1.x")]));
        assert!(matches!(event, LineEvent::Started(_)), "{event:?}");
        line
    }

    pub(crate) fn read(&mut self, message: &Wire) -> Result<LineEvent, ReadError> {
        self.codec.read(message.inbound()).map(|message| message.event)
    }

    pub(crate) fn event(&mut self, message: &Wire) -> LineEvent {
        self.read(message).unwrap_or_else(|error| panic!("{error}: {message:?}"))
    }

    pub(crate) fn try_write(&mut self, command: LineCommand<'_>) -> Result<Vec<Wire>, WriteError> {
        let mut messages = Vec::new();
        self.codec.write(command, &mut |message| messages.push(message.into())).map(|()| messages)
    }

    /// What the peer reads of a command.
    pub(crate) fn told(&mut self, peer: &dyn Peer, command: LineCommand<'_>) -> Vec<Told> {
        self.try_write(command).unwrap().iter().map(|message| peer.read(message)).collect()
    }
}
