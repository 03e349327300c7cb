//! The line of a call, whatever its carrier: what comes over its socket, and what is sent.
//!
//! Inside there is only 8 kHz μ-law; whatever else a carrier has is converted in its [`Codec`].

use std::time::Duration;

use redial_call::audio::duration_of;
use redial_call::{CallId, StreamId};

/// How a carrier's stream is made. Data, so that nobody asks for a carrier's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What flows.
    pub medium: Medium,
    /// Marks come back once the audio before them has been played. Without them the clock alone tells what was heard.
    pub marks: bool,
    /// Audio that was sent and not played yet can be taken back. Without it little is sent ahead.
    pub clear: bool,
}

/// What flows over a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Audio, in this form on the wire.
    Audio(AudioFormat),
    /// Words: the carrier recognises and speaks.
    Words,
}

/// Audio on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// How a sample is written.
    pub encoding: Encoding,
    /// Samples a second.
    pub rate_hz: u32,
    /// How much audio one message carries, usually.
    pub frame: Duration,
}

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// G.711 μ-law, 8 bits.
    Mulaw,
    /// Linear, 16 bits, little-endian.
    L16,
}

/// A message of the socket, as it came.
#[derive(Debug, Clone, Copy)]
pub enum Inbound<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// A message for the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbound<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What a message says, and its number.
#[derive(Debug)]
pub struct Message {
    /// Its number on the stream, where the carrier counts: one more than that of the message before.
    pub sequence_number: Option<u64>,
    /// What it says.
    pub event: LineEvent,
}

/// What happens on a line.
#[derive(Debug)]
pub enum LineEvent {
    /// The socket is open; the stream has not begun.
    Connected,
    /// The stream begins.
    Started(Started),
    /// The caller, or an echo of us, is heard.
    Audio(Audio),
    /// Playback has reached a mark of ours, or dropped it with the audio that was taken back.
    Played {
        /// The mark's name.
        mark: String,
    },
    /// The caller pressed a key.
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// What the caller said, by the carrier's own recogniser.
    Words {
        /// The words of this turn so far; each replaces those before.
        text: String,
        /// The turn is over.
        last: bool,
    },
    /// The caller spoke over us, and the carrier has stopped.
    Interrupted {
        /// What of our words was heard until then.
        heard: String,
    },
    /// The stream is over.
    Stopped,
    /// Something newer than this build.
    Unknown(String),
}

/// A stream begins: whose it is.
#[derive(Clone)]
pub struct Started {
    /// The stream.
    pub stream: StreamId,
    /// The call.
    pub call: CallId,
    /// What the answer to the webhook had the carrier say back, by name.
    pub parameters: Vec<(String, String)>,
}

impl Started {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Keeps this as the start of a stream that has not started.
    ///
    /// # Errors
    /// When it has: by this start again, or by another one.
    pub fn begin(&self, stream: &mut Option<Self>) -> Result<(), ReadError> {
        match stream {
            Some(known) if known.stream == self.stream && known.call == self.call => Err(ReadError::SecondStart),
            Some(_) => Err(ReadError::OtherStart),
            None => {
                *stream = Some(self.clone());
                Ok(())
            }
        }
    }

    /// The names of all parameters.
    pub fn parameter_names(&self) -> Vec<String> {
        self.parameters.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Without the parameters' values: one of them is a token.
impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Started({} of {}, {:?})", self.stream, self.call, self.parameter_names())
    }
}

/// Audio of one track.
pub struct Audio {
    /// 8 kHz μ-law of any length, also none. See [`Reframer`](crate::reframe::Reframer).
    pub ulaw: Vec<u8>,
    /// The caller's side, as opposed to an echo of ours.
    pub inbound: bool,
    /// Where the audio belongs, in ms since the stream began; the peer's word, if it gave one.
    pub timestamp_ms: Option<u64>,
}

impl Audio {
    /// How long it lasts.
    pub fn length(&self) -> Duration {
        duration_of(self.ulaw.len() as u64)
    }
}

/// Without the audio.
impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Audio({} B)", self.ulaw.len())
    }
}

/// What is sent over a line.
#[derive(Debug, Clone, Copy)]
pub enum LineCommand<'a> {
    /// Play this after what was sent before: 8 kHz μ-law of any length.
    Audio(&'a [u8]),
    /// Tell us when all that was sent before has been played. The name is letters, digits and dots.
    Mark(&'a str),
    /// Nothing follows for now: send what was held back to fill a frame.
    Flush,
    /// Drop what has not been played, and what was held back.
    Clear,
    /// Speak this.
    Words {
        /// A sentence, or a piece of one.
        text: &'a str,
        /// Our turn is over with it.
        last: bool,
    },
    /// The call is over. The socket is closed next, which is all that most carriers want.
    End,
}

/// Why a message is not taken. No text repeats what the peer sent: it may be a token or a number.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No message of this carrier's protocol.
    #[error("{0}")]
    Undecodable(Box<dyn std::error::Error + Send + Sync>),
    /// A stream begins in a way that no call can go on with.
    #[error("{0}")]
    Unusable(Box<dyn std::error::Error + Send + Sync>),
    /// Text where the protocol has bytes, or the other way round.
    #[error("the protocol has {0} messages only")]
    Kind(&'static str),
    /// It names another stream.
    #[error("it names another stream")]
    OtherStream,
    /// A second start.
    #[error("the stream has started already")]
    SecondStart,
    /// A second start that names another stream or call.
    #[error("a second start names another stream or call")]
    OtherStart,
}

impl ReadError {
    /// What kind of message it was, as a metric's label.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::Unusable(_) | Self::SecondStart | Self::OtherStart => "start",
            Self::Kind(_) => "binary",
            Self::OtherStream => "other_stream",
        }
    }
}

/// Why something cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WriteError(pub &'static str);

impl WriteError {
    /// Nothing is sent before the stream's start.
    pub const NOT_STARTED: Self = Self("the stream has not started");
}

/// One stream's messages, read and written. Knows the stream from its [`Started`] on.
pub trait Codec: Send {
    /// How the stream is made.
    fn capabilities(&self) -> Capabilities;

    /// Reads a message.
    ///
    /// # Errors
    /// Says why it is not taken; the stream can go on unless that is [`ReadError::Unusable`] or [`ReadError::OtherStart`].
    fn read(&mut self, message: Inbound<'_>) -> Result<Message, ReadError>;

    /// Writes a command as messages, in order: none where the carrier has no such thing, or where audio does not fill a frame yet.
    ///
    /// # Errors
    /// When the stream has not started, or the carrier would not take it, such as audio with a file's header.
    fn write(&mut self, command: LineCommand<'_>, send: &mut dyn FnMut(Outbound<'_>)) -> Result<(), WriteError>;
}
