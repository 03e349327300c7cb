//! Carriers that nobody runs: for tests, and as examples of how a carrier is added (`docs/carriers.md`).
//!
//! | module | holds |
//! | --- | --- |
//! | [`wideband`] | audio at 16 kHz in binary messages, without marks |
//! | [`relay`] | words instead of audio: the carrier recognises and speaks |
//! | [`orders`] | the API of the first |
//! | [`hooks`] | the webhooks of both: JSON, signed with a shared key |

pub mod hooks;
pub mod orders;
pub mod relay;
pub mod wideband;

mod members;
