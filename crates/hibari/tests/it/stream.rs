//! Blocks as they come, speeds, and long sentences.

use redial_hibari::Flow;

use crate::{THREADS, VOICE, ids, speak};

const TEXT: &str = "I can move it to Tuesday, at nine thirty in the morning.";

#[test]
fn blocks_come_while_it_speaks_and_the_same_text_gives_the_same_samples() {
    let ids = ids(TEXT);
    let mut blocks = Vec::new();
    let mut joined = Vec::new();
    VOICE
        .synthesize(&ids, 1.0, Some(&THREADS), |block| {
            blocks.push(block.len());
            joined.extend_from_slice(block);
            Flow::Continue
        })
        .unwrap();
    assert!(blocks.len() > 100 && blocks.iter().all(|len| *len > 0 && *len < 4000), "{blocks:?}");
    assert_eq!(joined, speak(&ids, 1.0).unwrap());
    let inner = &ids[1..ids.len() - 1];
    assert_eq!(joined, speak(inner, 1.0).unwrap(), "edges are not needed");
}

#[test]
fn a_listener_who_leaves_has_heard_the_beginning_of_the_whole() {
    let ids = ids(TEXT);
    let whole = speak(&ids, 1.0).unwrap();
    for stop_after in [1, 2, 50] {
        let mut heard = Vec::new();
        let mut blocks = 0;
        VOICE
            .synthesize(&ids, 1.0, Some(&THREADS), |block| {
                heard.extend_from_slice(block);
                blocks += 1;
                if blocks == stop_after { Flow::Stop } else { Flow::Continue }
            })
            .unwrap();
        assert_eq!(blocks, stop_after);
        assert_eq!(heard, whole[..heard.len()]);
    }
}

#[test]
fn speed_changes_how_long_it_takes() {
    let ids = ids(TEXT);
    let spoken = |speed| (speak(&ids, speed).unwrap().len() - 1600) as f32;
    let own = spoken(1.0);
    // The net counts in steps of 25 ms a phoneme, so small changes of speed are taken roughly.
    for (speed, shortest, longest) in [(0.7, 1.3, 1.6), (0.85, 1.05, 1.3), (1.15, 0.8, 0.98), (1.3, 0.7, 0.88)] {
        let ratio = spoken(speed) / own;
        assert!((shortest..longest).contains(&ratio), "{speed}: {ratio}");
    }
    assert_eq!(spoken(f32::NAN), own);
    assert_eq!(spoken(0.0), spoken(0.5));
    assert_eq!(spoken(f32::INFINITY), spoken(2.0));
}

#[test]
fn a_long_sentence_is_spoken_in_pieces() {
    let clause = "we looked at every letter that came in last week, ";
    let long = ids(&format!("{}and that was that.", clause.repeat(8)));
    assert!(long.len() > 300);
    let samples = speak(&long, 1.0).unwrap();
    let one = speak(&ids(clause), 1.0).unwrap();
    let ratio = samples.len() as f32 / one.len() as f32;
    assert!((7.0..10.0).contains(&ratio), "{ratio}");
    // Nowhere is there a hole of more than half a second.
    let quiet = samples.chunk_by(|a, b| (a.abs() < 1e-3) == (b.abs() < 1e-3));
    assert!(quiet.map(<[f32]>::len).max().unwrap() < 4000);
}
