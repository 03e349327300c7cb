//! The caller's speakerphone: our own voice comes back, and is not the caller's.

use redial_call::Frame;
use redial_call::audio::{self, FRAME_BYTES};

/// Half a frame: 10 ms. Levels are taken of each, as a syllable's onset is too steep for longer ones.
const STEP: usize = FRAME_BYTES / 2;
const STEPS_A_FRAME: u64 = (FRAME_BYTES / STEP) as u64;
/// The longest way that an echo takes, in steps: 1200 ms. Mobile networks and a jitter buffer on either side are 600 ms.
const LONGEST: usize = 120;
/// What is compared, in steps: 400 ms.
const COMPARED: usize = 40;
/// What decides whether a known echo is heard now, in steps: 240 ms.
const RECENT: usize = 24;
/// How far ahead of the caller's ear a frame may be sent, in steps: 2 s. What is further ahead is not noted.
const AHEAD: u64 = 200;
/// Steps that are kept of what was played: what is ahead, the longest way and what is compared, as a power of two.
const PLAYED: usize = 512;

/// Levels are in eighths of a dB, so that a processor compares eight of them at a time.
const DB: i16 = 8;
/// The level of silence over one step of a 16-bit sample: the quietest that μ-law tells from silence.
const SILENCE: i16 = 18 * DB;
/// How far above the noise something is audible. The level of 10 ms of steady noise varies by 1 dB.
const AUDIBLE: i16 = 3 * DB;
/// The noise is the lowest level of the latest blocks of this many steps: 250 ms each, 1 s in all.
const BLOCK: u64 = 25;
const BLOCKS: usize = 4;
/// The lowest of many levels of a steady noise is this much below its mean.
const LOWEST_BELOW_MEAN: i16 = 2 * DB;
/// An echo is at least this much below what was played, and at most that.
const LEAST_LOSS: i16 = 3 * DB;
const MOST_LOSS: i16 = 40 * DB;
/// The most that one step counts: one that differs more does not tell more.
const CAPPED: i16 = 12 * DB;
/// Steps that must be audible for an echo to be found.
const FOUND_FROM: i16 = 10;
/// An echo is found when levels differ from those played by less than this on average; two voices differ by 6 dB and more.
const FOUND: i16 = 16 * DB / 10;
/// And by less than half of how much the levels vary themselves, as anything explains a steady sound.
const FOUND_SHARE: i16 = 2;
/// Once found, it is still the echo that is heard while the levels differ by less than this.
const HELD: i16 = 24 * DB / 10;
/// The same for a way that has proved itself for so many frames: a room smears what it gives back.
const HELD_PROVED: i16 = 42 * DB / 10;
const PROVED_FROM: u16 = 20;
/// Found again so many steps apart, it is the same way.
const SAME: usize = 2;

/// Tells our own voice, when it comes back from the caller's side, from the caller's. One a call; 1.2 KiB, no heap.
///
/// The levels of the line are compared with those of what was played, at every delay up to 1200 ms. An echo is a copy of them,
/// later and quieter; another voice has rises and falls of its own. Once a delay is found it is tried first, and believed with
/// less evidence once it has proved itself.
///
/// Over the recordings, with line noise at -45 dBFS and a way without a room (our measurement): an echo of -6 to -25 dB that is 6 dB above
/// the noise is told after 100 ms as a rule, and in 98 of 100 frames from then on; a caller who speaks over us is called an echo for
/// 300 ms at most. In a room that rings for 0.4 s it is told in 80 to 90 of 100 frames.
pub struct EchoGuard {
    /// Steps of the line that were heard.
    now: u64,
    /// Levels as the caller hears them, by step, modulo the length.
    played: [i16; PLAYED],
    /// The latest levels of the line, oldest first.
    heard: [i16; COMPARED],
    /// The lowest level of each block, the latest first.
    lows: [i16; BLOCKS],
    noise: i16,
    /// Steps until nothing of what was played can come back any more.
    awaited: usize,
    path: Option<Path>,
}

/// The way from the caller's ear back to us.
#[derive(Debug, Clone, Copy)]
struct Path {
    /// In steps.
    delay: usize,
    /// In eighths of a dB.
    loss: i16,
    /// Frames in which it was closely what sounded.
    proved: u16,
}

impl Default for EchoGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl EchoGuard {
    /// For a call that begins.
    pub const fn new() -> Self {
        let (played, heard) = ([SILENCE; PLAYED], [SILENCE; COMPARED]);
        Self { now: 0, played, heard, lows: [i16::MAX; BLOCKS], noise: SILENCE, awaited: 0, path: None }
    }

    /// Notes a frame that was sent, and that the caller hears in `in_ms` from now.
    pub fn played(&mut self, frame: &Frame, in_ms: u32) {
        let step = u64::from(in_ms) * STEPS_A_FRAME / 20;
        if step + STEPS_A_FRAME > AHEAD {
            return;
        }
        for (at, level) in (self.now + step..).zip(levels(frame)) {
            self.played[index(at)] = level;
            if level > SILENCE {
                self.awaited = self.awaited.max(step as usize + LONGEST + COMPARED);
            }
        }
    }

    /// What was sent and not played yet never will be: the carrier's queue was cleared.
    pub fn cleared(&mut self) {
        for at in self.now..self.now + AHEAD {
            self.played[index(at)] = SILENCE;
        }
    }

    /// Takes the next 20 ms of the line; whether what sounds in them is our own voice. Costs about 1 µs, and
    /// nothing but its level when we were silent of late.
    pub fn heard(&mut self, frame: &Frame) -> bool {
        let levels = levels(frame);
        self.heard.copy_within(levels.len().., 0);
        self.heard[COMPARED - levels.len()..].copy_from_slice(&levels);
        for level in levels {
            // What comes into reach ahead of us holds the levels of long ago.
            self.played[index(self.now + AHEAD)] = SILENCE;
            self.now += 1;
            if self.now.is_multiple_of(BLOCK) {
                self.lows.copy_within(..BLOCKS - 1, 1);
                self.lows[0] = i16::MAX;
            }
            self.lows[0] = self.lows[0].min(level);
        }
        self.noise = self.lows.iter().copied().fold(i16::MAX, i16::min) + LOWEST_BELOW_MEAN;
        self.awaited = self.awaited.saturating_sub(levels.len());
        if self.awaited == 0 {
            return false;
        }
        let mut played = [SILENCE; LONGEST + COMPARED];
        for (back, level) in (1..=self.now.min((LONGEST + COMPARED) as u64)).zip(played.iter_mut().rev()) {
            *level = self.played[index(self.now - back)];
        }
        self.follow(&played) || self.find(&played)
    }

    /// Whether the known echo is what sounds now.
    fn follow(&mut self, played: &[i16; LONGEST + COMPARED]) -> bool {
        let Some(path) = &mut self.path else { return false };
        let played = &played[LONGEST + COMPARED - RECENT - path.delay..][..RECENT];
        let heard = &self.heard[COMPARED - RECENT..];
        let fit = Fit::of(heard, played, path.loss, self.noise);
        if fit.audible < 1 || fit.differs() > if path.proved < PROVED_FROM { HELD } else { HELD_PROVED } {
            return false;
        }
        path.proved = path.proved.saturating_add(u16::from(fit.differs() < HELD));
        path.loss = (path.loss + (fit.loss() - path.loss) / 16).clamp(LEAST_LOSS, MOST_LOSS);
        true
    }

    /// Looks for an echo at any delay.
    fn find(&mut self, played: &[i16; LONGEST + COMPARED]) -> bool {
        let audible = |level: &&i16| **level > self.noise + AUDIBLE;
        if (self.heard.iter().filter(audible).count() as i16) < FOUND_FROM {
            return false;
        }
        let mean = (self.heard.iter().map(|&level| i32::from(level)).sum::<i32>() / COMPARED as i32) as i16;
        let varies = self.heard.iter().map(|level| (level - mean).abs().min(CAPPED)).sum::<i16>() / COMPARED as i16;
        let mut best: Option<(i16, Path)> = None;
        for delay in 0..=LONGEST {
            let played = &played[LONGEST - delay..][..COMPARED];
            let loss = loss(&self.heard, played, self.noise);
            if !(LEAST_LOSS..MOST_LOSS).contains(&loss) {
                continue;
            }
            let differs = Fit::of(&self.heard, played, loss, self.noise).differs();
            if differs < FOUND && differs < varies / FOUND_SHARE && best.is_none_or(|(least, _)| differs < least) {
                best = Some((differs, Path { delay, loss, proved: 0 }));
            }
        }
        if let Some((_, mut path)) = best {
            let before = self.path.filter(|before| before.delay.abs_diff(path.delay) <= SAME);
            path.proved = before.map_or(0, |before| before.proved).saturating_add(1);
            self.path = Some(path);
        }
        best.is_some()
    }
}

/// How well the line is what was played, with some loss, over the noise.
struct Fit {
    /// Steps in which the line is audible.
    audible: i16,
    /// Steps in which it is, or should be.
    sounding: i16,
    /// The sum of the losses in the audible steps.
    losses: i16,
    /// The sum of the differences in the sounding steps.
    differences: i16,
}

impl Fit {
    /// Without a branch or a wider number, so that it compiles to a few dozen vector instructions. 40 levels of 96 dB are
    /// 30 720.
    fn of(heard: &[i16], played: &[i16], loss: i16, noise: i16) -> Self {
        let mut fit = Self { audible: 0, sounding: 0, losses: 0, differences: 0 };
        for (&heard, &played) in heard.iter().zip(played) {
            // The sum of both, within 1 dB.
            let (echo, apart) = (played - loss, (played - loss - noise).abs());
            let expected = echo.max(noise) + (6 * DB - apart).max(0) / 2;
            let audible = -i16::from(heard > noise + AUDIBLE);
            let sounding = -i16::from(heard.max(expected) > noise + AUDIBLE);
            fit.audible -= audible;
            fit.sounding -= sounding;
            fit.losses += audible & (played - heard);
            fit.differences += sounding & (heard - expected).abs().min(CAPPED);
        }
        fit
    }

    fn loss(&self) -> i16 {
        self.losses / self.audible.max(1)
    }

    fn differs(&self) -> i16 {
        self.differences / self.sounding.max(1)
    }
}

/// The mean loss over the audible steps.
fn loss(heard: &[i16], played: &[i16], noise: i16) -> i16 {
    let (mut audible, mut losses) = (0, 0);
    for (&heard, &played) in heard.iter().zip(played) {
        let is = -i16::from(heard > noise + AUDIBLE);
        audible -= is;
        losses += is & (played - heard);
    }
    losses / i16::max(audible, 1)
}

const fn index(step: u64) -> usize {
    (step % PLAYED as u64) as usize
}

/// The level of each step of a frame.
fn levels(frame: &Frame) -> [i16; STEPS_A_FRAME as usize] {
    let (steps, _) = frame.as_bytes().as_chunks::<STEP>();
    std::array::from_fn(|at| {
        let energy: f32 = steps[at].iter().map(|&byte| f32::from(audio::decode(byte)).powi(2)).sum();
        let level = f32::from(DB) * 10.0 * (energy / STEP as f32).max(1.0).log10();
        (level as i16).max(SILENCE)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::wav;

    const FRAME: usize = FRAME_BYTES;
    const SECOND: usize = 8000;

    /// The recordings that the thresholds were not set with: every other one.
    fn recordings() -> Vec<Vec<f32>> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/audio");
        let files = [root.clone(), root.join("synthetic")].map(|folder| std::fs::read_dir(folder).unwrap());
        let mut files: Vec<PathBuf> = files.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
        files.sort();
        let samples = |path: &PathBuf| {
            let ulaw = wav::read(&std::fs::read(path).unwrap()).unwrap();
            ulaw.iter().map(|&byte| f32::from(audio::decode(byte))).collect()
        };
        files.iter().skip(1).step_by(2).map(samples).collect()
    }

    fn gain(db: f32) -> f32 {
        10_f32.powf(db / 20.0)
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    /// A line's noise at -45 dBFS.
    struct Noise(u32);

    impl Noise {
        const RMS: f32 = 184.0;

        fn next(&mut self) -> f32 {
            let uniform = (0..6).map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 17;
                self.0 ^= self.0 << 5;
                self.0 as f32 / u32::MAX as f32 - 0.5
            });
            // Six of them have a variance of a half.
            uniform.sum::<f32>() * 2_f32.sqrt() * Self::RMS
        }
    }

    fn frames(samples: &[f32]) -> Vec<Frame> {
        let (frames, _) = samples.as_chunks::<FRAME>();
        frames.iter().map(|samples| Frame::new(samples.map(|sample| audio::encode(sample as i16)))).collect()
    }

    /// A second of silence, the recording, half a second, the recording, a second.
    fn said(recording: &[f32]) -> Vec<f32> {
        let pause = |len| vec![0.0; len];
        [pause(SECOND), recording.to_vec(), pause(SECOND / 2), recording.to_vec(), pause(SECOND)].concat()
    }

    fn delayed(samples: &[f32], ms: usize, db: f32) -> Vec<f32> {
        let delay = ms * SECOND / 1000;
        let at = |n: usize| n.checked_sub(delay).map_or(0.0, |n| samples[n] * gain(db));
        (0..samples.len()).map(at).collect()
    }

    /// What the guard says of each frame of the line, when ours are sent 400 ms ahead.
    fn verdicts(ours: &[f32], line: &[f32]) -> Vec<bool> {
        let ours = frames(ours);
        let mut guard = EchoGuard::new();
        let mut sent = 0;
        let heard = frames(line).into_iter().enumerate().map(|(now, frame)| {
            while sent < ours.len() && sent < now + 20 {
                guard.played(&ours[sent], (sent - now) as u32 * 20);
                sent += 1;
            }
            guard.heard(&frame)
        });
        heard.collect()
    }

    #[test]
    fn an_echo_is_told_within_300_ms_and_as_long_as_it_sounds() {
        let mut noise = Noise(12_345);
        for loss in [6.0, 10.0, 15.0, 20.0, 25.0] {
            let (mut told, mut sounding, mut firsts) = (0, 0, Vec::new());
            for recording in recordings() {
                for ms in [60, 137, 250, 333, 480, 655, 800] {
                    let ours = said(&recording);
                    let echo = delayed(&ours, ms, -loss);
                    let line: Vec<f32> = echo.iter().map(|echo| echo + noise.next()).collect();
                    let verdicts = verdicts(&ours, &line);
                    // What is less than 6 dB above the noise does not sound.
                    let sounds: Vec<bool> =
                        echo.chunks_exact(FRAME).map(|frame| power(frame) > (2.0 * Noise::RMS).powi(2)).collect();
                    let Some(first) = sounds.iter().position(|sounds| *sounds) else { continue };
                    firsts.push(
                        verdicts[first..].iter().position(|told| *told).map_or(usize::MAX, |frames| (frames + 1) * 20),
                    );
                    for (&sounds, &is_told) in sounds.iter().zip(&verdicts).skip(first + 15) {
                        sounding += usize::from(sounds);
                        told += usize::from(sounds && is_told);
                    }
                }
            }
            firsts.sort_unstable();
            let (share, first) = (told as f32 / sounding as f32, firsts[firsts.len() * 95 / 100]);
            assert!(share >= 0.95 && first <= 300, "-{loss} dB: {share}, {first} ms");
        }
    }

    #[test]
    fn a_caller_who_speaks_over_us_is_not_called_an_echo() {
        let mut noise = Noise(54_321);
        let recordings = recordings();
        for echo in [None, Some(-20.0)] {
            let mut longest = Vec::new();
            for (us, caller) in (0..recordings.len()).flat_map(|us| (1..recordings.len()).map(move |other| (us, other)))
            {
                let caller = &recordings[(us + caller) % recordings.len()];
                let ours = said(&recordings[us]);
                let echo = echo.map_or(vec![0.0; ours.len()], |db| delayed(&ours, 300, db));
                let begin = SECOND + longest.len() * 997 % (3 * SECOND / 2);
                let spoken = |n: usize| {
                    n.checked_sub(begin).and_then(|n| caller.get(n)).map_or(0.0, |sample| sample * gain(-3.0))
                };
                let spoken: Vec<f32> = (0..ours.len()).map(spoken).collect();
                let line: Vec<f32> =
                    spoken.iter().zip(&echo).map(|(spoken, echo)| spoken + echo + noise.next()).collect();
                let (mut run, mut worst) = (0, 0);
                for (at, verdict) in verdicts(&ours, &line).into_iter().enumerate() {
                    let within = at * FRAME..(at + 1) * FRAME;
                    let loud = power(&spoken[within.clone()]) > 4.0 * power(&echo[within]).max(Noise::RMS.powi(2));
                    if loud {
                        run = if verdict { run + 20 } else { 0 };
                        worst = worst.max(run);
                    }
                }
                longest.push(worst);
            }
            longest.sort_unstable();
            let longer = longest.iter().filter(|worst| **worst > 300).count();
            assert!(longer * 100 <= longest.len(), "{longest:?}");
        }
    }

    #[test]
    fn a_silent_line_is_no_echo() {
        let mut noise = Noise(7);
        for recording in recordings() {
            let ours = said(&recording);
            let hiss: Vec<f32> = ours.iter().map(|_| noise.next()).collect();
            assert!(!verdicts(&ours, &hiss).contains(&true));
            assert!(!verdicts(&ours, &vec![0.0; ours.len()]).contains(&true));
        }
    }

    #[test]
    fn what_was_cleared_is_not_waited_for() {
        let recording = &recordings()[0];
        let ours = frames(recording);
        let mut guard = EchoGuard::new();
        for (at, frame) in ours.iter().take(20).enumerate() {
            guard.played(frame, at as u32 * 20);
        }
        guard.cleared();
        assert!(!ours.iter().any(|frame| guard.heard(frame)));
    }

    #[test]
    fn frames_far_ahead_and_long_calls_do_no_harm() {
        let mut guard = EchoGuard::new();
        let loud = Frame::new([0x00; FRAME]);
        for _ in 0..2000 {
            for in_ms in [0, 1980, 1981, 60_000, u32::MAX] {
                guard.played(&loud, in_ms);
            }
            guard.heard(&loud);
        }
        assert!(size_of::<EchoGuard>() <= 4096);
    }
}
