//! Ears, a mind, hands and a voice that do as they are told, for tests, simulated calls, and as examples of how each seam is filled.

mod agent;
mod realtime;
mod stt;
mod tools;
mod tts;
mod turns;

pub use agent::ScriptedAgent;
pub use realtime::{Answer, ScriptedRealtime};
pub use stt::{Heard, ScriptedStt};
pub use tools::ScriptedTools;
pub use tts::ScriptedTts;
pub use turns::ScriptedTurns;

use super::ProviderError;

fn failure() -> ProviderError {
    ProviderError::Other("told to fail".into())
}
