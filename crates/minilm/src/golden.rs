//! Pieces and embeddings against those of the reference; see `tests/golden/README.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rten::ThreadPool;

use crate::{DIMENSIONS, Embedding, LoadError, MiniLm};

static MINILM: LazyLock<MiniLm> = LazyLock::new(|| MiniLm::load(&models()).unwrap());

struct Case {
    text: String,
    ids: Vec<i32>,
    embedding: Embedding,
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm")
}

fn golden(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)).unwrap()
}

fn cases() -> Vec<Case> {
    let table = String::from_utf8(golden("cases.tsv")).unwrap();
    let vectors = golden("vectors.f32");
    let numbers: Vec<f32> = vectors.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(numbers.len(), table.lines().count() * DIMENSIONS);
    let case = |(line, numbers): (&str, &[f32])| {
        let (ids, text) = line.split_once('\t').unwrap();
        let ids = ids.split(' ').map(|id| id.parse().unwrap()).collect();
        Case { text: text.to_owned(), ids, embedding: Embedding::from_slice(numbers).unwrap() }
    };
    table.lines().zip(numbers.chunks_exact(DIMENSIONS)).map(case).collect()
}

fn embed(text: &str) -> Embedding {
    MINILM.embed(text).unwrap()
}

#[test]
fn the_pieces_are_those_of_the_reference() {
    for Case { text, ids, .. } in cases() {
        assert_eq!(MINILM.ids(&text), ids, "{text:?}");
    }
}

#[test]
fn the_embeddings_are_those_of_the_reference() {
    let cases = cases();
    let ours: Vec<Embedding> = cases.iter().map(|case| embed(&case.text)).collect();
    for (case, ours) in cases.iter().zip(&ours) {
        let similarity = ours.similarity(&case.embedding);
        assert!(similarity > 0.9999, "{:?}: {similarity}", case.text);
    }
    for (one, our_one) in cases.iter().zip(&ours) {
        for (other, our_other) in cases.iter().zip(&ours) {
            let (wanted, found) = (one.embedding.similarity(&other.embedding), our_one.similarity(our_other));
            assert!((wanted - found).abs() < 1e-3, "{:?} and {:?}: {found}, not {wanted}", one.text, other.text);
        }
    }
}

#[test]
fn what_means_the_same_is_nearer_than_what_shares_words() {
    let wanted = embed("Can I talk to a real person?");
    let same = wanted.similarity(&embed("I'd like to speak with someone, please."));
    let alike = wanted.similarity(&embed("The machine says connect to a person in the app but the app crashes."));
    assert!(same > alike + 0.1, "{same} and {alike}");
}

#[test]
fn case_and_accents_do_not_count_and_words_do() {
    assert_eq!(embed("Call José,  please!"), embed("CALL JOSE, PLEASE !"));
    assert_ne!(embed("Call José, please!"), embed("Call Jose, please."));
}

#[test]
fn one_model_serves_all_threads() {
    let text = "Could we do Thursday instead?";
    let wanted = embed(text);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let threads = Arc::new(ThreadPool::with_num_threads(1));
                assert_eq!(MINILM.embed_on(text, &threads).unwrap(), wanted);
                assert_eq!(embed(text), wanted);
            });
        }
    });
}

#[test]
fn what_is_not_the_model_is_refused_with_the_way_out() {
    let missing = MiniLm::load(Path::new("no/such")).err().unwrap();
    assert!(matches!(missing, LoadError::Unreadable { .. }));
    let path = std::env::current_dir().unwrap().join("no/such/model.onnx");
    let missing = missing.to_string();
    assert!(missing.contains(path.to_str().unwrap()) && missing.contains("MODELS_DIR"), "{missing}");

    let [net, vocabulary] = ["model.onnx", "vocab.txt"].map(|file| fs::read(models().join(file)).unwrap());
    let pointer = b"version https://git-lfs".to_vec();
    let other = fs::read(models().join("../hibari/oov.onnx")).unwrap();
    for (net, vocabulary, file) in [
        (pointer.as_slice(), vocabulary.as_slice(), "model.onnx"),
        (&net[..net.len() / 2], &vocabulary, "model.onnx"),
        (&other, &vocabulary, "model.onnx"),
        (&net, &pointer, "vocab.txt"),
        (&net, &vocabulary[..vocabulary.len() / 2], "vocab.txt"),
        (&net, b"\xff", "vocab.txt"),
    ] {
        let error = MiniLm::from_bytes(net.to_vec(), vocabulary).err().unwrap();
        assert!(matches!(error, LoadError::Rejected { .. }));
        let error = error.to_string();
        assert!(error.contains(file) && error.contains("restore"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_has_pieces_of_the_vocabulary(text in ".*|(?s).{0,400}|([a-z#\\[\\]]{1,120} ?){0,9}") {
        let ids = MINILM.ids(&text);
        prop_assert!((2..=128).contains(&ids.len()));
        prop_assert_eq!((ids[0], ids[ids.len() - 1]), (101, 102));
        prop_assert!(ids[1..ids.len() - 1].iter().all(|id| (0..30_522).contains(id) && ![101, 102].contains(id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_an_embedding_of_unit_length(text in ".*") {
        let embedding = embed(&text);
        prop_assert!((embedding.similarity(&embedding) - 1.0).abs() < 1e-5);
    }
}
