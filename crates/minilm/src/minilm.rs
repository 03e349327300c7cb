//! The model as a whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rten::ThreadPool;

use crate::net::Net;
use crate::tokenizer::Tokenizer;
use crate::{EmbedError, Embedding, LoadError};

/// The files in the model's folder.
const NET: &str = "model.onnx";
const VOCABULARY: &str = "vocab.txt";
/// Entries of the vocabulary; a file that was cut short has fewer.
const PIECES: usize = 30_522;
/// What is read of a text, in pieces, of which two are its start and end: the longest that the net was trained on.
const LONGEST: usize = 128;

/// Makes embeddings of English sentences.
///
/// Immutable once loaded (about 70 MB): share one behind an `Arc` between all threads.
pub struct MiniLm {
    tokenizer: Tokenizer,
    net: Net,
    threads: Arc<ThreadPool>,
}

impl MiniLm {
    /// Reads `model.onnx` and `vocab.txt` from the model's folder. Blocks for some 50 ms.
    ///
    /// # Errors
    /// When a file cannot be read, or is another one.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let read = |file| {
            // From the root, so that it can be found: the folder is mostly named relative to a directory that the reader must guess.
            let path = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).join(file);
            fs::read(&path).map_err(|source| LoadError::Unreadable { path, source })
        };
        Self::from_bytes(read(NET)?, &read(VOCABULARY)?)
    }

    /// Takes the files as bytes.
    ///
    /// # Errors
    /// When they are not those of the model.
    pub fn from_bytes(net: Vec<u8>, vocabulary: &[u8]) -> Result<Self, LoadError> {
        let vocabulary = str::from_utf8(vocabulary).map_err(|error| rejected(VOCABULARY, error.into()))?;
        let pieces = vocabulary.lines().count();
        if pieces != PIECES {
            return Err(rejected(VOCABULARY, format!("it has {pieces} lines, not {PIECES}").into()));
        }
        let tokenizer = Tokenizer::new(vocabulary).map_err(|error| rejected(VOCABULARY, error.into()))?;
        let net = Net::new(net).map_err(|error| rejected(NET, error))?;
        Ok(Self { tokenizer, net, threads: Arc::new(ThreadPool::with_num_threads(1)) })
    }

    /// The embedding of a sentence. Case, accents and the width of spaces do not count.
    ///
    /// Of a text of more than 128 pieces (about 100 words) the end is not read. One without words has an embedding too, which means
    /// nothing. Blocks: 15 words take some 6 ms, a text of full length 20. It runs on one thread that all callers share, one after another.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn embed(&self, text: &str) -> Result<Embedding, EmbedError> {
        self.embed_on(text, &self.threads)
    }

    /// The same on threads of the caller's, who then waits for nobody else.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn embed_on(&self, text: &str, threads: &Arc<ThreadPool>) -> Result<Embedding, EmbedError> {
        self.net.embed(self.ids(text), threads)
    }

    /// The pieces of a text.
    pub(crate) fn ids(&self, text: &str) -> Vec<i32> {
        self.tokenizer.ids(text, LONGEST)
    }
}

fn rejected(file: &'static str, source: Box<dyn std::error::Error + Send + Sync>) -> LoadError {
    LoadError::Rejected { file, source }
}
