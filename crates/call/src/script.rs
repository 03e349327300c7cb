//! What an agent turn says: its sentences, the audio made of them, and the words that a number of bytes amounts to.

use std::collections::VecDeque;
use std::time::Duration;

use crate::acts::Act;
use crate::audio::bytes_in;
use crate::event::SpokenWord;

/// The most acts of one turn.
const MAX_ACTS: usize = 32;

/// Whose voice an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    /// Ours is asked for each sentence.
    #[default]
    Ours,
    /// The model speaks for itself; only what is no answer is asked of ours.
    Model,
}

/// The sentences of one turn, in the order in which they are spoken.
#[derive(Debug, Default)]
pub(crate) struct Script {
    voice: Voice,
    /// All audio that there will be of these is there.
    made: Vec<Sentence>,
    /// Being synthesised, one at a time.
    making: Option<Sentence>,
    /// To be asked of our voice.
    waiting: VecDeque<Piece>,
    /// What the agent does, and behind how many sentences of its own.
    acts: Vec<(usize, Act)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    /// What a model says for itself, without a break, whatever it has of sentences.
    Answer,
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

/// How much of a model's own audio there is in a turn, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) made: u64,
    pub(crate) heard: u64,
}

#[derive(Debug)]
struct Sentence {
    kind: Kind,
    text: String,
    bytes: u64,
    /// It was broken off: there are more words than sound.
    torn: bool,
    /// Where the voice says that words end: characters of the text and bytes of the audio, both rising.
    told: Vec<(u64, u64)>,
}

/// An agent turn's words, by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) heard: String,
    pub(crate) cut: String,
    pub(crate) never_sent: String,
    /// What the agent did by words that were heard to their end.
    pub(crate) acts: Vec<Act>,
}

impl Script {
    /// An empty one, for an answer with this voice.
    pub(crate) fn answered_by(voice: Voice) -> Self {
        Self { voice, ..Self::default() }
    }

    /// More words of the answer: a sentence for our voice, or of what a model says by itself.
    pub(crate) fn push_answer(&mut self, text: &str) {
        match self.voice {
            Voice::Ours => self.push(text),
            Voice::Model => self.answer().push_str(text),
        }
    }

    /// More audio of what a model says by itself. False: it is of another voice, whose sentence is being made.
    pub(crate) fn on_answer_audio(&mut self, size_bytes: u64) -> bool {
        let answers = match &self.making {
            Some(sentence) => sentence.kind == Kind::Answer,
            None => self.voice == Voice::Model,
        };
        if answers {
            self.answer().bytes += size_bytes;
        }
        answers
    }

    /// What the model is saying; what it is said after is there by now, and a filler that nobody has made comes too late.
    fn answer(&mut self) -> &mut Sentence {
        if self.making.as_ref().is_none_or(|sentence| sentence.kind != Kind::Answer) {
            self.made.extend(self.making.take());
            self.waiting.clear();
        }
        self.making.get_or_insert_with(|| Sentence::new(Kind::Answer, ""))
    }

    /// The model has said all for now. Returns how many bytes that was; none: it was not saying anything.
    pub(crate) fn end_answer(&mut self) -> Option<u64> {
        let answer = self.making.take_if(|sentence| sentence.kind == Kind::Answer)?;
        let bytes = answer.bytes;
        self.made.push(answer);
        Some(bytes)
    }

    /// What the model was saying has no end.
    pub(crate) fn break_off(&mut self) {
        if let Some(answer) = self.making.as_mut().filter(|sentence| sentence.kind == Kind::Answer) {
            answer.torn = true;
        }
    }

    /// How much of the model's own audio there is, if it speaks for itself, of a turn of which so many bytes were heard.
    pub(crate) fn answered(&self, mut heard_bytes: u64) -> Option<Answered> {
        if self.voice == Voice::Ours {
            return None;
        }
        let mut answered = Answered::default();
        for sentence in self.begun() {
            let heard = heard_bytes.min(sentence.bytes);
            heard_bytes -= heard;
            if sentence.kind == Kind::Answer {
                answered.made += sentence.bytes;
                answered.heard += heard;
            }
        }
        Some(answered)
    }

    pub(crate) fn push(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.waiting.push_back(Piece::Words(text.trim().to_owned()));
        }
    }

    /// Words that are no answer.
    pub(crate) fn push_filler(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.waiting.push_back(Piece::Filler(text.trim().to_owned()));
        }
    }

    pub(crate) fn push_tone(&mut self) {
        self.waiting.push_back(Piece::Tone);
    }

    /// What the agent does by the words so far. Of more than 32 in a turn the rest is ignored.
    pub(crate) fn push_act(&mut self, act: Act) {
        if self.acts.len() < MAX_ACTS {
            let before = self.kinds().filter(|kind| kind.is_answer()).count();
            self.acts.push((before, act));
        }
    }

    /// It ends the call.
    pub(crate) fn ends_call(&self) -> bool {
        self.acts.iter().any(|(_, act)| *act == Act::EndCall)
    }

    /// The last of it is no answer.
    pub(crate) fn ends_with_filler(&self) -> bool {
        self.kinds().last().is_some_and(|kind| !kind.is_answer())
    }

    /// Those that have begun to be made.
    fn begun(&self) -> impl Iterator<Item = &Sentence> {
        self.made.iter().chain(&self.making)
    }

    fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.begun().map(|sentence| sentence.kind).chain(self.waiting.iter().map(Piece::kind))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.begun().map(|sentence| sentence.text.as_str()).chain(self.waiting.iter().map(Piece::text))
    }

    /// All its words, heard or not.
    pub(crate) fn text(&self) -> String {
        self.texts().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn text_bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// The words end in a question.
    pub(crate) fn asks(&self) -> bool {
        self.texts().last().is_some_and(|text| text.trim_end().ends_with('?'))
    }

    /// Bytes of audio that exist.
    pub(crate) fn available(&self) -> u64 {
        self.begun().map(|sentence| sentence.bytes).sum()
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
        let piece = self.waiting.pop_front()?;
        self.making = Some(Sentence::new(piece.kind(), piece.text()));
        Some(piece)
    }

    /// Takes the next words for a carrier that speaks them itself; how long that takes is guessed.
    pub(crate) fn say_next(&mut self) -> Option<String> {
        loop {
            let piece = self.waiting.pop_front()?;
            if piece == Piece::Tone {
                continue; // it has no tones
            }
            let mut sentence = Sentence::new(piece.kind(), piece.text());
            sentence.bytes = sentence.guessed_bytes();
            let text = sentence.text.clone();
            self.made.push(sentence);
            return Some(text);
        }
    }

    /// Where so many of its words end, in bytes.
    pub(crate) fn end_of_words(&self, mut words: usize) -> u64 {
        let mut offset = 0;
        for sentence in self.begun().filter(|sentence| sentence.bytes > 0) {
            let count = sentence.text.split_whitespace().count();
            if words < count {
                let chars = |words: usize| {
                    let said = sentence.text.split_whitespace().take(words).map(|word| word.chars().count() + 1);
                    said.sum::<usize>().saturating_sub(1) as u64
                };
                return offset + sentence.end_of(chars(words), chars(count), sentence.bytes);
            }
            words -= count;
            offset += sentence.bytes;
        }
        offset
    }

    pub(crate) fn on_audio(&mut self, size_bytes: u64) {
        if let Some(sentence) = &mut self.making {
            sentence.bytes += size_bytes;
        }
    }

    /// The voice tells where words of the sentence that is being made, or was made last, end.
    pub(crate) fn on_words(&mut self, words: &[SpokenWord]) {
        if let Some(sentence) = self.making.as_mut().or(self.made.last_mut()) {
            for word in words {
                sentence.on_word(&word.text, bytes_in(Duration::from_millis(word.end_ms.into())));
            }
        }
    }

    pub(crate) fn on_sentence_done(&mut self) {
        self.made.extend(self.making.take_if(|sentence| sentence.kind != Kind::Answer));
    }

    /// Splits the words at two places in the audio, in bytes.
    pub(crate) fn split(&self, heard_bytes: u64, sent_bytes: u64) -> Split {
        let mut split = Split::default();
        let mut offset = 0;
        // How many of the agent's own sentences were heard to their end, one after the other.
        let mut heard_whole = 0;
        let mut unbroken = true;
        for (place, sentence) in self.begun().enumerate() {
            let whole = place < self.made.len() && !sentence.torn;
            let total = if whole { sentence.bytes } else { sentence.guessed_bytes() };
            // A word counts for a place in the audio when the audio has reached its end.
            let mut end_chars = 0;
            let chars = sentence.text.trim_end().chars().count() as u64;
            for word in sentence.text.split_whitespace() {
                end_chars += word.chars().count() as u64;
                let end = offset + sentence.end_of(end_chars, chars, total);
                end_chars += 1; // the space
                let soundless = sentence.bytes == 0 || (sentence.torn && end > offset + sentence.bytes);
                let room = if soundless {
                    &mut split.never_sent
                } else if end <= heard_bytes {
                    &mut split.heard
                } else if end <= sent_bytes {
                    &mut split.cut
                } else {
                    &mut split.never_sent
                };
                push_word(room, word);
            }
            offset += sentence.bytes;
            if sentence.kind.is_answer() {
                // Of one that is still being made, nobody knows where it ends.
                unbroken &= place < self.made.len()
                    && sentence.bytes > 0
                    && split.cut.is_empty()
                    && split.never_sent.is_empty();
                heard_whole += usize::from(unbroken);
            }
        }
        for word in self.waiting.iter().flat_map(|piece| piece.text().split_whitespace()) {
            push_word(&mut split.never_sent, word);
        }
        let acts = self.acts.iter().filter(|(behind, _)| *behind <= heard_whole);
        split.acts = acts.map(|(_, act)| act.clone()).collect();
        split
    }
}

fn push_word(to: &mut String, word: &str) {
    if !to.is_empty() {
        to.push(' ');
    }
    to.push_str(word);
}

impl Piece {
    const fn kind(&self) -> Kind {
        match self {
            Self::Words(_) => Kind::Words,
            Self::Filler(_) => Kind::Filler,
            Self::Tone => Kind::Tone,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Words(text) | Self::Filler(text) => text,
            Self::Tone => "",
        }
    }
}

impl Kind {
    /// It is of the answer, or of what is said instead.
    const fn is_answer(self) -> bool {
        match self {
            Self::Words | Self::Answer => true,
            Self::Filler | Self::Tone => false,
        }
    }
}

impl Sentence {
    fn new(kind: Kind, text: &str) -> Self {
        Self { kind, text: text.to_owned(), bytes: 0, torn: false, told: Vec::new() }
    }

    /// More words, with one space where there are several.
    fn push_str(&mut self, text: &str) {
        for char in text.chars() {
            if !char.is_whitespace() {
                self.text.push(char);
            } else if !self.text.is_empty() && !self.text.ends_with(' ') {
                self.text.push(' ');
            }
        }
    }

    /// A word of it ends here. One that is not among the words after the last that was told is none of it.
    fn on_word(&mut self, word: &str, end: u64) {
        let (after, end_before) = self.told.last().copied().unwrap_or_default();
        let start = self.text.char_indices().nth(after as usize).map_or(self.text.len(), |(at, _)| at);
        let word = word.trim();
        let Some(at) = self.text[start..].find(word).filter(|_| !word.is_empty()) else { return };
        let chars = self.text[start..start + at + word.len()].chars().count() as u64;
        self.told.push((after + chars, end.max(end_before)));
    }

    /// Where so many of its characters end in its audio, of which `total` bytes are expected: between the nearest places that the voice
    /// has told in proportion to the characters.
    fn end_of(&self, end_chars: u64, chars: u64, total: u64) -> u64 {
        let next = self.told.partition_point(|(told, _)| *told < end_chars);
        let (from_chars, from) = next.checked_sub(1).map_or((0, 0), |before| self.told[before]);
        let (to_chars, to) = self.told.get(next).copied().unwrap_or((chars, total));
        let (from, to) = (from.min(total), to.min(total));
        from + (to - from) * (end_chars - from_chars) / (to_chars - from_chars).max(1)
    }

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
        assert_eq!(split, Split { heard: "One two".into(), never_sent: "three four.".into(), ..Split::default() });
        let split = script.split(0, 19_000);
        assert_eq!((split.heard.as_str(), split.cut.as_str()), ("", "One two three four."));
        let split = script.split(19_000, 19_000);
        assert_eq!(split.heard, "One two three four.");
    }

    fn told(script: &mut Script, words: &[(&str, u32)]) {
        let words: Vec<SpokenWord> =
            words.iter().map(|(text, end_ms)| SpokenWord { text: (*text).to_owned(), end_ms: *end_ms }).collect();
        script.on_words(&words);
    }

    #[test]
    fn where_the_voice_tells_when_words_end_these_times_count() {
        // A long pause after the second word.
        let mut script = said(&[("One two three four.", 16_000, true)]);
        assert_eq!(script.split(8000, 16_000).heard, "One two");
        told(&mut script, &[("One", 200), ("two", 400), ("three", 1700), ("four.", 2000)]);
        assert_eq!(script.split(3200, 16_000).heard, "One two");
        assert_eq!(script.split(13_599, 16_000).heard, "One two");
        assert_eq!(script.split(13_600, 16_000).heard, "One two three");
        assert_eq!(script.split(16_000, 16_000).heard, "One two three four.");
    }

    #[test]
    fn words_that_the_voice_does_not_tell_lie_between_those_it_does() {
        let mut script = said(&[("Dr. Weiß sees you at ten.", 16_000, true)]);
        told(&mut script, &[("Doctor", 300), ("Weiß", 1000), ("", 1), ("at", 1500), ("you", 1), ("at", 9000)]);
        assert_eq!(script.split(8000, 16_000).heard, "Dr. Weiß");
        assert_eq!(script.split(12_000, 16_000).heard, "Dr. Weiß sees you at");
        assert_eq!(script.split(11_999, 16_000).heard, "Dr. Weiß sees you");
        assert_eq!(script.split(u64::MAX, u64::MAX).heard, "Dr. Weiß sees you at ten.");
    }

    #[test]
    fn the_times_of_one_sentence_say_nothing_of_the_next() {
        let mut script = said(&[("One two.", 8000, true), ("Three four.", 8000, true)]);
        told(&mut script, &[("Three", 900)]);
        assert_eq!(script.split(8000 + 7000, 16_000).heard, "One two.");
        assert_eq!(script.split(8000 + 7200, 16_000).heard, "One two. Three");
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
