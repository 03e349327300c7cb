//! Learns what callers mean from `crates/language/en/meanings.toml`, and writes the weights beside it. Takes half a minute:
//! `cargo run --release -p redial-agent --example learn`
#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use std::error::Error;
use std::path::Path;

use redial_language::meaning::{examples, learn};
use redial_minilm::MiniLm;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let net = MiniLm::load(&root.join("models/minilm"))?;
    let (all, digest) = examples();
    let mut vectors = Vec::new();
    for (intent, text) in &all {
        vectors.push((*intent, net.embed(text)?.as_slice().to_vec()));
    }
    let learned = learn::learn(&vectors);
    let right = vectors.iter().filter(|(intent, vector)| learned.intent(vector) == *intent).count();
    let weights = root.join("crates/language/en/meanings.weights");
    std::fs::write(&weights, learned.to_bytes(digest))?;
    println!("{} examples, {right} of them told right; {} written", all.len(), weights.display());
    Ok(())
}
