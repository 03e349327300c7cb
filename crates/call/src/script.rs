//! What an agent turn says: its sentences, the audio made of them, and the words that a number of bytes amounts to.

use std::collections::VecDeque;

/// The sentences of one turn, in the order in which they are spoken.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// All audio that there will be of these is there.
    made: Vec<Sentence>,
    /// Being synthesised, one at a time.
    making: Option<Sentence>,
    waiting: VecDeque<Sentence>,
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
}

/// An agent turn's words, by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) heard: String,
    pub(crate) cut: String,
    pub(crate) never_sent: String,
}

impl Script {
    pub(crate) fn push(&mut self, text: &str) {
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
        self.waiting.push_back(Sentence { kind, text: text.to_owned(), bytes: 0 });
    }

    fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.made.iter().chain(&self.making).chain(&self.waiting)
    }

    /// All its words, heard or not.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<&str> = self.sentences().map(|sentence| sentence.text.as_str()).collect();
        texts.join(" ")
    }

    /// The words end in a question.
    pub(crate) fn asks(&self) -> bool {
        self.sentences().last().is_some_and(|sentence| sentence.text.ends_with('?'))
    }

    /// Bytes of audio that exist.
    pub(crate) fn available(&self) -> u64 {
        self.sentences().map(|sentence| sentence.bytes).sum()
    }

    /// Of all sentences so far, all audio there will be is there.
    pub(crate) fn is_made(&self) -> bool {
        self.making.is_none() && self.waiting.is_empty()
    }

    /// Takes the next sentence to synthesise, unless one is being made.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        if self.making.is_some() {
            return None;
        }
        let sentence = self.making.insert(self.waiting.pop_front()?);
        Some(match sentence.kind {
            Kind::Words => Piece::Words(sentence.text.clone()),
            Kind::Filler => Piece::Filler(sentence.text.clone()),
            Kind::Tone => Piece::Tone,
        })
    }

    pub(crate) fn on_audio(&mut self, size_bytes: u64) {
        if let Some(sentence) = &mut self.making {
            sentence.bytes += size_bytes;
        }
    }

    pub(crate) fn on_sentence_done(&mut self) {
        self.made.extend(self.making.take());
    }

    /// Splits the words at two places in the audio, in bytes.
    pub(crate) fn split(&self, heard_bytes: u64, sent_bytes: u64) -> Split {
        let mut split = Split::default();
        let mut offset = 0;
        for (place, sentence) in self.sentences().enumerate() {
            let total = if place < self.made.len() { sentence.bytes } else { sentence.guessed_bytes() };
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
    /// Bytes of the whole sentence, of which only a part is synthesised.
    fn guessed_bytes(&self) -> u64 {
        /// English speech runs at about 15 characters a second, 8000 bytes.
        const BYTES_PER_CHAR: u64 = 530;
        self.bytes.max(self.text.chars().count() as u64 * BYTES_PER_CHAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: &[(&str, u64, bool)]) -> Script {
        let mut script = Script::default();
        for (text, bytes, done) in parts {
            script.push(text);
            if *bytes > 0 {
                assert!(script.next_piece().is_some());
                script.on_audio(*bytes);
                if *done {
                    script.on_sentence_done();
                }
            }
        }
        script
    }

    #[test]
    fn words_are_heard_once_their_audio_has_ended() {
        let script = said(&[("One two three four.", 19_000, true)]);
        let split = script.split(8000, 12_000);
        assert_eq!(split, Split { heard: "One two".into(), cut: String::new(), never_sent: "three four.".into() });
        let split = script.split(0, 19_000);
        assert_eq!((split.heard.as_str(), split.cut.as_str()), ("", "One two three four."));
        let split = script.split(19_000, 19_000);
        assert_eq!(split.heard, "One two three four.");
    }

    #[test]
    fn a_sentence_without_audio_was_never_sent() {
        let script = said(&[("First.", 8000, true), ("Second.", 0, false)]);
        let split = script.split(8000, 8000);
        assert_eq!((split.heard.as_str(), split.never_sent.as_str()), ("First.", "Second."));
    }

    #[test]
    fn an_unfinished_sentence_is_split_by_a_guess_of_its_length() {
        let script = said(&[("A sentence of many words that goes on", 3200, false)]);
        let split = script.split(3200, 3200);
        assert_eq!(split.heard, "A");
    }
}
