//! The integration tests: one binary, one module a theme.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may")]

mod agent;
mod memory;
mod redis;
mod speech;
mod streams;
mod support;
mod webhooks;
