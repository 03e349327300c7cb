//! What is remembered about a caller: the model, the store, and what fills it.

pub(crate) mod clean;
pub mod model;
pub mod redis;
pub mod settings;
pub mod store;
pub mod summary;
pub mod topic;
