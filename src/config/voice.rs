//! Which offline voice speaks, and how fast.

use redial_speech::voice::{VoiceConfig, parse_speed};

use super::reader::Reader;

/// The voice that the variables ask for.
pub(super) fn read(reader: &mut Reader<'_>) -> VoiceConfig {
    let default = VoiceConfig::default();
    let name = parsed(reader, "VOICE", str::parse).unwrap_or(default.name);
    let speed = parsed(reader, "VOICE_SPEED", parse_speed).unwrap_or(default.speed);
    VoiceConfig { name, speed }
}

fn parsed<T>(reader: &mut Reader<'_>, name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
    let text = reader.text(name)?;
    match parse(&text) {
        Ok(value) => Some(value),
        Err(wrong) => {
            reader.fault(name, format!("{text:?} {wrong}"));
            None
        }
    }
}
