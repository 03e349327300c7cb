//! Input that is no sentence.

use proptest::prelude::*;
use redial_hibari::{LoadError, Voice};

use crate::{ids, speak};

#[test]
fn what_has_nothing_to_say_is_silent() {
    for text in ["", " ", "...", "?!", "👋"] {
        let samples = speak(&ids(text), 1.0).unwrap();
        assert!(samples.is_empty(), "{text}: {} samples", samples.len());
    }
    assert!(speak(&[0, 0, 0], 1.0).unwrap().is_empty());
}

#[test]
fn numbers_that_are_no_phonemes_are_an_error() {
    assert!(speak(&[0, 9999, 0], 1.0).is_err());
    assert!(speak(&[i32::MIN, i32::MAX], 1.0).is_err());
}

#[test]
fn what_is_not_the_net_is_refused_with_the_way_out() {
    let dir = std::env::temp_dir().join("no such voice");
    let missing = Voice::load(&dir).err().unwrap();
    assert!(matches!(missing, LoadError::Read { .. }) && missing.to_string().contains("hibari.onnx"), "{missing}");
    let text = Voice::from_bytes(b"version https://git-lfs".to_vec()).err().unwrap();
    assert!(matches!(text, LoadError::Rejected(_)) && text.to_string().contains("hibari.onnx"), "{text}");
    let other = Voice::from_bytes(std::fs::read(crate::models().join("oov.onnx")).unwrap()).err().unwrap();
    assert!(matches!(other, LoadError::Other(_)), "{other}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_row_of_phonemes_gives_finite_samples(ids in prop::collection::vec(0..178_i32, 0..60), speed in 0.0_f32..4.0) {
        if let Ok(samples) = speak(&ids, speed) {
            prop_assert!(samples.iter().all(|sample| sample.is_finite() && sample.abs() < 8.0));
        }
    }
}
