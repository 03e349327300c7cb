//! Media Streams behind the seam of all lines.

use std::time::Duration;

use redial_call::audio::SAMPLE_RATE_HZ;

use super::media::{self, Encoder, Incoming, Start};
use crate::line::{
    Audio, AudioFormat, Capabilities, Codec, Encoding, Inbound, LineCommand, LineEvent, Medium, Message, Outbound,
    ReadError, Started, WriteError,
};

/// One media stream.
#[derive(Debug, Default)]
pub struct MediaStreams {
    started: Option<Started>,
    encoder: Encoder,
}

impl Codec for MediaStreams {
    fn capabilities(&self) -> Capabilities {
        let frame = Duration::from_millis(20);
        let format = AudioFormat { encoding: Encoding::Mulaw, rate_hz: SAMPLE_RATE_HZ, frame };
        Capabilities { medium: Medium::Audio(format), marks: true, clear: true }
    }

    fn read(&mut self, message: Inbound<'_>) -> Result<Message, ReadError> {
        let Inbound::Text(text) = message else { return Err(ReadError::Kind("text")) };
        let message = media::decode(text).map_err(|error| match error.is_fatal() {
            true => ReadError::Unusable(error.into()),
            false => ReadError::Undecodable(error.into()),
        })?;
        let is_start = matches!(message.event, Incoming::Start(_));
        if let Some(start) = &self.started
            && !is_start
            && !message.is_of(&start.stream)
        {
            return Err(ReadError::OtherStream);
        }
        let event = match message.event {
            Incoming::Connected => LineEvent::Connected,
            Incoming::Start(start) => {
                let started = Started::from(start);
                started.begin(&mut self.started)?;
                LineEvent::Started(started)
            }
            Incoming::Media(media) => LineEvent::Audio(Audio {
                inbound: media.is_inbound(),
                timestamp_ms: media.timestamp_ms(),
                ulaw: media.into_ulaw(),
            }),
            Incoming::Mark { name } => LineEvent::Played { mark: name.into_owned() },
            Incoming::Dtmf { digit } => LineEvent::Dtmf { digit },
            Incoming::Stop => LineEvent::Stopped,
            Incoming::Unknown(name) => LineEvent::Unknown(name.into_owned()),
        };
        Ok(Message { sequence_number: message.sequence_number, event })
    }

    fn write(&mut self, command: LineCommand<'_>, send: &mut dyn FnMut(Outbound<'_>)) -> Result<(), WriteError> {
        let stream = &self.started.as_ref().ok_or(WriteError::NOT_STARTED)?.stream;
        let text = match command {
            LineCommand::Audio(ulaw) => self.encoder.media(stream, ulaw).map_err(|error| WriteError(error.0))?,
            LineCommand::Mark(name) => self.encoder.mark(stream, name),
            LineCommand::Clear => self.encoder.clear(stream),
            // Audio may be of any length. The carrier asks what comes next when the socket closes.
            LineCommand::Flush | LineCommand::End | LineCommand::Words { .. } => return Ok(()),
        };
        send(Outbound::Text(text));
        Ok(())
    }
}

impl From<Start> for Started {
    fn from(start: Start) -> Self {
        let parameters = start.parameters().to_vec();
        Self { stream: start.stream_sid, call: start.call_sid, parameters }
    }
}
