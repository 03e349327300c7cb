//! Why a voice's text front end could not be loaded.

use std::path::PathBuf;

/// A data file that is missing or not what it should be. Each variant names the file; put the original back.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there, or cannot be read.
    #[error("`{}`: cannot be read", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is there, but its contents are not those of this kind of file.
    #[error("`{}`: not a {kind}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What was expected in it.
        kind: &'static str,
        /// What was found instead.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
