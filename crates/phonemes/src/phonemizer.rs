//! The front end as a whole.

use std::path::Path;
use std::thread;

use crate::LoadError;
use crate::data::Folder;
use crate::lexicon::Lexicon;
use crate::normalize::{self, Tables};
use crate::oov::Speller;
use crate::parts;
use crate::speak::Speaker;
use crate::tagger::Tagger;
use crate::tokenize::Tokenizer;
use crate::vocabulary::Vocabulary;

/// English text to phonemes, and phonemes to the numbers that the voice's net takes.
///
/// Immutable once loaded: share one behind an `Arc` between all threads.
pub struct Phonemizer {
    tables: Tables,
    tokenizer: Tokenizer,
    tagger: Tagger,
    lexicon: Lexicon,
    speller: Speller,
    vocabulary: Vocabulary,
}

impl Phonemizer {
    /// Reads the data files of the voice from the folder: `normalize.json`, `tokenizer_exceptions.json`,
    /// `tagger.json.gz`, `lexicon_us_gold.json.gz`, `lexicon_us_silver.json.gz`, `oov.json`, `oov.onnx`, `vocab.json`.
    ///
    /// The two large ones are read on a second thread.
    ///
    /// # Errors
    /// A file that is missing or not what it should be, by name.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let folder = Folder(dir);
        let (tagger, others) = thread::scope(|scope| {
            let tagger = scope.spawn(|| Tagger::load(&folder));
            let others = (|| {
                Ok((
                    Tables::load(&folder)?,
                    Tokenizer::load(&folder)?,
                    Lexicon::load(&folder)?,
                    Speller::load(&folder)?,
                    Vocabulary::load(&folder)?,
                ))
            })();
            (tagger.join(), others)
        });
        let tagger = tagger.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let (tables, tokenizer, lexicon, speller, vocabulary) = others?;
        Ok(Self { tables, tokenizer, tagger, lexicon, speller, vocabulary })
    }

    /// The phonemes of the text, with its spaces and the punctuation that the voice pauses at.
    ///
    /// Any text is accepted. What English does not read (emojis, most other scripts) is silent.
    #[must_use]
    pub fn phonemes(&self, text: &str) -> String {
        let text = normalize::normalize(&self.tables, text);
        let tokens = self.tokenizer.tokens(&text);
        let tags = self.tagger.tags(&tokens);
        let groups = parts::groups(&tokens, &tags);
        Speaker { lexicon: &self.lexicon, speller: &self.speller }.speak(groups)
    }

    /// The numbers of a phoneme string, with the 0 that the net wants at both ends. Characters that it does not know
    /// are left out.
    #[must_use]
    pub fn ids(&self, phonemes: &str) -> Vec<i32> {
        self.vocabulary.ids(phonemes)
    }
}
