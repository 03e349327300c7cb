//! The session's ear: voice activity on each frame, and what the recogniser is given and answers.

use redial_call::{Endpointing, Event, Frame, UtteranceId};
use redial_memory::greeting::sayable_name;
use redial_provider::realtime::RealtimeInput;
use redial_provider::stt::{SttInput, SttOutput};
use redial_speech::vad::VadEdge;

use super::CallTask;

impl CallTask {
    pub(super) fn on_frame(&mut self, frame: Frame) {
        let edge = self.vad.push(&frame);
        if edge.is_some() {
            self.look_at_load();
        }
        match edge {
            Some(VadEdge::Started) => {
                self.handle(Event::SpeechStarted);
                self.perform_all(); // hands over the pre-roll, which holds this frame and is of now
            }
            Some(VadEdge::Stopped) => {
                self.hear(frame);
                let (quality, late) = (self.vad.quality(), self.line.is_stale());
                self.handle(Event::SpeechStopped { quality, late });
            }
            None => self.hear(frame),
        }
        match self.parts.settings.endpointing {
            Endpointing::Ours => (),
            Endpointing::Recogniser => self.hearing.tell(SttInput::Line(frame)),
            Endpointing::Model => {
                self.tell_model(RealtimeInput::Audio(frame));
            }
        }
        if let Some(ms) = self.loopback.heard(&frame, self.vad.is_speaking()) {
            self.handle(Event::Echo { ms });
        }
    }

    fn look_at_load(&mut self) {
        let load = self.hearing.load();
        if load != self.load {
            self.load = load;
            self.handle(Event::Load { load });
        }
    }

    fn hear(&mut self, frame: Frame) {
        if let Some(utterance) = self.listening {
            self.hearing.tell(SttInput::Audio(utterance, frame));
        }
    }

    /// Hands over the pre-roll and the frames from now on.
    pub(super) fn listen(&mut self, utterance: UtteranceId) {
        if self.listening.is_none() {
            for frame in self.vad.pre_roll() {
                self.hearing.tell(SttInput::Audio(utterance, frame));
            }
        }
        self.listening = Some(utterance);
    }

    pub(super) fn discard(&mut self, utterance: UtteranceId) {
        self.hearing.tell(SttInput::Discard(utterance));
        if self.listening == Some(utterance) {
            self.listening = None;
        }
    }

    /// Tells the recogniser what the caller is about to answer.
    pub(super) fn tell_context(&mut self, said: &str) {
        if !said.is_empty() {
            let terms = sayable_name(&self.mind.context().profile).into_iter().collect();
            self.hearing.tell(SttInput::Context { said: said.to_owned(), terms });
        }
    }

    pub(super) fn on_recognized(&mut self, output: SttOutput) {
        let event = match output {
            SttOutput::Transcript { utterance, text } => Event::Transcript { utterance, text },
            SttOutput::NoSpeech { utterance } => Event::NoSpeech { utterance },
            SttOutput::Partial { utterance, text } => Event::Partial { utterance, text },
            SttOutput::TurnEnd { utterance, percent } => Event::TurnEnd { utterance, percent },
            SttOutput::TurnStarted => Event::TurnStarted,
            SttOutput::EagerEnd { text } => Event::EagerEnd { text },
            SttOutput::TurnResumed => Event::TurnResumed,
            SttOutput::TurnEnded { text } => Event::TurnEnded { text },
            SttOutput::Failed { utterance, error } => {
                self.provider_failed("stt", &error);
                Event::TranscriptionFailed { utterance }
            }
        };
        self.handle(event);
    }
}
