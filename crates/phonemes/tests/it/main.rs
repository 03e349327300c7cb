//! The front end with the voice's real data files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking, and measures time")]

mod golden;
mod hostile;
mod load;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use redial_phonemes::Phonemizer;

/// Loaded once for all tests.
fn phonemizer() -> &'static Phonemizer {
    static LOADED: OnceLock<Phonemizer> = OnceLock::new();
    LOADED.get_or_init(|| Phonemizer::load(&models()).unwrap())
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/hibari")
}
