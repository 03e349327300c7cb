//! The agent's turn is spoken: sentence by sentence as the core asks, and sent piece by piece as it says.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use redial_call::{Event, SpokenWord, TurnId};
use redial_carrier::line::LineCommand;
use redial_provider::ProviderError;
use redial_provider::tts::Spoken;
use redial_speech::tone;

use super::CallTask;
use super::voice::After;

impl CallTask {
    /// Has a sentence spoken: at once, where it is kept. `fills`: it is no answer, and fills the wait for one.
    pub(super) fn speak(&mut self, id: TurnId, text: &str, fills: bool) {
        let Some(kept) = self.voice.session.kept(text) else {
            self.voice.turn(id); // of another turn nothing is said any more
            let speech = self.voice.session.speak(id, text);
            return self.begin_speech(id, speech, fills);
        };
        let size_bytes = u32::try_from(kept.ulaw.len()).unwrap_or(u32::MAX);
        let turn = self.voice.turn(id);
        turn.speech = None;
        turn.fills = fills;
        turn.audio.share(kept.ulaw);
        if fills {
            turn.filler_until = turn.audio.size_bytes();
        }
        self.tell_words(id, kept.words.to_vec());
        if size_bytes > 0 {
            self.handle(Event::Synthesized { turn: id, size_bytes });
        }
        self.handle(Event::SentenceDone { turn: id });
    }

    /// Fills the wait for an answer with a tone.
    pub(super) fn sound_tone(&mut self, id: TurnId) {
        self.begin_speech(id, tone::soft().map(|frame| frame.map(Spoken::Audio)).boxed(), true);
    }

    fn begin_speech(&mut self, id: TurnId, speech: BoxStream<'static, Result<Spoken, ProviderError>>, fills: bool) {
        let turn = self.voice.turn(id);
        turn.speech = Some(speech);
        turn.fills = fills;
    }

    pub(super) fn on_voiced(&mut self, pieces: Vec<Spoken>, mut after: After) {
        let Some(turn) = &mut self.voice.turn else { return };
        let id = turn.id;
        let before = turn.audio.size_bytes();
        let mut words = Vec::new();
        for piece in pieces {
            match piece {
                Spoken::Audio(frame) => turn.audio.push(frame.as_bytes()),
                Spoken::Words(more) => words.extend(more),
            }
        }
        let size_bytes = u32::try_from(turn.audio.size_bytes() - before).unwrap_or(u32::MAX);
        if turn.fills {
            turn.filler_until = turn.audio.size_bytes();
        }
        if !matches!(after, After::More) {
            turn.speech = None;
        }
        if matches!(after, After::More) && self.voice.is_full() {
            self.voice.turn(id).speech = None;
            after = After::Failed(ProviderError::Other("it speaks without an end".into()));
        }
        self.tell_words(id, words);
        if size_bytes > 0 {
            self.handle(Event::Synthesized { turn: id, size_bytes });
        }
        match after {
            After::More => (),
            After::Done => self.handle(Event::SentenceDone { turn: id }),
            After::Failed(error) => {
                self.provider_failed("tts", &error);
                self.handle(Event::SpeechFailed { turn: id });
            }
        }
    }

    fn tell_words(&mut self, turn: TurnId, words: Vec<SpokenWord>) {
        if !words.is_empty() {
            self.handle(Event::Words { turn, words });
        }
    }

    pub(super) fn play(&mut self, id: TurnId, offset_bytes: u64, size_bytes: u64) {
        let Some(turn) = self.voice.turn.as_mut().filter(|turn| turn.id == id) else { return };
        let range = offset_bytes as usize..(offset_bytes + size_bytes) as usize;
        self.recorder.sounds(id, range.end <= turn.filler_until);
        let Some(ulaw) = turn.audio.part(range) else {
            tracing::error!(turn = id.0, "the core wants audio that is not there");
            return;
        };
        turn.sent = offset_bytes as usize + ulaw.len();
        self.holds_back = true;
        self.loopback.played(id, &ulaw);
        let sent = super::send(self.codec.as_mut(), &mut self.socket, LineCommand::Audio(&ulaw));
        self.look_at_send(sent);
    }
}
