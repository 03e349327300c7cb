//! The integration tests: one binary, one module a theme.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod simulate;
