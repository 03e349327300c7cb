//! The features and the verdicts against those of the reference; see `tests/golden/README.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redial_call::audio;
use rten::ThreadPool;

use crate::SmartTurn;
use crate::half_band::double;
use crate::log_mel::{BANDS, FRAMES, LogMel};

/// Every how many frames one is kept.
const STEP: usize = 13;

struct Case {
    name: String,
    speech: Vec<f32>,
    probability: f32,
    /// With another resampler.
    probability_soxr: f32,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn golden(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)).unwrap()
}

/// The recording's samples, full scale 1.0.
fn recording(name: &str) -> Vec<f32> {
    let wav = fs::read(root().join(format!("fixtures/audio/{name}.wav"))).unwrap();
    let data = wav.windows(4).position(|four| four == b"data").unwrap() + 8;
    let len = u32::from_le_bytes(wav[data - 4..data].try_into().unwrap()) as usize;
    wav[data..data + len].iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect()
}

fn cases() -> Vec<Case> {
    let table = String::from_utf8(golden("cases.tsv")).unwrap();
    let case = |line: &str| {
        let [name, recordings, len, probability, probability_soxr] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let mut speech: Vec<f32> = recordings.split('+').flat_map(recording).collect();
        speech.truncate(len.parse().unwrap());
        let probability_soxr = probability_soxr.parse().unwrap();
        Case { name: name.to_owned(), speech, probability: probability.parse().unwrap(), probability_soxr }
    };
    table.lines().map(case).collect()
}

fn load() -> SmartTurn {
    SmartTurn::load(fs::read(root().join("models/smart-turn/smart_turn_w8.onnx")).unwrap()).unwrap()
}

fn percent(net: &SmartTurn, speech: &[f32]) -> u8 {
    net.percent(speech, &Arc::new(ThreadPool::with_num_threads(1))).unwrap()
}

#[test]
fn the_features_are_those_of_the_reference() {
    let log_mel = LogMel::new();
    for case in cases() {
        let features = log_mel.features(&double(&case.speech));
        let wanted = golden(&format!("{}.f32", case.name));
        let wanted: Vec<f32> = wanted.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(wanted.len(), FRAMES.div_ceil(STEP) * BANDS);
        let features = (0..FRAMES).step_by(STEP).flat_map(|at| features[at..].iter().step_by(FRAMES));
        let worst = features.zip(&wanted).map(|(ours, wanted)| (ours - wanted).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{}: off by {worst}", case.name);
    }
}

#[test]
fn the_verdicts_are_those_of_the_reference() {
    let net = load();
    for Case { name, speech, probability, probability_soxr } in cases() {
        let percent = f32::from(percent(&net, &speech));
        assert!((percent - 100.0 * probability).abs() <= 2.0, "{name}: {percent}, not {probability}");
        // Its resampler is ours within 0.002, save where the net is undecided.
        assert!((percent - 100.0 * probability_soxr).abs() <= 7.0, "{name}: {percent}, not {probability_soxr}");
    }
}

#[test]
fn no_audio_and_silence_have_a_verdict() {
    let net = load();
    assert!(percent(&net, &[]) <= 100);
    assert!(percent(&net, &[0.0; 100_000]) <= 100);
}

#[test]
fn another_file_is_refused() {
    assert!(SmartTurn::load(b"version https://git-lfs".to_vec()).is_err());
}
