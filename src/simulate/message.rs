//! The messages of a media stream from the carrier's side: written as Twilio writes them, read as strictly as it reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial_call::audio::SAMPLE_RATE_HZ;
use serde_json::{Map, Value, json};

use super::report::WarningCode;

/// A message of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// μ-law to be played.
    Media(Vec<u8>),
    /// Say when the audio before this was played.
    Mark(String),
    /// Stop playing.
    Clear,
}

/// A message that Twilio drops, with warning 31951.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invalid(String);

impl Invalid {
    /// What to report.
    pub(super) fn into_warning(self) -> (WarningCode, String) {
        (WarningCode::InvalidMessage, self.0)
    }
}

impl Message {
    /// Reads a message of the stream; a member that is missing, superfluous or of another type makes it invalid.
    pub(super) fn read(text: &str, stream_sid: &str) -> Result<Self, Invalid> {
        let value: Value = serde_json::from_str(text).map_err(|error| Invalid(format!("not JSON: {error}")))?;
        Self::from_value(&value, stream_sid)
    }

    /// The same for a message that is JSON already.
    pub(super) fn from_value(value: &Value, stream_sid: &str) -> Result<Self, Invalid> {
        let event = text_of(value.get("event"), "event")?;
        let kind = match event {
            "media" | "mark" => &["event", "streamSid", event][..],
            "clear" => &["event", "streamSid"],
            _ => return Err(Invalid(format!("event {event:?} is unknown"))),
        };
        let message = members(Some(value), event, kind)?;
        if text_of(message.get("streamSid"), "streamSid")? != stream_sid {
            return Err(Invalid(format!("{event}: streamSid is of another stream")));
        }
        match event {
            "media" => {
                let media = members(message.get("media"), "media", &["payload"])?;
                let payload = text_of(media.get("payload"), "media.payload")?;
                let ulaw = STANDARD.decode(payload).map_err(|error| Invalid(format!("media.payload: {error}")))?;
                match container(&ulaw) {
                    Some(name) => Err(Invalid(format!("media.payload: a {name} file, not bare μ-law"))),
                    None => Ok(Self::Media(ulaw)),
                }
            }
            "mark" => {
                let mark = members(message.get("mark"), "mark", &["name"])?;
                Ok(Self::Mark(text_of(mark.get("name"), "mark.name")?.to_owned()))
            }
            _ => Ok(Self::Clear),
        }
    }
}

fn members<'a>(value: Option<&'a Value>, name: &str, expected: &[&str]) -> Result<&'a Map<String, Value>, Invalid> {
    let object = value.and_then(Value::as_object).ok_or_else(|| Invalid(format!("{name} is no object")))?;
    if let Some(extra) = object.keys().find(|key| !expected.contains(&key.as_str())) {
        return Err(Invalid(format!("{name} has a member too many: {extra:?}")));
    }
    match expected.iter().find(|key| !object.contains_key(**key)) {
        Some(missing) => Err(Invalid(format!("{name} has no {missing:?}"))),
        None => Ok(object),
    }
}

fn text_of<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a str, Invalid> {
    value.and_then(Value::as_str).ok_or_else(|| Invalid(format!("{name} is no string")))
}

/// Audio files start with these; played as μ-law, their headers are a crack, and compressed ones noise.
fn container(payload: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], _); 4] = [(b"RIFF", "WAV"), (b"ID3", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC")];
    starts.into_iter().find_map(|(start, name)| payload.starts_with(start).then_some(name))
}

/// Writes the messages of one stream, and numbers them.
#[derive(Debug)]
pub(super) struct Writer {
    account_sid: String,
    call_sid: String,
    stream_sid: String,
    sequence_number: u64,
    chunk: u64,
}

impl Writer {
    pub(super) fn new(account_sid: &str, call_sid: &str, stream_sid: &str) -> Self {
        Self {
            account_sid: account_sid.to_owned(),
            call_sid: call_sid.to_owned(),
            stream_sid: stream_sid.to_owned(),
            sequence_number: 0,
            chunk: 0,
        }
    }

    /// The stream's id, which the gateway has to name.
    pub(super) fn stream_sid(&self) -> &str {
        &self.stream_sid
    }

    /// The first message, which belongs to no stream yet.
    pub(super) fn connected() -> Value {
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    }

    pub(super) fn start(&mut self, parameters: &[(String, String)]) -> Value {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let start = json!({
            "streamSid": self.stream_sid,
            "accountSid": self.account_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE_HZ, "channels": 1},
            "customParameters": parameters,
        });
        self.numbered("start", start)
    }

    /// `timestamp_ms` counts from the start of the stream.
    pub(super) fn media(&mut self, timestamp_ms: u128, ulaw: &[u8]) -> Value {
        self.chunk += 1;
        let media = json!({
            "track": "inbound",
            "chunk": self.chunk.to_string(),
            "timestamp": timestamp_ms.to_string(),
            "payload": STANDARD.encode(ulaw),
        });
        self.numbered("media", media)
    }

    pub(super) fn mark(&mut self, name: &str) -> Value {
        self.numbered("mark", json!({"name": name}))
    }

    pub(super) fn dtmf(&mut self, digit: char) -> Value {
        self.numbered("dtmf", json!({"track": "inbound_track", "digit": digit.to_string()}))
    }

    pub(super) fn stop(&mut self) -> Value {
        let stop = json!({"accountSid": self.account_sid, "callSid": self.call_sid});
        self.numbered("stop", stop)
    }

    fn numbered(&mut self, event: &str, body: Value) -> Value {
        self.sequence_number += 1;
        let number = self.sequence_number.to_string();
        json!({"event": event, "sequenceNumber": number, "streamSid": self.stream_sid, event: body})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Message, String> {
        Message::read(text, "MZ1").map_err(|Invalid(reason)| reason)
    }

    #[test]
    fn the_three_documented_messages_are_read() {
        let media = r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}"#;
        assert_eq!(read(media), Ok(Message::Media(vec![0xff, 0xff])));
        let mark = r#"{"mark":{"name":"u1"},"streamSid":"MZ1","event":"mark"}"#;
        assert_eq!(read(mark), Ok(Message::Mark("u1".to_owned())));
        assert_eq!(read(r#"{"event":"clear","streamSid":"MZ1"}"#), Ok(Message::Clear));
    }

    #[test]
    fn anything_else_is_dropped_with_a_reason() {
        for (text, part) in [
            ("hello", "not JSON"),
            ("[]", "event is no string"),
            (r#"{"event":"stop","streamSid":"MZ1"}"#, "\"stop\" is unknown"),
            (r#"{"event":"clear"}"#, "no \"streamSid\""),
            (r#"{"event":"clear","streamSid":"CA1"}"#, "another stream"),
            (r#"{"event":"clear","streamSid":"MZ1","x":1}"#, "too many: \"x\""),
            (r#"{"event":"mark","streamSid":"MZ1"}"#, "no \"mark\""),
            (r#"{"event":"mark","streamSid":"MZ1","mark":{"name":7}}"#, "mark.name is no string"),
            (r#"{"event":"mark","streamSid":"MZ1","mark":"u1"}"#, "mark is no object"),
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8=","track":"outbound"}}"#, "\"track\""),
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"?"}}"#, "media.payload"),
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"UklGRgAA"}}"#, "WAV"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn messages_of_all_kinds_share_one_count_and_media_have_their_own() {
        let mut writer = Writer::new("AC1", "CA1", "MZ1");
        let parameters = [("token".to_owned(), "t".to_owned())];
        assert_eq!(writer.start(&parameters)["start"]["customParameters"]["token"], "t");
        assert_eq!(writer.media(20, &[0xff])["sequenceNumber"], "2");
        assert_eq!(writer.mark("u1")["sequenceNumber"], "3");
        let media = writer.media(40, &[0xff]);
        let expected = json!({"event": "media", "sequenceNumber": "4", "streamSid": "MZ1",
            "media": {"track": "inbound", "chunk": "2", "timestamp": "40", "payload": "/w=="}});
        assert_eq!(media, expected);
        assert_eq!(writer.dtmf('#')["dtmf"]["digit"], "#");
        assert_eq!(writer.stop()["sequenceNumber"], "6");
    }
}
