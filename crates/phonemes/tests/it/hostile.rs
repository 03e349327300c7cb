//! Text that nobody should say: it is read without a panic, and in bounded time.

use proptest::prelude::*;

use crate::phonemizer;

#[test]
fn long_and_strange_text_is_read_in_bounded_time() {
    let texts = [
        "a".repeat(10_000),
        "aB1-".repeat(2_500),
        "1".repeat(10_000),
        "1-".repeat(5_000),
        "1,".repeat(5_000),
        "1.".repeat(5_000),
        "(".repeat(10_000),
        "[".repeat(10_000),
        "[](".repeat(3_333),
        "'".repeat(10_000),
        "don't".repeat(2_000),
        "$".repeat(10_000),
        "St. ".repeat(2_500),
        "I".repeat(10_000),
        "King ".to_owned() + &"X".repeat(10_000),
        "xyzzy ".repeat(1_667),
        "www.a.b/c?d=e&".repeat(700),
        "😀".repeat(2_500),
        "日本語".repeat(1_111),
        "\u{0}\u{7}\u{1b}[31m\u{202e}".repeat(1_000),
        "e\u{301}\u{327}".repeat(2_000),
        " \t\r\n".repeat(2_500),
    ];
    for text in texts {
        // What takes more than linear time does not end before the runner ends the test.
        let phonemes = phonemizer().phonemes(&text);
        assert!(phonemizer().ids(&phonemes).len() >= 2);
    }
}

#[test]
fn what_english_does_not_read_is_silent() {
    for text in ["", " ", "😀", "日本語", "\u{0}", "👩‍👩‍👧 🇩🇪"] {
        assert_eq!(phonemizer().phonemes(text), "", "{text:?}");
        assert_eq!(phonemizer().ids(""), [0, 0]);
    }
    assert_eq!(phonemizer().phonemes("Hi! 😀"), phonemizer().phonemes("Hi!"));
}

#[test]
fn control_characters_separate_words() {
    assert_eq!(phonemizer().phonemes("call\u{0}me\nback"), phonemizer().phonemes("call me back"));
}

#[test]
fn many_threads_read_at_once() {
    let expected = phonemizer().phonemes("Xiomara read it at 9:30 am.");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(phonemizer().phonemes("Xiomara read it at 9:30 am."), expected);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let phonemes = phonemizer().phonemes(&text);
        prop_assert!(phonemizer().ids(&phonemes).len() >= 2);
    }

    #[test]
    fn no_mixture_of_what_the_rules_look_for_panics(
        text in "([0-9]{1,4}|[:/.,'’$£€¥°¢#+()\\[\\]\\-–—…_ ]|am|p\\.m\\.|km|St\\.|no\\.|Jan\\.?|July|King|XIV|é|ﬁ|don't|https://|@|½|日|😀){0,24}"
    ) {
        let phonemes = phonemizer().phonemes(&text);
        prop_assert!(phonemizer().ids(&phonemes).len() >= 2);
    }
}
