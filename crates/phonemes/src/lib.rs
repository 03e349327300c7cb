//! English text to the phonemes that the hibari voice speaks.
//!
//! | stage | module | does |
//! | --- | --- | --- |
//! | 1 | `normalize` | times, dates, units, abbreviations, telephone numbers and symbols become words |
//! | 2 | `tokenize` | text becomes words and punctuation |
//! | 3 | `tagger` | each gets its part of speech |
//! | 4 | `parts` | tokens are cut where letters, digits and marks meet; what is written together forms a group |
//! | 5 | `speak` | right to left, each group is looked up: as a whole, then in shorter runs |
//! | | `lexicon`, `dictionary` | the small words (a, the, to), two dictionaries, the endings -s, -ed, -ing |
//! | | `numeral`, `number_words` | 42, 1984, 21st, $42.50 |
//! | | `oov` | words that nobody knows: a net that spells |
//! | | `stress` | stress marks, and how they move in compounds |
//! | 6 | `vocabulary` | phonemes become the numbers that the voice's net takes |
//!
//! The phoneme alphabet and the reading rules are those of misaki, on whose strings the voice was trained; the data
//! files are the voice's own. The golden tests hold what the voice's package prints, and list every difference.
//!
//! No I/O but the loading, no clock: the same text always gives the same phonemes.

mod data;
mod dictionary;
mod error;
mod hash;
mod lexicon;
mod normalize;
mod number_words;
mod numeral;
mod oov;
mod parts;
mod phonemizer;
mod scan;
mod speak;
mod stress;
mod tagger;
mod token;
mod tokenize;
mod vocabulary;

pub use error::LoadError;
pub use phonemizer::Phonemizer;
