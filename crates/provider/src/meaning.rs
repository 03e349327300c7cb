//! Meaning: sentences as vectors, near each other where they mean the same.

use futures_util::future::BoxFuture;

use crate::ProviderError;

/// Turns texts into vectors.
pub trait Embed: Send + Sync {
    /// A vector of length 1 for each text, in their order. The same text has the same vector.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the work.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>>;
}
