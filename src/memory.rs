//! What is remembered about a caller: the model, the store, and what fills it.

pub(crate) mod clean;
pub mod clock;
pub mod consent;
pub mod directory;
pub mod facts;
pub mod hang_up;
pub mod merge;
pub mod model;
pub mod process;
pub mod prompt_block;
pub mod redis;
pub mod rolling;
mod rules;
pub mod settings;
pub mod sqlite;
pub mod store;
pub mod summary;
pub mod topic;
pub mod why;
