//! A carrier of words: it recognises what the caller says and speaks what we write, in the manner of ConversationRelay.
//!
//! ```text
//! ▶ {"type":"setup","sessionId":"…","callSid":"…","customParameters":{"token":"…"}}
//! ▶ {"type":"prompt","voicePrompt":"What are your hours?","last":true}
//!                                                     ◀ {"type":"text","token":"We are open ","last":false}
//! ▶ {"type":"interrupt","utteranceUntilInterrupt":"We are"}
//! ▶ {"type":"dtmf","digit":"1"}                       ◀ {"type":"end"}
//! ```
//!
//! The carrier stops by itself when the caller speaks, and says what was heard; nothing can be taken back otherwise.

use http::HeaderName;
use serde::Serialize;

use super::hooks::SignedJson;
use super::members::{Members, ParseError};
use crate::carrier::Carrier;
use crate::control::Control;
use crate::line::{
    Capabilities, Codec, Inbound, LineCommand, LineEvent, Medium, Message, Outbound, ReadError, Started, WriteError,
};
use crate::webhook::Webhook;

/// The header that carries a signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-relay-signature");
/// What a stream carries.
pub const CONTENT_TYPE: &str = "text";

/// The carrier.
pub struct Relay {
    hooks: SignedJson,
}

impl Relay {
    /// Believes who signs with `key`.
    pub fn new(key: &[u8]) -> Self {
        Self { hooks: SignedJson::new(SIGNATURE, key, CONTENT_TYPE, &[]) }
    }
}

impl Carrier for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn webhook(&self) -> &dyn Webhook {
        &self.hooks
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(RelayStream::default())
    }

    fn control(&self) -> Option<&dyn Control> {
        None
    }
}

/// One stream.
#[derive(Debug, Default)]
pub struct RelayStream {
    started: Option<Started>,
    /// The message that is written, kept for its room.
    text: Vec<u8>,
}

/// What is sent.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Command<'a> {
    Text { token: &'a str, last: bool },
    End,
}

fn read(text: &str) -> Result<LineEvent, ParseError> {
    let message = Members::parse(text)?;
    Ok(match message.text("type") {
        "setup" => LineEvent::Started(Started {
            stream: message.id("sessionId")?,
            call: message.id("callSid")?,
            parameters: message.object("customParameters")?.parameters(&[])?,
        }),
        "prompt" => LineEvent::Words {
            text: message.text("voicePrompt").to_owned(),
            // Whoever sends no guesses may leave it out.
            last: message.flag("last").unwrap_or(true),
        },
        "interrupt" => LineEvent::Interrupted { heard: message.text("utteranceUntilInterrupt").to_owned() },
        "dtmf" => LineEvent::Dtmf { digit: message.digit()? },
        "" => return Err(ParseError::Member("type")),
        other => LineEvent::Unknown(other.to_owned()),
    })
}

impl Codec for RelayStream {
    fn capabilities(&self) -> Capabilities {
        Capabilities { medium: Medium::Words, marks: false, clear: false }
    }

    fn read(&mut self, message: Inbound<'_>) -> Result<Message, ReadError> {
        let Inbound::Text(text) = message else { return Err(ReadError::Kind("text")) };
        let event = read(text)?;
        if let LineEvent::Started(start) = &event {
            start.begin(&mut self.started)?;
        }
        Ok(Message { sequence_number: None, event })
    }

    fn write(&mut self, command: LineCommand<'_>, send: &mut dyn FnMut(Outbound<'_>)) -> Result<(), WriteError> {
        if self.started.is_none() {
            return Err(WriteError::NOT_STARTED);
        }
        let command = match command {
            LineCommand::Words { text, last } => Command::Text { token: text, last },
            LineCommand::End => Command::End,
            LineCommand::Audio(_) | LineCommand::Flush | LineCommand::Mark(_) | LineCommand::Clear => return Ok(()),
        };
        self.text.clear();
        serde_json::to_writer(&mut self.text, &command).map_err(|_| WriteError("the words cannot be written"))?;
        let text = std::str::from_utf8(&self.text).map_err(|_| WriteError("the words cannot be written"))?;
        send(Outbound::Text(text));
        Ok(())
    }
}
