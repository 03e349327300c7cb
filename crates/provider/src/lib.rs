//! The seams of a call: ears, mind and voice, the error they share, what wraps them, and scripted ones for tests.
//!
//! | module | holds |
//! | --- | --- |
//! | [`stt`] | ears |
//! | [`agent`] | mind |
//! | [`tts`] | voice; the phrase cache and the voice behind a voice |
//! | [`scripted`] | ears and a voice that do as they are told |

pub mod agent;
mod error;
pub mod scripted;
pub mod stt;
pub mod tts;

pub use error::{BoxError, ProviderError};
