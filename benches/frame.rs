//! What one inbound frame costs before the core sees it: μ-law, voice activity on speech and on a quiet line.
//!
//! `cargo bench --bench frame` prints the median over many passes, in ns a frame. Compare only runs on one machine.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops at the first error")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use redial_call::Frame;
use redial_call::audio::{self, FRAME_BYTES};
use redial_speech::vad::Vad;
use redial_speech::vad::silero::Silero;
use redial_speech::{models, wav};

const PASSES: usize = 41;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let net = Arc::new(Silero::load(&root.join(models::DEFAULT_FOLDER)).unwrap());
    let speech = frames(&wav::read(&std::fs::read(root.join("fixtures/audio/lv0870.wav")).unwrap()).unwrap());
    // The least that μ-law can carry: a line with nobody on it.
    let quiet = frames(&[0xff, 0xfe, 0x7e, 0xff].repeat(50 * FRAME_BYTES));

    report("μ-law decode", &speech, || {
        |frame: &Frame| {
            black_box(frame.as_bytes().map(audio::decode));
        }
    });
    let vad = |awake: bool| {
        let net = &net;
        move || {
            let mut vad = if awake { Vad::always_awake(Arc::clone(net)) } else { Vad::new(Arc::clone(net)) };
            // The first frames of a call find the net awake.
            for frame in &frames(&[audio::SILENCE; 50 * FRAME_BYTES]) {
                vad.push(frame);
            }
            move |frame: &Frame| {
                black_box(vad.push(frame));
            }
        }
    };
    report("voice activity, speech", &speech, vad(false));
    report("voice activity, quiet line", &quiet, vad(false));
    report("voice activity, quiet line, never asleep", &quiet, vad(true));
}

fn frames(ulaw: &[u8]) -> Vec<Frame> {
    ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect()
}

/// Prints the median cost of a frame; each pass runs all frames through a step made anew.
fn report<S: FnMut(&Frame)>(name: &str, frames: &[Frame], mut make: impl FnMut() -> S) {
    let mut passes: Vec<f64> = (0..PASSES)
        .map(|_| {
            let mut step = make();
            let began = Instant::now();
            for frame in frames {
                step(frame);
            }
            began.elapsed().as_nanos() as f64 / frames.len() as f64
        })
        .collect();
    passes.sort_by(f64::total_cmp);
    println!("{name:44}{:>10.0} ns a frame", passes[PASSES / 2]);
}
