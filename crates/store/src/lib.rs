//! Where memory is kept, and how it gets there: nothing said is lost on the way.
//!
//! | module | holds |
//! | --- | --- |
//! | [`store`], [`directory`] | what calls ask of a store; what operators ask |
//! | [`redis`], [`sqlite`], [`process`] | the stores |
//! | [`spool`] | journal, outbox, deliveries: what was said waits on this disk |
//! | [`mirror`], [`resume`], [`fate`] | live calls for other instances; a call goes on; what became of a call |
//! | [`hang_up`] | one write: conflicts, other copies, moved numbers |
//! | [`archive`] | finished calls, kept for good |
//! | [`rekey`], [`erasure`] | callers under former hashes; whom an erasure is about |
//! | [`import`] | four older layouts |
//! | [`settings`], [`clock`] | how long things are kept; the time |

pub mod archive;
pub mod clock;
pub mod directory;
pub mod erasure;
pub mod fate;
pub mod hang_up;
pub mod import;
pub mod mirror;
pub mod process;
pub mod redis;
pub mod rekey;
pub mod resume;
mod rules;
pub mod settings;
pub mod spool;
pub mod sqlite;
pub mod store;

/// Any error from below.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
