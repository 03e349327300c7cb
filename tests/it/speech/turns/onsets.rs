//! When voice activity notices a caller: wherever their first sound lies between frames and windows.

use redial_call::audio::{FRAME_BYTES, SILENCE};
use redial_speech::vad::{Vad, VadEdge};

use super::recordings::recordings;
use crate::speech::ears::frames;
use crate::support::gateway::silero;

/// From the first sound. With the 80 ms after which the agent pauses it stays below the 300 ms of `STOP_MS`.
const NOTICED_MS: u64 = 200;

#[test]
fn an_interruption_is_noticed_soon_wherever_it_begins() {
    let mut late = Vec::new();
    for caller in recordings("interruption") {
        // Each by one frame more, and by an eighth of one: all the places in five windows.
        let noticed: Vec<u64> = (0..8)
            .map(|shift| {
                let before = 400 * FRAME_BYTES + shift * (FRAME_BYTES + FRAME_BYTES / 8);
                let line = [vec![SILENCE; before], caller.ulaw.clone()].concat();
                let mut vad = Vad::new(silero());
                let started = frames(&line).iter().position(|frame| vad.push(frame) == Some(VadEdge::Started));
                let heard = (started.expect("it is speech") + 1) * FRAME_BYTES - before;
                (heard as u64 / 8).saturating_sub(caller.begin_ms)
            })
            .collect();
        eprintln!("{:20} {:7} noticed after {noticed:?} ms", caller.file, caller.voice);
        if noticed.iter().any(|ms| *ms > NOTICED_MS) {
            late.push(caller.file);
        }
    }
    assert!(late.is_empty(), "{late:?}");
}
