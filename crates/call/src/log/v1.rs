//! Version 1 of the log, read into the events of today.
//!
//! It told of a murmur and of a late voice in lines of their own before `speech_stopped`, of a call that goes on in an event before
//! `started`, and of a goodbye as `hang_up: true`.

use serde::Deserialize;

use super::step::Step;
use crate::caller_turn::VoiceQuality;
use crate::event::{Event, ReplyEnd};
use crate::ids::TurnId;
use crate::turn::Turn;

pub(super) const VERSION: u32 = 1;

/// Reads the lines after the header.
#[derive(Debug, Default)]
pub(super) struct Reader {
    turns: Vec<Turn>,
    started: bool,
    quality: VoiceQuality,
    late: bool,
}

#[derive(Deserialize)]
struct Line {
    at_ms: u64,
    #[serde(flatten)]
    event: OldEvent,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OldEvent {
    Changed(Changed),
    Same(Event),
}

/// The events that have another form today.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Changed {
    Resumed { turns: Vec<Turn> },
    Murmur,
    Late,
    SpeechStopped,
    ReplyDone { turn: TurnId, hang_up: bool },
}

impl Reader {
    /// The step that a line is today; `None`: a line that belongs to another one.
    pub(super) fn step(&mut self, line: &str) -> serde_json::Result<Option<Step>> {
        let Line { at_ms, event } = serde_json::from_str(line)?;
        let event = match event {
            OldEvent::Changed(Changed::Resumed { turns }) => {
                if !self.started {
                    self.turns = turns;
                }
                return Ok(None);
            }
            OldEvent::Changed(Changed::Murmur) => {
                self.quality = VoiceQuality::Murmur;
                return Ok(None);
            }
            OldEvent::Changed(Changed::Late) => {
                self.late = true;
                return Ok(None);
            }
            OldEvent::Changed(Changed::SpeechStopped) => {
                let (quality, late) = (std::mem::take(&mut self.quality), std::mem::take(&mut self.late));
                Event::SpeechStopped { quality, late }
            }
            OldEvent::Changed(Changed::ReplyDone { turn, hang_up }) => {
                Event::ReplyDone { turn, end: if hang_up { ReplyEnd::HangUp } else { ReplyEnd::Listen } }
            }
            OldEvent::Same(event) => event,
        };
        match &event {
            Event::Started => self.started = true,
            Event::SpeechStarted => (self.quality, self.late) = (VoiceQuality::Clear, false),
            _ => (),
        }
        Ok(Some(Step { at_ms, event }))
    }

    /// What was said before the call went on.
    pub(super) fn into_turns(self) -> Vec<Turn> {
        self.turns
    }
}
