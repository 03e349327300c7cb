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

use redial_call::audio::FRAME_BYTES;
use redial_call::{Frame, VoiceQuality};

use self::gate::Gate;
use self::history::History;
use self::silero::{CONTEXT, Silero, State, WINDOW};

/// Speech starts when the probabilities of the last [`START_WINDOWS`] together reach this. The usual rule, two windows in a
/// row of 0.5 and more, opens on as few other sounds and up to 360 ms later where the first sounds are soft ("he was not",
/// "excuse me"): our measurement, over the fixtures.
const START_SUM: f32 = 0.65;
/// 192 ms.
const START_WINDOWS: usize = 6;
/// A window at least this likely to hold speech takes back a stop that is not confirmed yet. The default of Silero's own
/// segmentation.
const SPEECH: f32 = 0.5;
/// Speech in which no window reaches this is a murmur. Of our recordings only "mm-hmm", noises and one soft voice stay below,
/// that one for longer than any "mm-hmm".
const CLEAR: f32 = 0.85;
/// A window less likely than this counts towards a stop. Silero's default: 0.15 below what it takes for speech.
const STOP: f32 = 0.35;
/// Windows that confirm a stop: 128 ms. Silero's default is 100 ms; the closure of a "t" or "k" is shorter than that.
const STOP_WINDOWS: u32 = 4;
/// How far behind the line the net may be while it sleeps: 320 ms, in windows. It hears these first when it wakes, which is enough for
/// the soft beginning of a word, and for its state to settle: with five windows some recordings were segmented
/// differently from a net that had not slept, with ten none (our measurement).
const CATCH_UP_WINDOWS: u64 = 10;

/// Where in a window the sound begins that wakes the net, in samples. It decides what the net makes of the sound. At 192, ten minutes
/// of tones, music and noise open it once, and no caller of `fixtures/turns` later than 260 ms after their first sound; at 0,
/// they do 74 times; where it falls as it falls, 31 times, and callers up to 320 ms late (our measurement, at a sum of 0.7).
const SOUND_BEGINS: u64 = 192;

/// How long the caller has been silent, at least, when [`VadEdge::Stopped`] is reported.
pub const STOP_LAG: Duration = Duration::from_millis(STOP_WINDOWS as u64 * 32);

/// The caller's speech began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VadEdge {
    /// The caller speaks, since 32 to 192 ms: see [`Vad::pre_roll`].
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
    /// `None`: the net never sleeps.
    gate: Option<Gate>,
    asleep: bool,
    /// Samples up to the end of the latest window that the net has heard.
    heard: u64,
    speaking: bool,
    /// What the net made of the latest windows, oldest first.
    latest: [f32; START_WINDOWS],
    /// Windows that speak for a stop.
    silent: u32,
    /// The surest window of the speech that goes on, or was last.
    surest: f32,
    /// Frames pushed up to the last stop, which belong to the speech before it.
    stopped_at: u64,
}

impl Vad {
    /// For a call that begins, on a net shared with all calls.
    pub fn new(net: Arc<Silero>) -> Self {
        Self { gate: Some(Gate::default()), ..Self::always_awake(net) }
    }

    /// As [`Vad::new`], but the net never sleeps: the yardstick for the gate.
    pub fn always_awake(net: Arc<Silero>) -> Self {
        Self {
            net,
            state: State::default(),
            history: History::default(),
            gate: None,
            asleep: false,
            heard: 0,
            speaking: false,
            latest: [0.0; START_WINDOWS],
            silent: 0,
            surest: 0.0,
            stopped_at: 0,
        }
    }

    /// Takes the next 20 ms of the line and says whether speech began or ended with it.
    ///
    /// Costs about 60 µs when the net hears a window (5 frames of 8), under 1 µs on a quiet line, and up to ten
    /// windows (0.6 ms) at once when the net wakes.
    pub fn push(&mut self, frame: &Frame) -> Option<VadEdge> {
        self.history.push(frame);
        let awake = match &mut self.gate {
            Some(gate) => gate.hears(frame) || self.speaking,
            None => true,
        };
        if !awake {
            self.asleep = true;
            return None;
        }
        if self.asleep {
            self.asleep = false;
            // Fresh, because the net tires of a long quiet line: after 5 s of faint noise one that had not slept opened up
            // to 400 ms late (our measurement).
            self.state = State::default();
            self.latest = [0.0; START_WINDOWS];
            let onset = self.gate.as_ref().map_or(0, |gate| gate.onset(frame));
            let sound = self.history.samples() - (FRAME_BYTES - onset) as u64;
            self.heard = sound.saturating_sub(CATCH_UP_WINDOWS * WINDOW as u64 + SOUND_BEGINS);
        }
        let mut edge = None;
        while self.heard + WINDOW as u64 <= self.history.samples() {
            let mut samples = [0.0; CONTEXT + WINDOW];
            self.history.copy_until(self.heard + WINDOW as u64, &mut samples);
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

    /// How much of a voice the speech is that goes on, or was last.
    pub fn quality(&self) -> VoiceQuality {
        if self.surest < CLEAR { VoiceQuality::Murmur } else { VoiceQuality::Clear }
    }

    fn weigh(&mut self, probability: f32) -> Option<VadEdge> {
        self.latest.rotate_left(1);
        self.latest[START_WINDOWS - 1] = probability;
        if !self.speaking {
            self.speaking = self.latest.iter().sum::<f32>() >= START_SUM;
            self.silent = 0;
            self.surest = self.latest.into_iter().fold(0.0, f32::max);
            return self.speaking.then_some(VadEdge::Started);
        }
        self.surest = self.surest.max(probability);
        if probability < STOP {
            self.silent += 1;
        } else if probability >= SPEECH {
            self.silent = 0; // between the two thresholds, a stop stays as near as it was
        }
        if self.silent < STOP_WINDOWS {
            return None;
        }
        self.speaking = false;
        self.latest = [0.0; START_WINDOWS];
        self.stopped_at = self.history.samples() / FRAME_BYTES as u64;
        Some(VadEdge::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;

    use redial_call::audio::{self, SAMPLE_RATE_HZ};

    use super::*;
    use crate::models::DEFAULT_FOLDER;
    use crate::wav;

    const SECOND: usize = SAMPLE_RATE_HZ as usize;

    static NET: LazyLock<Arc<Silero>> = LazyLock::new(|| Arc::new(Silero::load(&root().join(DEFAULT_FOLDER)).unwrap()));

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    /// All recordings, as 16-bit samples.
    fn recordings() -> Vec<(PathBuf, Vec<f32>)> {
        let folders = ["fixtures/audio", "fixtures/audio/synthetic"].map(|folder| root().join(folder));
        let mut files: Vec<PathBuf> = folders
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
            .collect();
        files.sort();
        assert_eq!(files.len(), 31);
        let read = |path: &PathBuf| {
            let ulaw = wav::read(&std::fs::read(path).unwrap()).unwrap();
            ulaw.into_iter().map(|byte| f32::from(audio::decode(byte))).collect()
        };
        files.iter().map(|path| (path.clone(), read(path))).collect()
    }

    /// A sample for each place in time.
    type Sound<'a> = Box<dyn Fn(usize) -> f32 + 'a>;

    /// White noise between -1 and 1: the same at every run.
    fn noise() -> impl Iterator<Item = f32> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    fn frames(samples: &[f32]) -> Vec<Frame> {
        let ulaw: Vec<u8> = samples.iter().map(|&sample| audio::encode(sample as i16)).collect();
        ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect()
    }

    /// Which frame each edge came with.
    fn edges(mut vad: Vad, frames: &[Frame]) -> Vec<(usize, VadEdge)> {
        frames.iter().enumerate().filter_map(|(at, frame)| Some((at, vad.push(frame)?))).collect()
    }

    /// Leaves out pauses of at most 140 ms within speech: whether the net sees one hangs on a hair, and the pre-roll of
    /// the speech after it begins where the speech before it ended. Leaves out as well what stops within 140 ms: a soft
    /// beginning, which the speech after it holds in its pre-roll.
    fn without_brief_edges(edges: &[(usize, VadEdge)]) -> Vec<(usize, VadEdge)> {
        let mut kept: Vec<(usize, VadEdge)> = Vec::new();
        for &(at, edge) in edges {
            match (edge, kept.last()) {
                (VadEdge::Started, Some(&(stopped, VadEdge::Stopped))) if at - stopped <= 7 => {
                    kept.pop();
                }
                (VadEdge::Stopped, Some(&(started, VadEdge::Started))) if at - started <= 7 => {
                    kept.pop();
                }
                (_, _) => kept.push((at, edge)),
            }
        }
        kept
    }

    #[test]
    fn the_gate_moves_few_edges_and_none_out_of_the_pre_roll() {
        const QUIET: usize = 5 * SECOND;
        // Digital silence; a quiet and a poor line, at -71 and -55 dBFS.
        for level in [0.0, 16.0, 100.0] {
            let mut line = vec![0.0; QUIET];
            let mut spoken = Vec::new();
            for (_, recording) in recordings() {
                // Where frames and windows begin together, so that the two are out of step by less than a frame.
                let start = line.len().next_multiple_of(8 * FRAME_BYTES);
                line.resize(start, 0.0);
                line.extend(&recording);
                spoken.push((start / FRAME_BYTES, line.len() / FRAME_BYTES));
                line.resize(line.len() + QUIET, 0.0);
            }
            for (sample, noise) in line.iter_mut().zip(noise()) {
                *sample += level * noise;
            }
            let line = frames(&line);
            let gated = edges(Vad::new(NET.clone()), &line);

            // The yardstick hears each recording fresh, with a second of the line around it, and never sleeps.
            let awake: Vec<(usize, VadEdge)> = spoken
                .iter()
                .flat_map(|&(start, end)| {
                    let heard = &line[start - 48..end + 50];
                    edges(Vad::always_awake(NET.clone()), heard)
                        .into_iter()
                        .map(move |(at, edge)| (start - 48 + at, edge))
                })
                .collect();
            assert!(awake.len() > 60, "{} edges", awake.len());
            let (gated, awake) = (without_brief_edges(&gated), without_brief_edges(&awake));
            assert_eq!(gated.len(), awake.len(), "noise {level}");
            let mut moved = 0;
            for ((gated, edge), (awake, same)) in gated.iter().zip(&awake) {
                assert_eq!(edge, same);
                // Two windows of 32 ms.
                moved += usize::from(gated.abs_diff(*awake) > 3);
                // A soft beginning may count for less after a sleep; the pre-roll has 20 frames.
                assert!(gated.abs_diff(*awake) <= 15, "noise {level}: {edge:?} at {gated}, not {awake}");
            }
            assert!(moved <= 3, "noise {level}: {moved} edges");
        }
    }

    #[test]
    fn the_net_sleeps_on_a_quiet_line() {
        for level in [0.0, 16.0, 100.0] {
            let line: Vec<f32> = noise().map(|noise| level * noise).take(60 * SECOND).collect();
            let mut gate = Gate::default();
            let open = frames(&line).iter().map(|frame| gate.hears(frame)).skip(500).filter(|open| *open).count();
            assert!(open < 50, "noise {level}: awake in {open} of 2500 frames");
        }
    }

    #[test]
    fn speech_opens_once_it_is_there_and_closes_soon_after_it() {
        for (path, recording) in recordings() {
            let mut line = vec![0.0; SECOND];
            line.extend(&recording);
            line.extend([0.0; SECOND]);
            let edges = edges(Vad::new(NET.clone()), &frames(&line));
            let name = path.display();
            assert!(edges.len() >= 2 && edges.len().is_multiple_of(2), "{name}: {edges:?}");
            let (first, last) = (edges[0], edges[edges.len() - 1]);
            assert!(first.1 == VadEdge::Started && first.0 >= 50, "{name}: {edges:?}");
            let spoken = 50 + recording.len() / FRAME_BYTES;
            assert!(last.1 == VadEdge::Stopped && last.0 < spoken + 20, "{name}: {edges:?} of {spoken}");
        }
    }

    #[test]
    fn what_is_not_speech_does_not_open() {
        let time = |n: usize| n as f32 / SECOND as f32;
        let tones =
            |hz: &'static [f32]| move |n: usize| hz.iter().map(|hz| 5000.0 * (TAU * hz * time(n)).sin()).sum::<f32>();
        let hiss: Vec<f32> = noise().take(10 * SECOND).collect();
        let ringback = tones(&[440.0, 480.0]);
        let (digit, other_digit) = (tones(&[770.0, 1336.0]), tones(&[941.0, 1477.0]));
        let chord = tones(&[261.6, 329.6, 392.0]);
        let sounds: [(&str, Sound<'_>); 5] = [
            ("ringback", Box::new(|n| if n % (6 * SECOND) < 2 * SECOND { ringback(n) } else { 0.0 })),
            (
                "keypad",
                Box::new(|n| match n / 800 % 4 {
                    0 => digit(n),
                    2 => other_digit(n),
                    _ => 0.0,
                }),
            ),
            ("chord", Box::new(chord)),
            ("clicks", Box::new(|n| 15_000.0 * hiss[n] * (-((n % 2000) as f32) / 20.0).exp())),
            ("breath", Box::new(|n| 800.0 * hiss[n] * (TAU * 0.25 * time(n)).sin().max(0.0))),
        ];
        for (name, sound) in &sounds {
            let line: Vec<f32> = (0..10 * SECOND).map(sound).collect();
            assert_eq!(edges(Vad::new(NET.clone()), &frames(&line)), [], "{name}");
        }
    }

    #[test]
    fn the_pre_roll_holds_the_first_word_and_nothing_of_the_speech_before() {
        let (_, recording) = recordings().into_iter().find(|(path, _)| path.ends_with("goforward.wav")).unwrap();
        let mut line = vec![0.0; 2 * SECOND];
        line.extend(&recording);
        line.extend([0.0; SECOND / 2]);
        line.extend(&recording);
        let line = frames(&line);
        let mut vad = Vad::new(NET.clone());
        let mut taken = Vec::new();
        for (at, frame) in line.iter().enumerate() {
            let before = vad.stopped_at;
            if vad.push(frame) == Some(VadEdge::Started) {
                let pre_roll: Vec<Frame> = vad.pre_roll().collect();
                assert_eq!(pre_roll, line[at + 1 - pre_roll.len()..=at]);
                assert!(at as u64 + 1 - pre_roll.len() as u64 >= before);
                taken.push(pre_roll.len());
            }
        }
        assert_eq!(taken[0], 20, "{taken:?}");
        assert!(taken.len() >= 2);
    }
}
