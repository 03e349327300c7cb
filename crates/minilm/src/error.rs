//! Why the model cannot be loaded, or a sentence has no embedding.

use std::io;
use std::path::PathBuf;

/// Why the model cannot be used. The text names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there, or cannot be read.
    #[error(
        "model file `{}` cannot be read ({source}): set MODELS_DIR to the folder that holds the models, such as the source \
         tree's `models`",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is there and is another one: cut short, a Git LFS pointer, another version.
    #[error("model file `{file}` cannot be used; restore it from the source tree")]
    Rejected {
        /// Its name in the model's folder.
        file: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a sentence has no embedding. With the files that this crate was made for, that does not happen.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The engine gave up.
    #[error("the sentence net cannot be run")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The net's output is not a vector for each piece, or has no direction.
    #[error("the sentence net gave no embedding")]
    Output,
}
