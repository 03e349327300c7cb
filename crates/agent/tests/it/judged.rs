//! The working half of the corpus: what must not get worse. Three of four of its turns are among the examples, so its figures are
//! better than those of callers; the other half judges.

use futures_util::FutureExt as _;
use redial_agent::judge::judge;

use crate::net::Net;

#[test]
fn no_answer_that_is_none_is_taken_for_a_yes_to_what_cannot_be_undone() {
    let all = include_str!("../../../../fixtures/desk/work.toml").split("[[turn]]");
    let questions = ["consent", "erase", "part", "keep_call", "end"].map(|asked| format!("asked = \"{asked}\""));
    let decides = |turn: &&str| questions.iter().any(|asked| turn.contains(asked.as_str()));
    let corpus: String = all.filter(decides).map(|turn| format!("[[turn]]{turn}")).collect();
    let report = judge(&corpus, &Net).now_or_never().expect("the net of this test works at once").unwrap();
    assert_eq!(report.decisions.wrong, 0, "{:#?}", report.faults);
    assert!(report.decisions.right > 120, "{report}");
}

#[test]
fn a_corpus_with_a_fault_is_refused_with_its_place() {
    let corpus = "[[turn]]\nid = \"w1\"\nasked = \"none\"\nsays = \"Hi\"\nkind = \"hello\"\n";
    let error = judge(corpus, &Net).now_or_never().expect("at once").unwrap_err().to_string();
    assert!(error.contains("line 5") && error.contains("kind"), "{error}");
}
