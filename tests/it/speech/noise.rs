//! Sounds that are the same at every run.

use redial_call::audio::{self, FRAME_BYTES, SAMPLE_RATE_HZ};

/// White noise between -1 and 1 (xorshift64*).
#[derive(Debug, Clone)]
pub(super) struct White(u64);

impl White {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        bits as f32 / (1 << 23) as f32 - 1.0
    }

    /// Between two numbers.
    pub(super) fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * (self.next() + 1.0) / 2.0
    }
}

/// Noise that falls by 3 dB an octave: white noise through three poles and a direct path (Paul Kellet's economy filter).
pub(super) fn pink(count: usize, seed: u64) -> Vec<f32> {
    let mut white = White::new(seed);
    let mut poles = [0.0_f32; 3];
    let mut next = || {
        let input = white.next();
        for (pole, (keep, gain)) in
            poles.iter_mut().zip([(0.997_65, 0.099_046), (0.963, 0.296_516_4), (0.57, 1.052_691_3)])
        {
            *pole = keep * *pole + gain * input;
        }
        poles.iter().sum::<f32>() + 0.1848 * input
    };
    // The slowest pole takes 0.1 s to settle.
    for _ in 0..SAMPLE_RATE_HZ / 2 {
        next();
    }
    std::iter::repeat_with(next).take(count).collect()
}

/// Passes what lies above `hz`, 12 dB an octave (Butterworth), as the telephone's band does at its lower end.
pub(super) fn high_pass(samples: &mut [f32], hz: f32) {
    let k = (std::f32::consts::PI * hz / SAMPLE_RATE_HZ as f32).tan();
    let norm = 1.0 / (1.0 + std::f32::consts::SQRT_2 * k + k * k);
    let (a1, a2) = (2.0 * (k * k - 1.0) * norm, (1.0 - std::f32::consts::SQRT_2 * k + k * k) * norm);
    let [mut x1, mut x2, mut y1, mut y2] = [0.0; 4];
    for sample in samples {
        let x = *sample;
        let y = norm * (x - 2.0 * x1 + x2) - a1 * y1 - a2 * y2;
        (x2, x1, y2, y1) = (x1, x, y1, y);
        *sample = y;
    }
}

pub(super) fn decode(ulaw: &[u8]) -> Vec<f32> {
    ulaw.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect()
}

pub(super) fn encode(samples: &[f32]) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what a clipped sample does")]
    samples.iter().map(|sample| audio::encode((sample * 32768.0).round() as i16)).collect()
}

/// Mean power; full scale is 1.
pub(super) fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

/// Mean power while there is speech: over the frames of 20 ms within 25 dB of the loudest one.
pub(super) fn active_power(samples: &[f32]) -> f32 {
    let frames: Vec<f32> = samples.chunks_exact(FRAME_BYTES).map(power).collect();
    let loudest = frames.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = frames.into_iter().filter(|frame| *frame > loudest / 316.0).collect();
    active.iter().sum::<f32>() / active.len() as f32
}

/// A line with pink noise, `snr_db` below the active level of the speech on it.
pub(super) fn with_pink_noise(ulaw: &[u8], snr_db: f32, seed: u64) -> Vec<u8> {
    let speech = decode(ulaw);
    let noise = pink(speech.len(), seed);
    let gain = (active_power(&speech) / power(&noise) / 10_f32.powf(snr_db / 10.0)).sqrt();
    let mixed: Vec<f32> = speech.iter().zip(&noise).map(|(speech, noise)| speech + gain * noise).collect();
    encode(&mixed)
}

#[test]
fn pink_noise_falls_by_three_decibels_an_octave() {
    let noise = pink(40 * SAMPLE_RATE_HZ as usize, 1);
    // Power at a frequency, over many short windows.
    let at = |hz: f32| {
        let turn = std::f32::consts::TAU * hz / SAMPLE_RATE_HZ as f32;
        noise.chunks_exact(800).fold(0.0, |sum, window| {
            let fold = |wave: fn(f32) -> f32| -> f32 {
                window.iter().zip(0_u16..).map(|(sample, n)| sample * wave(turn * f32::from(n))).sum()
            };
            sum + fold(f32::sin).powi(2) + fold(f32::cos).powi(2)
        })
    };
    for (low, high) in [(250.0, 500.0), (500.0, 1000.0), (1000.0, 2000.0)] {
        let fall = 10.0 * (at(low) / at(high)).log10();
        assert!((1.5..4.5).contains(&fall), "{low} to {high} Hz: {fall} dB");
    }
}

#[test]
fn noise_is_mixed_at_the_level_asked_for() {
    let tone = |n: usize| 0.1 * (std::f32::consts::TAU * 1000.0 * n as f32 / SAMPLE_RATE_HZ as f32).sin();
    // Half a second of tone, half a second of silence: only the tone counts.
    let speech: Vec<f32> = (0..8000).map(|n| if n < 4000 { tone(n) } else { 0.0 }).collect();
    let mixed = decode(&with_pink_noise(&encode(&speech), 12.0, 3));
    let snr = 10.0 * (0.005 / power(&mixed[4160..])).log10();
    assert!((10.5..13.5).contains(&snr), "{snr} dB");
}
