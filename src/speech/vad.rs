//! Voice activity: when the caller starts and stops speaking.
//!
//! | module | holds |
//! | --- | --- |
//! | [`silero`] | the net that tells speech from everything else |
//! | `gate` | the cheap look at a frame's energy that lets the net sleep on a quiet line |
//! | `history` | the last frames of the line |

mod gate;
mod history;
pub mod silero;

use std::sync::Arc;
use std::time::Duration;

use redial_call::Frame;
use redial_call::audio::FRAME_BYTES;

use self::gate::Gate;
use self::history::History;
use self::silero::{CONTEXT, Silero, State, WINDOW};

/// A window at least this likely to hold speech counts towards a start; it also takes back a stop that is not confirmed yet.
/// The default of Silero's own segmentation.
const START: f32 = 0.5;
/// A window less likely than this counts towards a stop. Silero's default: 0.15 below the start.
const STOP: f32 = 0.35;
/// Windows in a row that confirm a start: 64 ms, as a click fills one window and a spoken sound several.
const START_WINDOWS: u32 = 2;
/// Windows that confirm a stop: 128 ms. Silero's default is 100 ms; the closure of a "t" or "k" is shorter than that.
const STOP_WINDOWS: u32 = 4;
/// How far behind the line the net may be while it sleeps, in windows. It hears these first when it wakes: enough for the
/// soft beginning of a word, which the gate does not hear, and for its state to settle (our measurement).
const CATCH_UP_WINDOWS: u64 = 5;

/// How long the caller has been silent, at least, when [`VadEdge::Stopped`] is reported.
pub const STOP_LAG: Duration = Duration::from_millis(STOP_WINDOWS as u64 * 32);

/// The caller's speech began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VadEdge {
    /// The caller speaks, since 64 ms or a little more: see [`Vad::pre_roll`].
    Started,
    /// The caller has been silent for [`STOP_LAG`].
    Stopped,
}

/// Voice activity of one call. Cheap enough (see [`Vad::push`]) for the task that reads the call's socket.
///
/// The net hears all of the line but what is quiet for long; there the line's energy alone is watched.
pub struct Vad {
    net: Arc<Silero>,
    state: State,
    history: History,
    gate: Option<Gate>,
    /// Samples that the net has heard, or slept through: a multiple of a window's.
    heard: u64,
    speaking: bool,
    /// Windows that speak for the opposite of `speaking`.
    against: u32,
    /// Frames pushed up to the last stop, which belong to the speech before it.
    stopped_at: u64,
}

impl Vad {
    /// For a call that begins, on a net shared with all calls.
    pub fn new(net: Arc<Silero>) -> Self {
        Self {
            gate: Some(Gate::default()),
            ..Self::always_awake(net)
        }
    }

    /// As [`Vad::new`], but the net never sleeps: the yardstick for the gate.
    pub fn always_awake(net: Arc<Silero>) -> Self {
        Self {
            net,
            state: State::default(),
            history: History::default(),
            gate: None,
            heard: 0,
            speaking: false,
            against: 0,
            stopped_at: 0,
        }
    }

    /// Takes the next 20 ms of the line and says whether speech began or ended with it.
    ///
    /// Costs about 60 µs when the net hears a window (5 frames of 8), under 1 µs on a quiet line, and up to five
    /// windows at once when the net wakes.
    pub fn push(&mut self, frame: &Frame) -> Option<VadEdge> {
        self.history.push(frame);
        let awake = match &mut self.gate {
            Some(gate) => gate.hears(frame) || self.speaking || self.against > 0,
            None => true,
        };
        if !awake {
            // What the net misses stays within reach, so that it can go back when the line comes alive.
            let windows = (self.history.samples() - self.heard) / WINDOW as u64;
            self.heard += windows.saturating_sub(CATCH_UP_WINDOWS) * WINDOW as u64;
            return None;
        }
        let mut edge = None;
        while self.heard + WINDOW as u64 <= self.history.samples() {
            let mut samples = [0.0; CONTEXT + WINDOW];
            self.history
                .copy_until(self.heard + WINDOW as u64, &mut samples);
            self.heard += WINDOW as u64;
            let probability = self.net.probability(&samples, &mut self.state);
            // Of the few windows of one push only one can confirm: after it, others count from zero.
            edge = self.weigh(probability).or(edge);
        }
        edge
    }

    /// The last frames, oldest first, up to and including the one just pushed: at most 400 ms. Taken when speech has
    /// started, they hold the first word from its beginning. Frames up to the last stop, which belong to the
    /// speech before, are not among them.
    pub fn pre_roll(&self) -> impl Iterator<Item = Frame> {
        self.history.frames_after(self.stopped_at)
    }

    /// Whether the caller speaks now.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    fn weigh(&mut self, probability: f32) -> Option<VadEdge> {
        let (confirms, needed) = if self.speaking {
            (probability < STOP, STOP_WINDOWS)
        } else {
            (probability >= START, START_WINDOWS)
        };
        if confirms {
            self.against += 1;
        } else if !self.speaking || probability >= START {
            self.against = 0; // between the two thresholds, a stop stays as near as it was
        }
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.speaking = !self.speaking;
        if self.speaking {
            return Some(VadEdge::Started);
        }
        self.stopped_at = self.history.samples() / FRAME_BYTES as u64;
        Some(VadEdge::Stopped)
    }
}
