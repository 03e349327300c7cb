//! One phone call as a pure state machine: events in, actions out, `now` passed in.
//!
//! | module | holds |
//! | --- | --- |
//! | [`call`] | the call itself: its contract, its phases, its end |
//! | [`event`], [`action`] | what happens to it, and what it wants done |
//! | [`settings`] | the numbers and sentences behind its behaviour |
//! | [`patience`] | how long a caller is waited for, in one word |
//! | `conversation` | what is said next, interruptions, silence, the last words |
//! | `floor` | whose turn it is |
//! | `ears`, `endpointer`, `turn_listener`, `model_listener`, [`caller_turn`] | from voice and transcripts, or what a recogniser or a speech-to-speech model tells of turns, to "the caller has finished, and said this" |
//! | `agent_turn`, `script`, `playout` | the agent's turn in progress: its stages, its words, how much of it was heard |
//! | [`acts`], `tools` | what an agent does beside what it says; the tools of a turn |
//! | `context`, `transcript`, `timer` | what all of these work with: the turns so far; a named slot for each deadline |
//! | `text` | text that is longer than one turn |
//! | [`turn`], [`ids`] | what was said; the typed identifiers |
//! | [`audio`] | 8 kHz μ-law: frames, the G.711 tables |
//! | [`log`] | a recorded call, and its replay |
//!
//! No I/O, no clock, no randomness: [`Call`] decides, the gateway's shell performs.

pub mod action;
pub mod acts;
pub mod audio;
pub mod call;
pub mod caller_turn;
pub mod event;
pub mod ids;
pub mod log;
pub mod patience;
pub mod settings;
pub mod turn;

mod agent_turn;
mod context;
mod conversation;
mod ears;
mod endpointer;
mod floor;
mod model_listener;
mod playout;
mod script;
mod text;
mod timer;
mod tools;
mod transcript;
mod turn_listener;

pub use action::{Action, Cue, EndReason};
pub use acts::{Act, Effect, Part, ToolCallId, ToolOutcome, ToolRequest};
pub use audio::Frame;
pub use call::Call;
pub use caller_turn::VoiceQuality;
pub use event::{EndSignal, Event, Load, ReplyEnd, SpokenWord};
pub use ids::{CallId, IdError, StreamId, TurnId, UtteranceId};
pub use patience::Patience;
pub use settings::{DeadAir, Endpointing, Medium, Prompts, Settings};
pub use turn::{Role, Turn, Via};
