//! What is remembered about a caller: the model, the store, and what fills it.

pub mod model;
pub mod redis;
pub mod settings;
pub mod store;
