//! The agent's turn in progress: its sentences, their audio, and the words that a number of bytes amounts to.

use std::time::Duration;

use crate::action::EndReason;
use crate::ids::TurnId;

/// What an agent turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Greeting,
    Reply,
    Prompt,
}

/// An agent turn in progress.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) turn: TurnId,
    pub(crate) purpose: Purpose,
    /// When its audio began to play.
    pub(crate) start: Option<Duration>,
    /// No more sentences will come.
    pub(crate) complete: bool,
    /// The agent itself has said something: more than the filler.
    pub(crate) answered: bool,
    /// Hang up when it has been heard, for this reason.
    pub(crate) hang_up: Option<EndReason>,
    sentences: Vec<Sentence>,
    /// Index of the sentence that is being synthesised, or is next to be.
    synthesising: usize,
    in_flight: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    Filler,
    /// Its text is empty.
    Tone,
}

/// What is to be made next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Words(String),
    Filler(String),
    Tone,
}

#[derive(Debug)]
struct Sentence {
    kind: Kind,
    text: String,
    bytes: u64,
    done: bool,
}

/// An agent turn's words, by what became of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) heard: String,
    pub(crate) cut: String,
    pub(crate) never_sent: String,
}

impl Saying {
    pub(crate) fn new(turn: TurnId, purpose: Purpose) -> Self {
        Self {
            turn,
            purpose,
            start: None,
            complete: false,
            answered: false,
            hang_up: None,
            sentences: Vec::new(),
            synthesising: 0,
            in_flight: false,
        }
    }

    pub(crate) fn push(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.push_as(Kind::Words, text.trim());
        }
    }

    /// Words that are no answer.
    pub(crate) fn push_filler(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.push_as(Kind::Filler, text.trim());
        }
    }

    pub(crate) fn push_tone(&mut self) {
        self.push_as(Kind::Tone, "");
    }

    fn push_as(&mut self, kind: Kind, text: &str) {
        self.sentences.push(Sentence { kind, text: text.to_owned(), bytes: 0, done: false });
    }

    /// All its words, heard or not.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<&str> = self.sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        texts.join(" ")
    }

    /// The words end in a question.
    pub(crate) fn asks(&self) -> bool {
        self.sentences.last().is_some_and(|sentence| sentence.text.ends_with('?'))
    }

    /// Bytes of audio that exist.
    pub(crate) fn available(&self) -> u64 {
        self.sentences.iter().map(|sentence| sentence.bytes).sum()
    }

    /// All audio there will be is there.
    pub(crate) fn is_synthesised(&self) -> bool {
        self.complete && self.synthesising == self.sentences.len()
    }

    /// Takes the next sentence to synthesise, one at a time.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        if self.in_flight {
            return None;
        }
        let sentence = self.sentences.get(self.synthesising)?;
        self.in_flight = true;
        Some(match sentence.kind {
            Kind::Words => Piece::Words(sentence.text.clone()),
            Kind::Filler => Piece::Filler(sentence.text.clone()),
            Kind::Tone => Piece::Tone,
        })
    }

    pub(crate) fn on_audio(&mut self, size_bytes: u64) {
        if let Some(sentence) = self.sentences.get_mut(self.synthesising).filter(|_| self.in_flight) {
            sentence.bytes += size_bytes;
        }
    }

    pub(crate) fn on_sentence_done(&mut self) {
        if let Some(sentence) = self.sentences.get_mut(self.synthesising).filter(|_| self.in_flight) {
            sentence.done = true;
            self.synthesising += 1;
            self.in_flight = false;
        }
    }

    /// Splits the words at two places in the audio, in bytes.
    pub(crate) fn split(&self, heard_bytes: u64, sent_bytes: u64) -> Split {
        let mut split = Split { heard: String::new(), cut: String::new(), never_sent: String::new() };
        let mut offset = 0;
        for sentence in &self.sentences {
            let total = sentence.length();
            // A word counts for a place in the audio when the audio has reached its end.
            let mut end_chars = 0;
            let chars = sentence.text.chars().count() as u64;
            for word in sentence.text.split_whitespace() {
                end_chars += word.chars().count() as u64;
                let end = offset + total * end_chars / chars.max(1);
                end_chars += 1; // the space
                let room = if sentence.bytes == 0 {
                    &mut split.never_sent
                } else if end <= heard_bytes {
                    &mut split.heard
                } else if end <= sent_bytes {
                    &mut split.cut
                } else {
                    &mut split.never_sent
                };
                if !room.is_empty() {
                    room.push(' ');
                }
                room.push_str(word);
            }
            offset += sentence.bytes;
        }
        split
    }
}

impl Sentence {
    /// Bytes of the whole sentence: known when it is synthesised, else guessed.
    fn length(&self) -> u64 {
        /// English speech runs at about 15 characters a second, 8000 bytes.
        const BYTES_PER_CHAR: u64 = 530;
        if self.done { self.bytes } else { self.bytes.max(self.text.chars().count() as u64 * BYTES_PER_CHAR) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: &[(&str, u64, bool)]) -> Saying {
        let mut saying = Saying::new(TurnId(1), Purpose::Reply);
        for (text, bytes, done) in parts {
            saying.push((*text).to_owned());
            if *bytes > 0 {
                assert!(saying.next_piece().is_some());
                saying.on_audio(*bytes);
                if *done {
                    saying.on_sentence_done();
                }
            }
        }
        saying
    }

    #[test]
    fn words_are_heard_once_their_audio_has_ended() {
        let saying = said(&[("One two three four.", 19_000, true)]);
        let split = saying.split(8000, 12_000);
        assert_eq!(split, Split { heard: "One two".into(), cut: String::new(), never_sent: "three four.".into() });
        let split = saying.split(0, 19_000);
        assert_eq!((split.heard.as_str(), split.cut.as_str()), ("", "One two three four."));
        let split = saying.split(19_000, 19_000);
        assert_eq!(split.heard, "One two three four.");
    }

    #[test]
    fn a_sentence_without_audio_was_never_sent() {
        let saying = said(&[("First.", 8000, true), ("Second.", 0, false)]);
        let split = saying.split(8000, 8000);
        assert_eq!((split.heard.as_str(), split.never_sent.as_str()), ("First.", "Second."));
    }

    #[test]
    fn an_unfinished_sentence_is_split_by_a_guess_of_its_length() {
        let saying = said(&[("A sentence of many words that goes on", 3200, false)]);
        let split = saying.split(3200, 3200);
        assert_eq!(split.heard, "A");
    }
}
