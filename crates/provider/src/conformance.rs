//! What every guest of a seam must do, whoever it is: run these on a new one first.
//!
//! Each check panics with what was wrong. They know nothing of a vendor: where one needs a server, the test brings a scripted one.

pub mod agent;
pub mod realtime;
pub mod stt;
pub mod tts;

#[cfg(test)]
mod tests;

use std::time::Duration;

/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_secs(60);
