//! What a sentence of the natural voice costs: the net, the vocoder, the first audio, and all of it as a share of its length.
//!
//! `cargo bench --bench voice` prints the median and the 95th percentile over twenty sentences, each spoken several times on one thread.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops at the first error")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use redial_hibari::{Flow, SAMPLE_RATE_HZ, Voice};
use redial_phonemes::Phonemizer;
use redial_speech::models::DEFAULT_FOLDER;
use rten::ThreadPool;

const PASSES: usize = 15;

const SENTENCES: [&str; 20] = [
    "Hello, you have reached the office of Doctor Parker.",
    "What time do you close on Saturday?",
    "Your number is 555-0142.",
    "Oh no! That is all wrong, we are so sorry about that.",
    "Thank you for calling. Goodbye.",
    "Welcome back, Jennifer. Is this about your appointment?",
    "I can move it to Tuesday the 12th at 9:30 in the morning.",
    "Would you like me to read that back to you?",
    "We are open from 8 in the morning until 6 in the evening.",
    "Please hold on while I look that up.",
    "Your balance is $42.50.",
    "The package left our warehouse yesterday and should arrive on Friday.",
    "I did not catch that, could you say it again?",
    "There is parking behind the building, next to the pharmacy.",
    "Could I have the last four digits of your phone number?",
    "Your appointment is confirmed for Thursday at 3 in the afternoon.",
    "If you would like to speak to a person, just say so at any time.",
    "The doctor is on holiday this week, but her colleague can see you tomorrow.",
    "I have written that down, and somebody will call you back within the hour.",
    "Is there anything else that I can help you with today?",
];

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_FOLDER).join("hibari");
    let began = Instant::now();
    let phonemizer = Phonemizer::load(&folder).unwrap();
    let voice = Voice::load(&folder).unwrap();
    println!("{:32}{:>9.1} ms", "load", 1e3 * began.elapsed().as_secs_f64());
    let threads = Arc::new(ThreadPool::with_num_threads(1));

    let mut costs = Costs::default();
    for pass in 0..=PASSES {
        for text in SENTENCES {
            let began = Instant::now();
            let ids = phonemizer.ids(&phonemizer.phonemes(text));
            let read = began.elapsed().as_secs_f64();
            let mut first = None;
            let mut samples = 0;
            voice
                .synthesize(&ids, 1.0, Some(&threads), |block| {
                    first.get_or_insert_with(|| began.elapsed().as_secs_f64());
                    samples += block.len();
                    Flow::Continue
                })
                .unwrap();
            let all = began.elapsed().as_secs_f64();
            let first = first.unwrap();
            // The first pass warms the caches.
            if pass > 0 {
                costs.reading.push(1e3 * read);
                costs.net.push(1e3 * (first - read));
                costs.vocoder.push(1e3 * (all - first));
                costs.first.push(1e3 * first);
                costs.factor.push(all * f64::from(SAMPLE_RATE_HZ) / samples as f64);
            }
        }
    }
    println!("{:32}{:>9}   {:>9}", "", "p50", "p95");
    report("text to phonemes, ms", &mut costs.reading);
    report("net and first block, ms", &mut costs.net);
    report("vocoder, all other blocks, ms", &mut costs.vocoder);
    report("text to first audio, ms", &mut costs.first);
    report("all, as a share of its length", &mut costs.factor);
}

#[derive(Default)]
struct Costs {
    reading: Vec<f64>,
    net: Vec<f64>,
    vocoder: Vec<f64>,
    first: Vec<f64>,
    factor: Vec<f64>,
}

fn report(name: &str, costs: &mut [f64]) {
    costs.sort_by(f64::total_cmp);
    println!("{name:32}{:>9.4}   {:>9.4}", costs[costs.len() / 2], costs[costs.len() * 95 / 100]);
}
