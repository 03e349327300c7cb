//! What is remembered about a caller, as pure rules over documents: no store, no clock, no agent.
//!
//! | module | holds |
//! | --- | --- |
//! | [`model`], [`session_id`] | the documents; what a session is called in them |
//! | [`talk`] | what a conversation has come to |
//! | [`fold`] | a finished call becomes part of the profile |
//! | [`facts`], [`consent`] | what callers say of themselves; what they agreed to |
//! | [`summary`], [`rolling`] | the profile's summary; that of a running call |
//! | [`merge`], [`merge_copies`] | two profiles of one person; two copies of one call |
//! | [`digest`] | a session's identity |
//! | [`summarizer`], [`improve`] | what a model is asked for; how its answer is taken in |
//! | [`greeting`], [`prompt_block`] | what may be said aloud; what a model is told |
//! | [`why`] | the receipts |
//! | [`source`] | which call and turn something comes from |

pub mod consent;
pub mod digest;
pub mod facts;
pub mod fold;
pub mod greeting;
pub mod improve;
pub mod kept;
pub mod merge;
pub mod merge_copies;
pub mod model;
pub mod prompt_block;
pub mod rolling;
pub mod session_id;
pub mod source;
pub mod summarizer;
pub mod summary;
pub mod talk;
pub mod why;
