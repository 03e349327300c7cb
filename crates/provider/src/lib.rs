//! The seams of a call: ears, mind, hands and voice, the error they share, what wraps them, and scripted ones for tests.
//!
//! | module | holds |
//! | --- | --- |
//! | [`stt`] | ears |
//! | [`agent`] | mind |
//! | [`tools`] | what a mind may do beside talking |
//! | [`meaning`] | what sentences mean, as vectors |
//! | [`tts`] | voice; the phrase cache and the voice behind a voice |
//! | [`realtime`] | all of these in one: a speech-to-speech model |
//! | `conformance` | what every guest of a seam must do, for their tests |
//! | [`scripted`] | ears, a mind, hands, a voice and such a model that do as they are told |

pub mod agent;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod meaning;
pub mod realtime;
pub mod scripted;
pub mod stt;
pub mod tools;
pub mod tts;

pub use error::{BoxError, ProviderError};
