//! What an embedding costs on one thread: loading, memory, sentences of 7, 16 and 39 words, and a text that is cut.
//!
//! `cargo bench -p redial-minilm --bench sentence` prints the median and the 95th percentile.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints, reads the clock and stops at the first error"
)]

use std::path::Path;
use std::time::Instant;

use redial_minilm::MiniLm;

const PASSES: usize = 300;

const SENTENCES: [&str; 3] = [
    "Can I talk to a real person?",
    "I would like to move my appointment from Tuesday morning to some time next week, please.",
    "So I called you last week about the washing machine, and somebody said that they would send a technician on Friday, but nobody \
     ever came, and now there is water all over the kitchen floor and I need help.",
];

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm");
    let before = resident_mib();
    let began = Instant::now();
    let minilm = MiniLm::load(&folder).unwrap();
    println!("{:32}{:>9.1} ms", "load", 1e3 * began.elapsed().as_secs_f64());
    println!("{:32}{:>9.1} MiB, peak {:.1}", "resident memory after it", resident_mib() - before, peak_mib() - before);
    println!("{:32}{:>9}   {:>9}", "", "p50", "p95");
    let too_long = SENTENCES.concat().repeat(3);
    for text in SENTENCES.into_iter().chain([too_long.as_str()]) {
        let embed = || {
            let began = Instant::now();
            minilm.embed(text).unwrap();
            1e3 * began.elapsed().as_secs_f64()
        };
        // The first warms the caches.
        let mut costs: Vec<f64> = (0..=PASSES).map(|_| embed()).skip(1).collect();
        costs.sort_by(f64::total_cmp);
        let name = format!("{} words, ms", text.split(' ').count());
        println!("{name:32}{:>9.2}   {:>9.2}", costs[costs.len() / 2], costs[costs.len() * 95 / 100]);
    }
    println!("{:32}{:>9.1} MiB", "resident memory after them", resident_mib() - before);
}

fn resident_mib() -> f64 {
    status_mib("VmRSS:")
}

fn peak_mib() -> f64 {
    status_mib("VmHWM:")
}

/// A line of the process's status, as Linux has it.
fn status_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
