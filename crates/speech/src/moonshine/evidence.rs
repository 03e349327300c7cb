//! Whether there is speech in what the recogniser is given: it finds words in noise too, "You" and "Thank you." above all.
//!
//! Speech has voice in it: stretches that repeat themselves at the pitch of a voice, at levels that come and go. Noise does not
//! repeat itself, and the tones of a telephone line do not come and go within themselves. A whisper counts as noise.

use redial_call::audio::SAMPLE_RATE_HZ;

/// 20 ms, in samples.
const HOP: usize = SAMPLE_RATE_HZ as usize / 50;
/// What is compared with itself: 30 ms, two periods of a low voice.
const WINDOW: usize = 3 * SAMPLE_RATE_HZ as usize / 100;
/// The periods of voices, in samples: 400 Hz to 70 Hz.
const SHORTEST_PERIOD: usize = SAMPLE_RATE_HZ as usize / 400;
const LONGEST_PERIOD: usize = SAMPLE_RATE_HZ as usize / 70;
/// How well a voiced stretch repeats itself (correlation with itself a period later). Noise stays below 0.45 at the
/// telephone's bandwidth, vowels are above 0.7 (our measurement).
const REPEATS: f32 = 0.55;
/// Quieter than this, as mean square at full scale 1.0, a stretch is no voice on a telephone line: -55 dBFS.
const QUIETEST: f32 = 3.16e-6;
/// The shortest word has this much voice.
const LEAST_VOICED_MS: usize = 60;
/// Half of the voiced stretches of a tone are this close to the median level, in dB; speech of 200 ms and more varies by 2
/// dB and more.
const STEADY_DB: f32 = 1.0;
const STEADY_FROM_MS: usize = 200;
/// What is this short or this quiet is not believed to be one of the [`PHANTOMS`]. Who says "thank you" has voice for longer.
const DOUBTFUL_MS: usize = 160;
const DOUBTFUL_DBFS: f32 = -42.0;
/// What the recogniser writes for noise, in lower case and without marks.
const PHANTOMS: [&str; 14] = [
    "",
    "you",
    "thank you",
    "thank you very much",
    "thanks",
    "thanks for watching",
    "thank you for watching",
    "bye",
    "bye bye",
    "oh",
    "so",
    "the",
    "i",
    "okay",
];

/// What a stretch of audio has of a voice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// Voice in all, in ms.
    voiced_ms: usize,
    /// The level of the loudest voiced 30 ms.
    loudest_dbfs: f32,
    /// How far half of the voiced levels are from their median, at most, in dB.
    spread_db: f32,
}

impl Evidence {
    /// Weighs samples at 8000 Hz, full scale 1.0. Costs some 0.5 ms for each second.
    pub(super) fn of(samples: &[f32]) -> Self {
        let samples = without_hum(samples);
        let mut levels: Vec<f32> = (0..samples.len().saturating_sub(WINDOW + LONGEST_PERIOD))
            .step_by(HOP)
            .filter_map(|at| voiced_dbfs(&samples[at..at + WINDOW + LONGEST_PERIOD]))
            .collect();
        let loudest_dbfs = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let middle = median(&mut levels);
        let mut distances: Vec<f32> = levels.iter().map(|level| (level - middle).abs()).collect();
        Self {
            voiced_ms: levels.len() * 1000 * HOP / SAMPLE_RATE_HZ as usize,
            loudest_dbfs,
            spread_db: median(&mut distances),
        }
    }

    /// Whether it is worth the recogniser's time.
    pub(super) fn holds_speech(self) -> bool {
        let tone = self.voiced_ms >= STEADY_FROM_MS && self.spread_db < STEADY_DB;
        self.voiced_ms >= LEAST_VOICED_MS && !tone
    }

    /// Whether the words that the recogniser found may have been said.
    pub(super) fn admits(self, text: &str) -> bool {
        let doubtful = self.voiced_ms < DOUBTFUL_MS || self.loudest_dbfs < DOUBTFUL_DBFS;
        self.holds_speech() && !(doubtful && is_phantom(text))
    }
}

fn is_phantom(text: &str) -> bool {
    let words = text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    let plain = words.collect::<Vec<_>>().join(" ").to_lowercase();
    PHANTOMS.contains(&plain.as_str())
}

/// Takes out what is below a voice, from 100 Hz down: hum and the codec's offset repeat themselves as well.
fn without_hum(samples: &[f32]) -> Vec<f32> {
    const POLE: f32 = 0.92;
    let (mut before, mut out) = (0.0, 0.0);
    let filter = |&sample: &f32| {
        out = sample - before + POLE * out;
        before = sample;
        out
    };
    samples.iter().map(filter).collect()
}

/// The level of the first window if it is voiced: if it repeats itself best at a period that lies within those of voices.
fn voiced_dbfs(samples: &[f32]) -> Option<f32> {
    let window = &samples[..WINDOW];
    let energy = dot(window, window);
    if energy < QUIETEST * WINDOW as f32 {
        return None;
    }
    let mut later = dot(&samples[SHORTEST_PERIOD..][..WINDOW], &samples[SHORTEST_PERIOD..][..WINDOW]);
    let mut best = (SHORTEST_PERIOD, 0.0);
    for period in SHORTEST_PERIOD..LONGEST_PERIOD {
        let repeats = dot(window, &samples[period..][..WINDOW]) / (energy * later).sqrt().max(f32::MIN_POSITIVE);
        if repeats > best.1 {
            best = (period, repeats);
        }
        later = (later + samples[period + WINDOW].powi(2) - samples[period].powi(2)).max(0.0);
    }
    // At either end it is no peak, but the slope of something slower or faster.
    let peak = (SHORTEST_PERIOD + 1..LONGEST_PERIOD - 1).contains(&best.0);
    (peak && best.1 >= REPEATS).then(|| 10.0 * (energy / WINDOW as f32).log10())
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums, so that the compiler may use wide registers.
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The middle of the values, 0 of none.
fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;
    use std::path::Path;

    use redial_call::audio;

    use super::*;
    use crate::wav;

    /// Even noise in -1..1, the same in each run.
    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 2.0 - 1.0
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    fn tones(hz: &[f32], len: usize) -> Vec<f32> {
        let at = |n: usize| hz.iter().map(|hz| (2.0 * PI * hz * n as f32 / 8000.0).sin()).sum::<f32>();
        (0..len).map(|n| at(n) / hz.len() as f32).collect()
    }

    /// Each of them 3 s, at full scale.
    fn non_speech() -> Vec<(String, Vec<f32>)> {
        const LEN: usize = 24_000;
        let mut all = vec![("silence".to_owned(), vec![0.0; LEN])];
        for seed in 1..5 {
            let white = noise(LEN, seed * 7919);
            let mut slow = 0.0;
            let brown: Vec<f32> = white
                .iter()
                .map(|sample| {
                    slow = 0.9 * slow + 0.1 * sample;
                    slow * 4.0
                })
                .collect();
            let breath = |(n, sample): (usize, &f32)| sample * (PI * n as f32 / 8000.0).sin().powi(2);
            let clicks = |(n, sample): (usize, &f32)| if n % 2600 < 40 { *sample } else { 0.0 };
            all.push((format!("white {seed}"), white.clone()));
            all.push((format!("breath {seed}"), brown.iter().enumerate().map(breath).collect()));
            all.push((format!("brown {seed}"), brown));
            all.push((format!("clicks {seed}"), white.iter().enumerate().map(clicks).collect()));
        }
        all.push(("hum".to_owned(), tones(&[50.0, 60.0], LEN)));
        all.push(("dial tone".to_owned(), tones(&[350.0, 440.0], LEN)));
        all.push(("ringback".to_owned(), tones(&[440.0, 480.0], LEN)));
        all.push(("ringback, European".to_owned(), tones(&[425.0], LEN)));
        let mut digits = Vec::new();
        for digit in
            [[697.0, 1209.0], [770.0, 1336.0], [852.0, 1477.0], [941.0, 1336.0], [697.0, 1477.0], [770.0, 1209.0]]
        {
            digits.extend(tones(&digit, 2000));
            digits.extend([0.0; 2000]);
        }
        all.push(("digits".to_owned(), digits));
        all
    }

    fn at_level(samples: &[f32], gain: f32) -> Vec<f32> {
        let through =
            |sample: &f32| f32::from(audio::decode(audio::encode((sample * gain * 32767.0) as i16))) / 32768.0;
        samples.iter().map(through).collect()
    }

    #[test]
    fn what_is_no_speech_is_not_worth_a_look() {
        for (name, samples) in non_speech() {
            for gain in [0.5, 0.1, 0.02, 0.004] {
                let evidence = Evidence::of(&at_level(&samples, gain));
                assert!(!evidence.holds_speech(), "{name} at {gain}: {evidence:?}");
            }
        }
    }

    #[test]
    fn recorded_speech_is_speech() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/audio");
        for line in std::fs::read_to_string(folder.join("words.tsv")).unwrap().lines() {
            let file = line.split('\t').nth(1).unwrap();
            let ulaw = wav::read(&std::fs::read(folder.join(file)).unwrap()).unwrap();
            let samples: Vec<f32> = ulaw.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect();
            // As it is, and 12 dB quieter.
            for gain in [1.0, 0.25] {
                let evidence = Evidence::of(&at_level(&samples, gain));
                assert!(evidence.holds_speech() && evidence.spread_db > 1.5 * STEADY_DB, "{file}: {evidence:?}");
                assert!(evidence.admits("Thank you."), "{file}: {evidence:?}");
            }
        }
    }

    #[test]
    fn thanks_are_believed_of_those_who_say_something() {
        let clear = Evidence { voiced_ms: 300, loudest_dbfs: -20.0, spread_db: 3.0 };
        assert!(clear.admits("Thank you.") && clear.admits("You"));
        for doubtful in [Evidence { voiced_ms: 100, ..clear }, Evidence { loudest_dbfs: -48.0, ..clear }] {
            assert!(!doubtful.admits("Thank you.") && !doubtful.admits("you") && !doubtful.admits("Bye-bye!"));
            assert!(doubtful.admits("Yes.") && doubtful.admits("thank you Sam"));
        }
        assert!(!Evidence { voiced_ms: 40, ..clear }.admits("Where is my order?"));
    }

    #[test]
    fn a_piece_shorter_than_a_window_is_no_speech() {
        assert!(!Evidence::of(&[]).holds_speech());
        assert!(!Evidence::of(&[0.5; 300]).holds_speech());
    }
}
