//! The file of a recorded call: one JSON object a line, audio abbreviated. Reading it gives each message in full, with its time.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial_call::Frame;
use redial_call::audio::{FRAME_BYTES, FRAME_DURATION, SILENCE};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulate::playback::Marks;

/// Longest payload that an abbreviation may stand for: a minute.
const MAX_PAYLOAD_BYTES: usize = 480_000;
/// Most frames that one line may stand for: an hour.
const MAX_ELIDED_FRAMES: u32 = 180_000;

/// A recorded call, ready to be played.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) from: String,
    pub(super) marks: Marks,
    /// The call's id in the file, which each replay replaces.
    pub(super) call_sid: String,
    /// The stream's.
    pub(super) stream_sid: String,
    pub(super) cues: Vec<Cue>,
}

/// What the carrier does at a time, counted from the upgrade.
#[derive(Debug, PartialEq)]
pub(super) struct Cue {
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug, PartialEq)]
pub(super) enum What {
    Send(Value),
    Close(u16),
    ReportStatus(String),
}

/// A line that cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RecordingError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
struct Header {
    from: String,
    #[serde(default)]
    marks: MarksName,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum MarksName {
    #[default]
    Auto,
    Never,
    AtOnce,
}

/// All that a line may have, flat; which members are there decides what it is.
#[derive(Deserialize)]
struct Line {
    t: Option<u64>,
    dir: Option<String>,
    f: Option<Value>,
    ws_close: Option<u16>,
    post: Option<String>,
    #[serde(rename = "CallStatus")]
    call_status: Option<String>,
    elided_media_frames: Option<u32>,
    wav: Option<String>,
}

impl Recording {
    /// Reads a file. `audio` gives the μ-law of a name.
    pub(super) fn read(text: &str, audio: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Self, RecordingError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let no_header = || RecordingError { line: 1, reason: "no header".to_owned() };
        let (index, header) = lines.next().ok_or_else(no_header)?;
        let header: Header = parse(index, header)?;
        let marks = match header.marks {
            MarksName::Auto => Marks::Auto,
            MarksName::Never => Marks::Never,
            MarksName::AtOnce => Marks::AtOnce,
        };
        let mut reader = Reader::default();
        for (index, line) in lines {
            let line = parse(index, line)?;
            reader.line(line, &audio).map_err(|reason| RecordingError { line: index + 1, reason })?;
        }
        let sid = |name: &str| {
            let start = reader.cues.iter().find_map(|cue| match &cue.what {
                What::Send(message) => message.get("start"),
                What::Close(_) | What::ReportStatus(_) => None,
            });
            start.and_then(|start| start.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (call_sid, stream_sid) = (sid("callSid"), sid("streamSid"));
        Ok(Self { from: header.from, marks, call_sid, stream_sid, cues: reader.cues })
    }
}

fn parse<'a, T: Deserialize<'a>>(index: usize, line: &'a str) -> Result<T, RecordingError> {
    serde_json::from_str(line).map_err(|error| RecordingError { line: index + 1, reason: error.to_string() })
}

/// Where the file is up to: elided frames go on from here.
#[derive(Default)]
struct Reader {
    cues: Vec<Cue>,
    at: Duration,
    stream_sid: Value,
    sequence_number: Value,
    chunk: Value,
    timestamp: Value,
    speech: Option<Speech>,
}

/// Named audio that is being said.
struct Speech {
    name: String,
    ulaw: Vec<u8>,
    said: usize,
}

impl Reader {
    fn line(&mut self, line: Line, audio: &impl Fn(&str) -> Option<Vec<u8>>) -> Result<(), String> {
        if line.dir.as_deref() == Some("G>T") {
            // What the gateway did when this was recorded; documentation.
            return Ok(());
        }
        if let Some(frames) = line.elided_media_frames {
            return self.elided(frames, line.wav, audio);
        }
        self.at = Duration::from_millis(line.t.ok_or("no t")?);
        let what = match line {
            Line { f: Some(message), .. } => What::Send(self.message(message)?),
            Line { ws_close: Some(code), .. } => What::Close(code),
            Line { post: Some(post), call_status: Some(status), .. } if post == "status" => What::ReportStatus(status),
            _ => return Err("neither a message nor a close nor a status".to_owned()),
        };
        self.cues.push(Cue { at: self.at, what });
        Ok(())
    }

    fn message(&mut self, mut message: Value) -> Result<Value, String> {
        let keep = |at: &mut Value, found: Option<&Value>| {
            if let Some(found) = found {
                at.clone_from(found);
            }
        };
        keep(&mut self.stream_sid, message.get("streamSid"));
        keep(&mut self.sequence_number, message.get("sequenceNumber"));
        if let Some(media) = message.get_mut("media").and_then(Value::as_object_mut) {
            keep(&mut self.chunk, media.get("chunk"));
            keep(&mut self.timestamp, media.get("timestamp"));
            expand_payload(media)?;
        }
        Ok(message)
    }

    fn elided(
        &mut self,
        frames: u32,
        wav: Option<String>,
        audio: &impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<(), String> {
        if frames > MAX_ELIDED_FRAMES {
            return Err(format!("{frames} frames are more than an hour"));
        }
        match wav {
            Some(name) if self.speech.as_ref().is_some_and(|speech| speech.name == name) => (),
            Some(name) => {
                let ulaw = audio(&name).ok_or_else(|| format!("no audio is called {name:?}"))?;
                self.speech = Some(Speech { name, ulaw, said: 0 });
            }
            None => self.speech = None,
        }
        for _ in 0..frames {
            self.at += FRAME_DURATION;
            self.sequence_number = plus(&self.sequence_number, 1);
            self.chunk = plus(&self.chunk, 1);
            self.timestamp = plus(&self.timestamp, 20);
            let frame = self.speech.as_mut().map_or(Frame::SILENT, Speech::next_frame);
            let message = json!({
                "event": "media",
                "sequenceNumber": self.sequence_number,
                "streamSid": self.stream_sid,
                "media": {
                    "track": "inbound",
                    "chunk": self.chunk,
                    "timestamp": self.timestamp,
                    "payload": STANDARD.encode(frame.as_bytes()),
                },
            });
            self.cues.push(Cue { at: self.at, what: What::Send(message) });
        }
        Ok(())
    }
}

impl Speech {
    fn next_frame(&mut self) -> Frame {
        let rest = self.ulaw.get(self.said..).unwrap_or_default();
        self.said += FRAME_BYTES;
        Frame::padded(rest)
    }
}

fn expand_payload(media: &mut Map<String, Value>) -> Result<(), String> {
    let Some(bytes) = media.get("payload").and_then(Value::as_str).and_then(|text| text.strip_prefix("$ulaw:")) else {
        return Ok(());
    };
    match bytes.parse::<usize>() {
        Ok(bytes) if bytes <= MAX_PAYLOAD_BYTES => {
            media.insert("payload".to_owned(), STANDARD.encode(vec![SILENCE; bytes]).into());
            Ok(())
        }
        Ok(_) | Err(_) => Err(format!("$ulaw:{bytes} is no length of at most {MAX_PAYLOAD_BYTES} bytes")),
    }
}

/// The number that a member holds, written as a number or as a string.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A number increased, written as it was: as a number or as a string. What is none counts as zero.
pub(super) fn plus(value: &Value, by: u64) -> Value {
    let sum = number(value).unwrap_or(0).saturating_add(by);
    if value.is_number() { sum.into() } else { sum.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"call":"a test","marks":"never","from":"anonymous","transcripts":[]}"#;
    const START: &str = r#"{"t":0,"dir":"T>G","f":{"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","callSid":"CA1"},"streamSid":"MZ1"}}"#;

    fn read(lines: &[&str]) -> Result<Recording, String> {
        let text = [&[HEADER, START], lines].concat().join("\n");
        let audio = |name: &str| (name == "tone").then(|| vec![0x20; FRAME_BYTES + 10]);
        Recording::read(&text, audio).map_err(|error| error.to_string())
    }

    /// Time, number, chunk, timestamp and sounding bytes of each media message.
    fn media(recording: &Recording) -> Vec<(u128, Value, Value, Value, usize)> {
        let message = |cue: &Cue| {
            let What::Send(message) = &cue.what else { return None };
            let media = message.get("media")?;
            let ulaw = STANDARD.decode(media["payload"].as_str()?).unwrap();
            let sounding = ulaw.iter().filter(|byte| **byte != SILENCE).count();
            let number = message["sequenceNumber"].clone();
            Some((cue.at.as_millis(), number, media["chunk"].clone(), media["timestamp"].clone(), sounding))
        };
        recording.cues.iter().filter_map(message).collect()
    }

    #[test]
    fn elided_frames_go_on_from_the_line_before() {
        let recording = read(&[
            r#"{"elided_media_frames":1,"dir":"T>G"}"#,
            r#"{"t":30,"dir":"G>T","f":{"event":"clear","streamSid":"MZ1"}}"#,
            r#"{"t":30,"dir":"T>G","f":{"event":"dtmf","sequenceNumber":"3","streamSid":"MZ1","dtmf":{"digit":"5"}}}"#,
            r#"{"elided_media_frames":1,"dir":"T>G","wav":"tone"}"#,
            r#"{"elided_media_frames":2,"dir":"T>G","wav":"tone"}"#,
            r#"{"t":500,"dir":"T>G","ws_close":1006}"#,
            r#"{"t":510,"post":"status","CallStatus":"completed"}"#,
        ]);
        let recording = recording.unwrap();
        let text = |number: u64| Value::from(number.to_string());
        let expected = [(20, 2, 1, 20, 0), (50, 4, 2, 40, 160), (70, 5, 3, 60, 10), (90, 6, 4, 80, 0)]
            .map(|(at, number, chunk, time, sounding)| (at, text(number), text(chunk), text(time), sounding));
        assert_eq!(media(&recording), expected);
        let close = Cue { at: Duration::from_millis(500), what: What::Close(1006) };
        let status = Cue { at: Duration::from_millis(510), what: What::ReportStatus("completed".to_owned()) };
        assert_eq!(recording.cues[recording.cues.len() - 2..], [close, status]);
        assert_eq!((recording.call_sid.as_str(), recording.stream_sid.as_str()), ("CA1", "MZ1"));
        assert_eq!((recording.from.as_str(), recording.marks), ("anonymous", Marks::Never));
    }

    #[test]
    fn numbers_stay_numbers_and_abbreviated_payloads_are_written_out() {
        let recording = read(&[
            r#"{"t":20,"dir":"T>G","f":{"event":"media","sequenceNumber":2,"media":{"chunk":1,"timestamp":20,"payload":"$ulaw:3"},"streamSid":"MZ1"}}"#,
            r#"{"elided_media_frames":1,"dir":"T>G"}"#,
        ]);
        let recording = recording.unwrap();
        assert_eq!(media(&recording)[1], (40, json!(3), json!(2), json!(40), 0));
        let What::Send(first) = &recording.cues[1].what else { panic!("a message is expected") };
        assert_eq!(first["media"]["payload"], "////");
    }

    #[test]
    fn lines_that_cannot_be_played_are_named() {
        for (line, part) in [
            ("{", "line 3: EOF"),
            (r#"{"dir":"T>G","f":{}}"#, "line 3: no t"),
            (r#"{"t":1,"dir":"T>G"}"#, "neither"),
            (r#"{"t":1,"post":"voice","CallStatus":"ringing"}"#, "neither"),
            (r#"{"elided_media_frames":1,"dir":"T>G","wav":"nobody"}"#, "no audio is called \"nobody\""),
            (r#"{"elided_media_frames":4000000000,"dir":"T>G"}"#, "more than an hour"),
            (r#"{"t":1,"dir":"T>G","f":{"media":{"payload":"$ulaw:many"}}}"#, "$ulaw:many"),
        ] {
            let error = read(&[line]).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
        assert!(Recording::read("", |_| None).unwrap_err().to_string().contains("no header"));
    }
}
