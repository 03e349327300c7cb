//! The voice to the ears over the line: what we say must be words that we would understand.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redial_call::Frame;
use redial_provider::tts::{Tts, say};
use redial_speech::flite::Flite;
use redial_speech::local::LocalSpeech;
use redial_speech::pool::WorkerPool;
use redial_speech::voice::VoiceConfig;

use super::ears::{hear, models, root, table};
use super::words::Tally;

/// Lines that are recognised at the same time.
const AT_ONCE: usize = 2;

/// A sentence after it went through voice and ears.
struct Trip {
    kind: String,
    said: String,
    heard: String,
    tally: Tally,
}

/// Says every `step`th sentence of the corpus to the ears, and prints the share of wrong words by kind and the worst ten.
async fn talk(voice: &dyn Tts, step: usize) -> (usize, Tally) {
    let corpus = table::<3>(root().join("fixtures/speech/corpus.tsv"));
    let mut trips: Vec<Trip> = stream::iter(corpus.into_iter().step_by(step))
        .map(|[kind, _, said]| async move {
            let frames: Vec<Frame> = say(voice, &said).try_collect().await.unwrap();
            let line: Vec<u8> = frames.iter().flat_map(|frame| *frame.as_bytes()).collect();
            let heard = hear(&line).await;
            let tally = Tally::of(&said, &heard);
            Trip { kind, said, heard, tally }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut by_kind: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut all = Tally::default();
    for trip in &trips {
        by_kind.entry(&trip.kind).or_default().add(trip.tally);
        all.add(trip.tally);
    }
    for (kind, tally) in by_kind {
        eprintln!("{kind:9} {tally}");
    }
    trips.sort_by_key(|trip| std::cmp::Reverse(trip.tally.wrong));
    for trip in trips.iter().take(10) {
        eprintln!("{:3} said {:?}, heard {:?}", trip.tally.wrong, trip.said, trip.heard);
    }
    eprintln!("all       {all}, in {} sentences", trips.len());
    (trips.len(), all)
}

#[tokio::test]
async fn the_voice_is_understood_over_the_line() {
    let LocalSpeech { tts, .. } = LocalSpeech::load(&models(), VoiceConfig::default()).unwrap();
    let (sentences, all) = talk(&*tts, 1).await;
    assert!(sentences >= 200, "only {sentences} sentences");
    assert!(all.rate() < 8.0, "{all}");
}

#[tokio::test]
async fn the_voice_in_the_binary_is_mostly_understood() {
    let voice = Flite::new(Arc::new(WorkerPool::new(1, 4).unwrap())).unwrap();
    let (_, all) = talk(&voice, 4).await;
    assert!(all.rate() < 25.0, "{all}");
}
