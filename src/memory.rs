//! What is remembered about a caller: the model, the store, and what fills it.

pub mod archive;
pub(crate) mod clean;
pub mod clock;
pub mod digest;
pub mod directory;
pub mod hang_up;
pub mod import;
pub mod jitter;
pub mod mirror;
pub mod model;
pub mod process;
pub mod redis;
pub mod rekey;
pub mod resume;
mod rules;
pub mod settings;
pub mod spool;
pub mod sqlite;
pub mod store;
pub mod summarizer;
pub mod summary;
pub mod topic;
pub mod unite;
