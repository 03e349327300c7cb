//! The messages of Media Streams: tolerant when read, strict when written.
//!
//! Reading takes any order of keys, unknown events and fields, and numbers where the documentation has strings. Writing gives exactly
//! the documented keys: Twilio drops a message with one more or one less, and says so once.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial_call::audio::{FRAME_BYTES, SAMPLE_RATE_HZ};
use redial_call::{CallSid, Frame, StreamSid};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

/// Largest message read.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Largest payload read, decoded: two seconds. Twilio sends 160 bytes.
const MAX_PAYLOAD_BYTES: usize = 16 * 1024;
/// Parameters of a `start`.
const MAX_PARAMETERS: usize = 20;
/// Name and value of one.
const MAX_PARAMETER_CHARS: usize = 500;

/// A message that is not one of the protocol's.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Longer than any message of the protocol.
    #[error("the message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// No JSON object, or not with the documented members.
    #[error("not a message of Media Streams")]
    Json(#[source] serde_json::Error),
    /// A member is missing or wrong.
    #[error("{name}: {reason}")]
    Member {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The audio is not what this gateway understands.
    #[error("mediaFormat: {0} is not audio/x-mulaw at {SAMPLE_RATE_HZ} Hz with 1 channel")]
    Format(String),
}

impl ParseError {
    /// True for a `start` with which no call can go on.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Format(_))
    }
}

/// A message from the carrier.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// The socket is open.
    Connected,
    /// The stream begins.
    Start(Start),
    /// 20 ms of audio, usually.
    Media(Media),
    /// Playback has reached a mark of ours, or `clear` flushed it.
    Mark {
        /// The mark's name.
        name: Cow<'a, str>,
    },
    /// The caller pressed a key.
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// The stream is over.
    Stop,
    /// Something newer than this build.
    Unknown(Cow<'a, str>),
}

/// The stream begins: whose it is.
#[derive(Debug, Clone)]
pub struct Start {
    /// The stream, to be named in every message back.
    pub stream_sid: StreamSid,
    /// The call.
    pub call_sid: CallSid,
    parameters: Vec<(String, String)>,
}

impl Start {
    /// The value of a `<Parameter>` of the TwiML.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The names of all parameters.
    pub fn parameter_names(&self) -> Vec<String> {
        self.parameters.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Audio of one track.
#[derive(Debug)]
pub struct Media {
    /// The message's number on its stream; grows by one.
    pub sequence_number: Option<u64>,
    ulaw: Vec<u8>,
    outbound: bool,
}

impl Media {
    /// The caller's side, as opposed to an echo of ours.
    pub const fn is_inbound(&self) -> bool {
        !self.outbound
    }

    /// The audio in frames; the last one filled up with silence.
    pub fn frames(&self) -> impl Iterator<Item = Frame> + '_ {
        self.ulaw.chunks(FRAME_BYTES).map(Frame::padded)
    }
}

/// All members of all messages, flat: an internally tagged enum would buffer each message first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, deserialize_with = "lenient_number")]
    sequence_number: Option<u64>,
    #[serde(borrow, default)]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow, default)]
    start: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mark: Option<WireMark<'a>>,
    #[serde(borrow, default)]
    dtmf: Option<WireDtmf<'a>>,
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow, default)]
    track: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireDtmf<'a> {
    #[serde(borrow)]
    digit: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStart {
    #[serde(default)]
    stream_sid: Option<String>,
    call_sid: String,
    media_format: WireFormat,
    #[serde(default)]
    custom_parameters: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFormat {
    encoding: String,
    #[serde(deserialize_with = "lenient_number")]
    sample_rate: Option<u64>,
    #[serde(default, deserialize_with = "lenient_number")]
    channels: Option<u64>,
}

/// Reads one message.
///
/// # Errors
/// Says what is wrong with it; the stream can go on unless [`ParseError::is_fatal`].
pub fn decode(text: &str) -> Result<Incoming<'_>, ParseError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(ParseError::TooLong);
    }
    let wire: Wire<'_> = serde_json::from_str(text).map_err(ParseError::Json)?;
    let missing = |name| ParseError::Member { name, reason: "missing".into() };
    Ok(match wire.event.as_ref() {
        "media" => media(wire.media.ok_or_else(|| missing("media"))?, wire.sequence_number)?,
        "mark" => Incoming::Mark { name: wire.mark.ok_or_else(|| missing("mark"))?.name },
        "dtmf" => dtmf(&wire.dtmf.ok_or_else(|| missing("dtmf"))?)?,
        "start" => start(wire.start.ok_or_else(|| missing("start"))?, wire.stream_sid.as_deref())?,
        "stop" => Incoming::Stop,
        "connected" => Incoming::Connected,
        _ => Incoming::Unknown(wire.event),
    })
}

fn media<'a>(media: WireMedia<'_>, sequence_number: Option<u64>) -> Result<Incoming<'a>, ParseError> {
    let fault = |reason: &'static str| ParseError::Member { name: "media.payload", reason: reason.into() };
    if media.payload.len() > MAX_PAYLOAD_BYTES / 3 * 4 {
        return Err(fault("more than 16 kB"));
    }
    let ulaw = STANDARD.decode(media.payload.as_bytes()).map_err(|_| fault("not base64"))?;
    let outbound = media.track.is_some_and(|track| track.starts_with("outbound"));
    Ok(Incoming::Media(Media { sequence_number, ulaw, outbound }))
}

fn dtmf<'a>(dtmf: &WireDtmf<'_>) -> Result<Incoming<'a>, ParseError> {
    let mut chars = dtmf.digit.chars();
    match (chars.next().map(|c| c.to_ascii_uppercase()), chars.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(Incoming::Dtmf { digit }),
        _ => Err(ParseError::Member { name: "dtmf.digit", reason: "not a key".into() }),
    }
}

fn start<'a>(raw: &RawValue, outer_stream: Option<&str>) -> Result<Incoming<'a>, ParseError> {
    let start: WireStart = serde_json::from_str(raw.get()).map_err(ParseError::Json)?;
    let fault = |name, reason: String| ParseError::Member { name, reason: reason.into() };
    let format = &start.media_format;
    let rate = format.sample_rate.unwrap_or(0);
    let channels = format.channels.unwrap_or(1);
    if format.encoding != "audio/x-mulaw" || rate != u64::from(SAMPLE_RATE_HZ) || channels != 1 {
        let encoding: String = format.encoding.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(ParseError::Format(format!("{encoding} at {rate} Hz with {channels} channel(s)")));
    }
    let stream = start.stream_sid.as_deref().or(outer_stream).unwrap_or_default();
    let stream_sid =
        stream.parse().map_err(|error: redial_call::IdError| fault("start.streamSid", error.to_string()))?;
    let call_sid =
        start.call_sid.parse().map_err(|error: redial_call::IdError| fault("start.callSid", error.to_string()))?;
    let parameters = start.custom_parameters.unwrap_or_default();
    if parameters.len() > MAX_PARAMETERS {
        return Err(fault("start.customParameters", format!("more than {MAX_PARAMETERS}")));
    }
    let parameters = parameters
        .into_iter()
        .map(|(name, value)| match value {
            serde_json::Value::String(value) if name.len() + value.len() <= MAX_PARAMETER_CHARS => Ok((name, value)),
            serde_json::Value::String(_) => Err(fault("start.customParameters", "one is too long".to_owned())),
            _ => Err(fault("start.customParameters", "one is not a string".to_owned())),
        })
        .collect::<Result<_, _>>()?;
    Ok(Incoming::Start(Start { stream_sid, call_sid, parameters }))
}

/// A whole number, written as one or as a string. What is neither is no number: it is informative only.
fn lenient_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    struct Number;

    impl<'de> Visitor<'de> for Number {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number or a string")
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
            Ok(value.parse().ok())
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    from.deserialize_any(Number)
}

/// Audio that the carrier would play as noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audio begins with a {0} header: it is a file, not bare μ-law")]
pub struct ContainerError(&'static str);

/// Writes messages into a buffer that is kept between them.
#[derive(Debug, Default)]
pub struct Encoder {
    text: String,
}

impl Encoder {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A `media` message with μ-law audio of any length.
    ///
    /// # Errors
    /// When the audio is a file with a header.
    pub fn media(&mut self, stream: &StreamSid, ulaw: &[u8]) -> Result<&str, ContainerError> {
        for (magic, name) in [(b"RIFF", "RIFF"), (b"OggS", "Ogg"), (b"fLaC", "FLAC")] {
            if ulaw.starts_with(magic) {
                return Err(ContainerError(name));
            }
        }
        if ulaw.starts_with(b"ID3") {
            return Err(ContainerError("ID3"));
        }
        self.begin("media", stream);
        self.text.push_str(r#","media":{"payload":""#);
        STANDARD.encode_string(ulaw, &mut self.text);
        self.text.push_str(r#""}}"#);
        Ok(&self.text)
    }

    /// A `mark` message. Names of ours are short and plain.
    pub fn mark(&mut self, stream: &StreamSid, name: &str) -> &str {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{name:?} would need escaping");
        self.begin("mark", stream);
        self.text.push_str(r#","mark":{"name":""#);
        self.text.push_str(name);
        self.text.push_str(r#""}}"#);
        &self.text
    }

    /// A `clear` message.
    pub fn clear(&mut self, stream: &StreamSid) -> &str {
        self.begin("clear", stream);
        self.text.push('}');
        &self.text
    }

    fn begin(&mut self, event: &str, stream: &StreamSid) {
        self.text.clear();
        self.text.push_str(r#"{"event":""#);
        self.text.push_str(event);
        self.text.push_str(r#"","streamSid":""#);
        self.text.push_str(stream.as_str()); // two letters and hex digits
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests;
