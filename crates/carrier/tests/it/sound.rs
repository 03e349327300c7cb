//! A tune to send through a codec, and how well it came out.

use std::f64::consts::TAU;

/// The tune's notes, in Hz: all within the telephone band.
const NOTES_HZ: [f64; 8] = [1000.0, 400.0, 2500.0, 700.0, 1800.0, 500.0, 3000.0, 1000.0];
/// How long each lasts.
const NOTE_MS: usize = 250;
/// How loud they are.
const AMPLITUDE: f64 = 8000.0;

/// The tune at this rate: two seconds.
pub(crate) fn tune(rate_hz: u32) -> Vec<i16> {
    NOTES_HZ.iter().flat_map(|hz| tone(rate_hz, *hz, NOTE_MS)).collect()
}

/// One tone.
pub(crate) fn tone(rate_hz: u32, hz: f64, length_ms: usize) -> Vec<i16> {
    let samples = rate_hz as usize * length_ms / 1000;
    (0..samples).map(|n| (AMPLITUDE * (TAU * hz * n as f64 / f64::from(rate_hz)).sin()).round() as i16).collect()
}

/// Fails unless this is the tune, all of it, in order, right to a frame.
pub(crate) fn assert_is_the_tune(samples: &[i16], rate_hz: u32) {
    let frame = rate_hz as usize / 50;
    let wanted = tune(rate_hz).len();
    let right = wanted - frame..=wanted + frame;
    assert!(right.contains(&samples.len()), "{} samples of {wanted}", samples.len());
    let note = rate_hz as usize * NOTE_MS / 1000;
    for (n, hz) in NOTES_HZ.iter().enumerate() {
        // Away from the note's ends by more than a codec may be late.
        let middle = &samples[n * note + frame..(n + 1) * note - frame];
        let (amplitude, snr_db) = fit(middle, rate_hz, *hz);
        assert!((amplitude / AMPLITUDE - 1.0).abs() < 0.06, "note {n} of {hz} Hz has an amplitude of {amplitude}");
        assert!(snr_db > 30.0, "note {n} of {hz} Hz: {snr_db} dB");
    }
}

/// How strong a tone is in a sound, and by how many dB stronger than all else.
fn fit(samples: &[i16], rate_hz: u32, hz: f64) -> (f64, f64) {
    let (mut sin, mut cos, mut power) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (phase, sample) = (TAU * hz * n as f64 / f64::from(rate_hz), f64::from(*sample));
        sin += sample * phase.sin();
        cos += sample * phase.cos();
        power += sample * sample;
    }
    let half = samples.len() as f64 / 2.0;
    let (sin, cos) = (sin / half, cos / half);
    let of_tone = (sin * sin + cos * cos) * half;
    ((sin * sin + cos * cos).sqrt(), 10.0 * (of_tone / (power - of_tone).max(1.0)).log10())
}

#[test]
fn a_wrong_sound_is_not_taken_for_the_tune() {
    assert_is_the_tune(&tune(8000), 8000);
    let backwards: Vec<i16> = tune(8000).into_iter().rev().collect();
    let cut = &tune(8000)[..15_000];
    let loud: Vec<i16> = tune(8000).iter().map(|sample| sample * 2).collect();
    let mut hole = tune(8000);
    hole[9000..9160].fill(0);
    for wrong in [backwards.as_slice(), cut, &loud, &hole, &[0; 16_000]] {
        assert!(std::panic::catch_unwind(|| assert_is_the_tune(wrong, 8000)).is_err());
    }
}
