//! A folder that is not complete, or not what it should be.

use std::fs;
use std::path::{Path, PathBuf};

use redial_phonemes::{LoadError, Phonemizer};

use crate::models;

const FILES: [&str; 8] = [
    "normalize.json",
    "tokenizer_exceptions.json",
    "tagger.json.gz",
    "lexicon_us_gold.json.gz",
    "lexicon_us_silver.json.gz",
    "oov.json",
    "oov.onnx",
    "vocab.json",
];

#[test]
fn a_missing_file_is_named() {
    let folder = Copy::of_the_models("missing");
    for name in FILES {
        let file = folder.0.join(name);
        fs::remove_file(&file).unwrap();
        let Err(LoadError::Read { file: named, .. }) = Phonemizer::load(&folder.0) else {
            panic!("loaded without {name}");
        };
        assert_eq!(named, file);
        fs::copy(models().join(name), &file).unwrap();
    }
}

#[test]
fn a_damaged_file_is_named() {
    let folder = Copy::of_the_models("damaged");
    for name in FILES {
        let file = folder.0.join(name);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let error = Phonemizer::load(&folder.0).err().unwrap_or_else(|| panic!("loaded half of {name}"));
        assert!(matches!(error, LoadError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        fs::write(&file, whole).unwrap();
    }
    assert!(Phonemizer::load(&folder.0).is_ok());
}

/// A copy of the data files, which is removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn of_the_models(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("phonemes-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in FILES {
            fs::copy(models().join(name), folder.join(name)).unwrap();
        }
        Self(folder)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What is left over is in the build folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
