//! What is remembered about a caller: the model, the store, and what fills it.

pub(crate) mod clean;
pub mod clock;
pub mod directory;
pub mod hang_up;
pub mod jitter;
pub mod model;
pub mod process;
pub mod redis;
mod rules;
pub mod settings;
pub mod sqlite;
pub mod store;
pub mod summary;
pub mod topic;
