//! One phone call as a pure state machine: events in, actions out, `now` passed in.
//!
//! | module | holds |
//! | --- | --- |
//! | [`audio`] | 8 kHz μ-law: frames, the G.711 tables |
//! | [`ids`] | the typed identifiers of a call |
//! | [`turn`] | what was said, and how much of it was heard |
//!
//! No I/O, no clock, no randomness: `Call` decides, the gateway's shell performs.

pub mod audio;
pub mod ids;
pub mod turn;

pub use audio::Frame;
pub use ids::{CallSid, IdError, StreamSid, TurnId, UtteranceId};
pub use turn::{Role, Turn, Via};
