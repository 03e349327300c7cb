//! What the voice's own package says, at 24 kHz: as long, and as loud at every moment.
//!
//! `envelopes.tsv` was made by running the package (hibari-tts 0.2.1) on phoneme strings: the string, the speed, and the level of each 50 ms
//! below 3900 Hz, in dBFS, from 62.5 ms before the first hop of 12.5 ms louder than -50 dBFS to the last such hop. Its breath is random there and
//! here, so no sample is compared.

use crate::{PHONEMIZER, level_db, speak};

const WINDOW: usize = 400;

#[test]
fn it_sounds_as_long_and_as_loud_as_the_package() {
    let golden = include_str!("../golden/envelopes.tsv");
    let mut lines = 0;
    for line in golden.lines() {
        let [phonemes, speed, hops, envelope] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let wanted: Vec<f32> = envelope.split(' ').map(|level| level.parse().unwrap()).collect();
        let hops: usize = hops.parse().unwrap();
        let samples = speak(&PHONEMIZER.ids(phonemes), speed.parse().unwrap()).unwrap();
        // The pause of a sentence follows the last loud hop.
        let spoken = samples.len() - 1600;
        assert!(spoken.abs_diff(100 * hops) <= 200, "{phonemes} at {speed}: {spoken} samples, {hops} hops");

        let levels = samples.chunks_exact(WINDOW).map(level_db);
        let differences: Vec<f32> =
            levels.zip(&wanted).filter(|(_, wanted)| **wanted > -45.0).map(|(level, wanted)| level - wanted).collect();
        let count = differences.len() as f32;
        let mean = differences.iter().sum::<f32>() / count;
        let spread = differences.iter().map(|difference| difference.abs()).sum::<f32>() / count;
        assert!(count > 15.0 && mean.abs() < 0.5 && spread < 1.0, "{phonemes} at {speed}: {mean} ± {spread} dB");
        lines += 1;
    }
    assert!(lines > 20);
}
