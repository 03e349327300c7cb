//! Why the voice cannot be loaded, or does not speak.

use std::path::PathBuf;

/// Why the net cannot be used.
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
    /// The bytes are no net that the engine runs.
    #[error("the voice's net cannot be run; put the original `hibari.onnx` back")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A net, but not the voice's.
    #[error("the voice's net has no `{0}`; put the original `hibari.onnx` back")]
    Other(&'static str),
}

/// Why there is no speech.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    /// The engine gave up.
    #[error("the voice's net failed")]
    Net(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The net's output does not have the form that the vocoder reads.
    #[error("the voice's net gave `{0}` in another form than it should")]
    Form(&'static str),
}
