//! Text to speech: the trait. One implementation a vendor, in the folder of the same name.
//!
//! [`cache`] and [`fallback`] wrap other voices.

pub mod cache;
pub mod fallback;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use redial_call::Frame;

use crate::ProviderError;

/// Text in, speech out.
pub trait Tts: Send + Sync {
    /// Speaks `text` (one or more sentences) as frames of 20 ms, as fast as they are made.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the request.
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Frame, ProviderError>>;

    /// The whole speech as μ-law, where it is there already: to be shared, not copied.
    fn kept(&self, text: &str) -> Option<Arc<[u8]>> {
        let _ = text;
        None
    }
}
