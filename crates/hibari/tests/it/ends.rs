//! How speech begins and ends.

use crate::{ids, level_db, speak};

#[test]
fn sentences_begin_and_end_without_a_click_or_noise() {
    for text in ["Hello.", "What time is it?", "Oh no!", "Thank you, goodbye.", "Fish", "So be it, then"] {
        let samples = speak(&ids(text), 1.0).unwrap();
        let (first, last) = (&samples[..40], &samples[samples.len() - 400..]);
        assert!(first[0] == 0.0 && level_db(first) < -50.0, "{text}: {} dBFS", level_db(first));
        assert!(last.iter().all(|sample| *sample == 0.0), "{text}: {} dBFS", level_db(last));
        assert!(samples.iter().all(|sample| sample.abs() < 1.0), "{text}");
        // No jump that is larger than speech makes: the voice's pulses rise by 0.3 at most.
        let jump = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.5, "{text}: {jump}");
    }
}

#[test]
fn silence_before_is_short_and_that_after_a_sentence_longer_than_after_a_comma() {
    let pause = |text: &str| {
        let samples = speak(&ids(text), 1.0).unwrap();
        let loud: Vec<bool> = samples.chunks(80).map(|part| level_db(part) > -45.0).collect();
        let before = 10 * loud.iter().position(|loud| *loud).unwrap();
        let after = 10 * (loud.len() - 1 - loud.iter().rposition(|loud| *loud).unwrap());
        assert!((30..=120).contains(&before), "{text}: {before} ms before");
        after
    };
    for (sentence, clause) in [("I am here.", "I am here,"), ("Is it you?", "Is it you")] {
        let (long, short) = (pause(sentence), pause(clause));
        assert!((170..=260).contains(&long), "{sentence}: {long} ms");
        assert!((90..=180).contains(&short), "{clause}: {short} ms");
        assert!(long >= short + 40, "{sentence}: {long} and {short} ms");
    }
}
