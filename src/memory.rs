//! What is remembered about a caller: the model, the store, and what fills it.

pub mod clock;
pub mod hang_up;
pub mod model;
pub mod process;
mod rules;
pub mod settings;
pub mod sqlite;
pub mod store;
