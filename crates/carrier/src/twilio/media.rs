//! The messages of Media Streams: tolerant when read, strict when written.
//!
//! Reading takes any order of keys, unknown events and fields, and numbers where the documentation has strings. Writing gives exactly
//! the documented keys: Twilio drops a message with one more or one less, and says so once.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial_call::audio::SAMPLE_RATE_HZ;
use redial_call::{CallId, StreamId};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::sid;

/// Largest message read.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Largest payload read, decoded: two seconds. Twilio sends 160 bytes.
const MAX_PAYLOAD_BYTES: usize = 16 * 1024;
/// Parameters of a `start`.
const MAX_PARAMETERS: usize = 20;
/// Name and value of one: under 500, by Twilio's documentation of `<Stream>`.
const MAX_PARAMETER_CHARS: usize = 499;

/// A message that is not one of the protocol's.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Longer than any message of the protocol.
    #[error("the message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// No JSON object, or not with the documented members. The parser's own words quote the peer's, so that they are not
    /// kept: a parameter may be a token or a number.
    #[error("not a message of Media Streams")]
    Json {
        /// Where in the message, or in its `start`; from 1.
        column: usize,
    },
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

/// A message from the carrier, with what all of them have.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its number on the stream: one more than that of the message before, whatever their events. Without one: `connected`.
    pub sequence_number: Option<u64>,
    /// The stream that it says it belongs to.
    pub stream_sid: Option<Cow<'a, str>>,
    /// What it says.
    pub event: Incoming<'a>,
}

impl Message<'_> {
    /// False when it names another stream. One that names none belongs to its socket's.
    pub fn is_of(&self, stream: &StreamId) -> bool {
        self.stream_sid.as_deref().is_none_or(|named| named == stream.as_str())
    }
}

/// What a message says.
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
    pub stream_sid: StreamId,
    /// The call.
    pub call_sid: CallId,
    parameters: Vec<(String, String)>,
}

impl Start {
    /// The value of a `<Parameter>` of the TwiML.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All parameters, by name.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }
}

/// Audio of one track.
pub struct Media {
    ulaw: Vec<u8>,
    outbound: bool,
    timestamp_ms: Option<u64>,
}

/// Without the audio.
impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Media({} B)", self.ulaw.len())
    }
}

impl Media {
    /// The caller's side, as opposed to an echo of ours.
    pub const fn is_inbound(&self) -> bool {
        !self.outbound
    }

    /// The audio: μ-law, of any length, also none. See [`Reframer`](crate::reframe::Reframer).
    pub fn ulaw(&self) -> &[u8] {
        &self.ulaw
    }

    /// The same, to keep.
    pub fn into_ulaw(self) -> Vec<u8> {
        self.ulaw
    }

    /// Where the audio belongs, in ms since the stream began; the peer's word, if it gave one.
    pub const fn timestamp_ms(&self) -> Option<u64> {
        self.timestamp_ms
    }
}

/// All members of all messages, flat: an internally tagged enum would buffer each message first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(default, deserialize_with = "lenient_number")]
    sequence_number: Option<u64>,
    #[serde(borrow)]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    start: Option<&'a RawValue>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
    #[serde(borrow)]
    dtmf: Option<WireDtmf<'a>>,
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow)]
    track: Option<Text<'a>>,
    #[serde(default, deserialize_with = "lenient_number")]
    timestamp: Option<u64>,
    #[serde(borrow)]
    payload: Text<'a>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct WireDtmf<'a> {
    #[serde(borrow)]
    digit: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStart<'a> {
    #[serde(borrow)]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow)]
    call_sid: Text<'a>,
    #[serde(borrow)]
    media_format: WireFormat<'a>,
    #[serde(borrow)]
    custom_parameters: Option<Parameters<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFormat<'a> {
    #[serde(borrow)]
    encoding: Text<'a>,
    #[serde(deserialize_with = "lenient_number")]
    sample_rate: Option<u64>,
    #[serde(default, deserialize_with = "lenient_number")]
    channels: Option<u64>,
}

/// Reads one message. Media costs one allocation, its audio.
///
/// # Errors
/// Says what is wrong with it; the stream can go on unless [`ParseError::is_fatal`].
pub fn decode(text: &str) -> Result<Message<'_>, ParseError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(ParseError::TooLong);
    }
    let wire: Wire<'_> = from_json(text)?;
    let missing = |name| ParseError::Member { name, reason: "missing".into() };
    let event = match wire.event.0.as_ref() {
        "media" => media(&wire.media.ok_or_else(|| missing("media"))?)?,
        "mark" => Incoming::Mark { name: wire.mark.ok_or_else(|| missing("mark"))?.name.0 },
        "dtmf" => dtmf(&wire.dtmf.ok_or_else(|| missing("dtmf"))?)?,
        "start" => start(wire.start.ok_or_else(|| missing("start"))?, wire.stream_sid.as_ref())?,
        "stop" => Incoming::Stop,
        "connected" => Incoming::Connected,
        _ => Incoming::Unknown(wire.event.0),
    };
    Ok(Message { sequence_number: wire.sequence_number, stream_sid: wire.stream_sid.map(|sid| sid.0), event })
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError::Json { column: error.column() })
}

fn media<'a>(media: &WireMedia<'_>) -> Result<Incoming<'a>, ParseError> {
    let fault = |reason: &'static str| ParseError::Member { name: "media.payload", reason: reason.into() };
    if media.payload.0.len() > MAX_PAYLOAD_BYTES / 3 * 4 {
        return Err(fault("more than 16 kB"));
    }
    let ulaw = STANDARD.decode(media.payload.0.as_bytes()).map_err(|_| fault("not base64"))?;
    let outbound = media.track.as_ref().is_some_and(|track| track.0.starts_with("outbound"));
    Ok(Incoming::Media(Media { ulaw, outbound, timestamp_ms: media.timestamp }))
}

fn dtmf<'a>(dtmf: &WireDtmf<'_>) -> Result<Incoming<'a>, ParseError> {
    let mut chars = dtmf.digit.0.chars();
    match (chars.next().map(|c| c.to_ascii_uppercase()), chars.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(Incoming::Dtmf { digit }),
        _ => Err(ParseError::Member { name: "dtmf.digit", reason: "not a key".into() }),
    }
}

fn start<'a>(raw: &RawValue, outer_stream: Option<&Text<'_>>) -> Result<Incoming<'a>, ParseError> {
    let start: WireStart<'_> = from_json(raw.get())?;
    let fault = |name, reason: String| ParseError::Member { name, reason: reason.into() };
    let format = &start.media_format;
    let rate = format.sample_rate.unwrap_or(0);
    let channels = format.channels.unwrap_or(1);
    if format.encoding.0 != "audio/x-mulaw" || rate != u64::from(SAMPLE_RATE_HZ) || channels != 1 {
        return Err(ParseError::Format(shown(&format.encoding.0, rate, channels)));
    }
    let stream = start.stream_sid.as_ref().or(outer_stream).map_or("", |sid| sid.0.as_ref());
    let stream_sid = sid::stream(stream).map_err(|error| fault("start.streamSid", error.to_string()))?;
    let call_sid = sid::call(&start.call_sid.0).map_err(|error| fault("start.callSid", error.to_string()))?;
    let parameters = start.custom_parameters.map(|Parameters(list)| list).unwrap_or_default();
    if parameters.len() > MAX_PARAMETERS {
        return Err(fault("start.customParameters", format!("more than {MAX_PARAMETERS}")));
    }
    let chars = |(name, value): &(Text<'_>, Text<'_>)| name.0.chars().count() + value.0.chars().count();
    if parameters.iter().any(|pair| chars(pair) > MAX_PARAMETER_CHARS) {
        return Err(fault("start.customParameters", "one is too long".to_owned()));
    }
    let parameters = parameters.into_iter().map(|(name, value)| (name.0.into_owned(), value.0.into_owned())).collect();
    Ok(Incoming::Start(Start { stream_sid, call_sid, parameters }))
}

/// A format in words of ours: what the peer writes in its place may be anything.
fn shown(encoding: &str, rate_hz: u64, channels: u64) -> String {
    const KNOWN: [&str; 5] = ["audio/x-mulaw", "audio/x-alaw", "audio/x-l16", "PCMU", "PCMA"];
    let encoding = KNOWN.iter().find(|known| **known == encoding).unwrap_or(&"another encoding");
    match (rate_hz, channels) {
        (0..=192_000, 0..=8) => format!("{encoding} at {rate_hz} Hz with {channels} channel(s)"),
        _ => format!("{encoding} at a rate that no audio has"),
    }
}

/// A string, or a number in place of one. Borrowed when it has no escapes, inside an `Option` too, which serde's own
/// `Cow` is not.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyText;

        impl<'de> Visitor<'de> for AnyText {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a whole number")
            }

            fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(value.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(value.to_string()))
            }
        }

        from.deserialize_any(AnyText).map(Text)
    }
}

/// `customParameters`, each name once: the reader of the first and of the last would see different tokens.
struct Parameters<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Parameters<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Text<'de>, Text<'de>)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs: Vec<(Text<'de>, Text<'de>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    if pairs.iter().any(|(known, _)| known.0 == name.0) {
                        return Err(de::Error::custom("a parameter twice"));
                    }
                    pairs.push((name, value));
                    if pairs.len() > MAX_PARAMETERS {
                        // Refused by its number later; looking for doubles among thousands would take long.
                        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                    }
                }
                Ok(pairs)
            }
        }

        from.deserialize_map(Pairs).map(Parameters)
    }
}

/// A whole number, written as one or as a string. What is neither is no number: it is informative only.
fn lenient_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
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
pub struct ContainerError(pub(super) &'static str);

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
    pub fn media(&mut self, stream: &StreamId, ulaw: &[u8]) -> Result<&str, ContainerError> {
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
    pub fn mark(&mut self, stream: &StreamId, name: &str) -> &str {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{name:?} would need escaping");
        self.begin("mark", stream);
        self.text.push_str(r#","mark":{"name":""#);
        self.text.push_str(name);
        self.text.push_str(r#""}}"#);
        &self.text
    }

    /// A `clear` message.
    pub fn clear(&mut self, stream: &StreamId) -> &str {
        self.begin("clear", stream);
        self.text.push('}');
        &self.text
    }

    fn begin(&mut self, event: &str, stream: &StreamId) {
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
