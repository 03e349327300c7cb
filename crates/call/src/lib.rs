//! One phone call as a pure state machine: events in, actions out, `now` passed in.
//!
//! | module | holds |
//! | --- | --- |
//! | [`call`] | the call itself: whose turn it is, interruptions, silence, the end |
//! | [`event`], [`action`] | what happens to it, and what it wants done |
//! | [`settings`] | the numbers and sentences behind its behaviour |
//! | [`patience`] | how long a caller is waited for, in one word |
//! | `ear` | endpointing: from voice and transcripts to "the caller has finished" |
//! | `saying`, `playout` | the agent's turn in progress; how much of it was heard |
//! | `timer` | its deadlines, one named slot each |
//! | `text` | text that is longer than one turn |
//! | [`turn`], [`ids`] | what was said; the typed identifiers |
//! | [`audio`] | 8 kHz μ-law: frames, the G.711 tables |
//! | [`log`] | a recorded call, and its replay |
//!
//! No I/O, no clock, no randomness: [`Call`] decides, the gateway's shell performs.

pub mod action;
pub mod audio;
pub mod call;
pub mod event;
pub mod ids;
pub mod log;
pub mod patience;
pub mod settings;
pub mod turn;

mod ear;
mod playout;
mod saying;
mod text;
mod timer;

pub use action::{Action, Cue, EndReason};
pub use audio::Frame;
pub use call::Call;
pub use event::{EndSignal, Event, Load};
pub use ids::{CallSid, IdError, StreamSid, TurnId, UtteranceId};
pub use patience::Patience;
pub use settings::{DeadAir, Prompts, Settings};
pub use turn::{Role, Turn, Via};
