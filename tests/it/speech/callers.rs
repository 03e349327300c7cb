//! Recorded callers, on a good line and on a noisy one.

use std::collections::BTreeMap;

use super::ears::{hear, recording, root, table};
use super::noise::with_pink_noise;
use super::words::Tally;

/// Plays every recording through this line, and prints what was heard; the share of wrong words.
async fn listen(line: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> Tally {
    let folder = root().join("fixtures/audio");
    let mut by_voice: BTreeMap<String, Tally> = BTreeMap::new();
    for (at, [voice, file, text]) in table(folder.join("words.tsv")).into_iter().enumerate() {
        let heard = hear(&line(at, recording(folder.join(&file)))).await;
        let tally = Tally::of(&text, &heard);
        eprintln!("{:3} {file:32} {heard}", tally.wrong);
        by_voice.entry(voice).or_default().add(tally);
    }
    let mut all = Tally::default();
    for (voice, tally) in &by_voice {
        eprintln!("{voice:8} {tally}");
        all.add(*tally);
    }
    eprintln!("all      {all}");
    assert!(all.words > 250, "only {} words were said", all.words);
    all
}

#[tokio::test]
async fn recorded_callers_are_understood() {
    let all = listen(|_, ulaw| ulaw).await;
    assert!(all.rate() < 8.0, "{all}");
}

/// Three times with other noise, as one recording more or less is a percent. The noise is as loud from 20 Hz to 4 kHz as is said; of it
/// half lies in the telephone's band.
#[tokio::test]
async fn callers_in_noise_are_understood() {
    let mut all = Tally::default();
    for round in 0..3 {
        all.add(listen(|at, ulaw| with_pink_noise(&ulaw, 12.0, 100 * round + at as u64 + 1)).await);
    }
    eprintln!("in noise {all}");
    assert!(all.rate() < 15.0, "{all}");
}
