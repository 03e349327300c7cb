//! The built-in agent with its net, in whole dialogues.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod dialogues;
mod judged;
mod net;
