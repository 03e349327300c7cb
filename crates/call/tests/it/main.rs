//! The core's replays and properties.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod properties;
mod replays;
mod tools;
