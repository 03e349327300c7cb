//! The integration tests: one binary, one module a theme.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may")]

mod ancestor;
mod calls;
mod carriers;
mod commands;
mod deaths;
mod doors;
mod faults;
mod guests;
mod import;
mod instances;
mod logs;
mod memory;
mod operations;
mod proxy;
mod redis;
mod replays;
mod seeds;
mod simulate;
mod simulation;
mod speech;
mod spellings;
mod stalls;
mod streams;
mod structure;
mod support;
mod toy_redis;
mod webhooks;
