//! Our own voice on its way round: out to the caller's ear, and back from a telephone on speaker.

use std::time::Duration;

use redial_call::audio::{FRAME_BYTES, FRAME_DURATION};
use redial_call::{Frame, TurnId};
use redial_speech::echo::EchoGuard;
use tokio::time::Instant;

/// How much echo is told of at once, in ms: three frames.
const TOLD_MS: u32 = 60;

/// Knows what the caller hears when, and tells what comes back of it.
#[derive(Default)]
pub(super) struct Loopback {
    guard: EchoGuard,
    /// When the carrier will have played what it was sent, and of which turn that is.
    until: Option<(TurnId, Instant)>,
    /// Echo that was not told of, in ms.
    untold_ms: u32,
}

impl Loopback {
    /// A piece of a turn's audio was sent. One that comes after the caller has heard all before it is late, and the metrics
    /// say by how much; each piece counts.
    pub(super) fn played(&mut self, turn: TurnId, ulaw: &[u8]) {
        let now = Instant::now();
        let until = self.until.filter(|(of, _)| *of == turn).map(|(_, until)| until);
        if let Some(until) = until {
            metrics::histogram!("redial_audio_lateness_seconds").record((now - until).as_secs_f64());
        }
        let mut at = self.until.map_or(now, |(_, until)| until.max(now));
        for frame in ulaw.chunks(FRAME_BYTES) {
            self.guard.played(&Frame::padded(frame), whole_ms(at - now));
            at += FRAME_DURATION;
        }
        self.until = Some((turn, at));
    }

    /// What was sent and not played never will be.
    pub(super) fn cleared(&mut self) {
        self.guard.cleared();
        self.until = None;
    }

    /// Takes a frame of the line. Some: how much of the voice of late was ours, in ms, each told once.
    pub(super) fn heard(&mut self, frame: &Frame, voiced: bool) -> Option<u32> {
        let echo = self.guard.heard(frame);
        if !voiced {
            self.untold_ms = 0;
        } else if echo {
            self.untold_ms += whole_ms(FRAME_DURATION);
        }
        let ms = self.untold_ms;
        (ms >= TOLD_MS).then(|| {
            self.untold_ms = 0;
            ms
        })
    }
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
