//! The seams of a call: ears, mind and voice, the error they share, what wraps them, and scripted ones for tests.
//!
//! | module | holds |
//! | --- | --- |
//! | [`stt`] | ears |
//! | [`agent`] | mind |
//! | [`tts`] | voice; the phrase cache and the voice behind a voice |
//! | [`realtime`] | all three in one: a speech-to-speech model |
//! | [`scripted`] | ears, a voice and such a model that do as they are told |
//! | `conformance` | behind the feature of that name: what every guest keeps to, as checks |

pub mod agent;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod realtime;
pub mod scripted;
pub mod stt;
pub mod tts;

pub use error::{BoxError, ProviderError};
