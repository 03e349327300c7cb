//! A turn in clauses: a story is many things, and each sentence of it may be something else.

use std::ops::Range;

use crate::intent::Intent;
use crate::sentences;

/// The most clauses of a turn that are told apart: a long story has some twenty, and a text that a peer sends may have thousands.
const MAX_CLAUSES: usize = 40;

/// The clauses of `text`, in order, as byte ranges without white space around them: its sentences, and before them what is an
/// answer by itself. "No, it's about my order" is two. Of a text with more than 40 the last one is all the rest.
pub fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for sentence in sentences::split(text) {
        if clauses.len() + 2 >= MAX_CLAUSES {
            break;
        }
        let Some(at) = text[start..].find(&sentence) else { continue };
        let end = start + at + sentence.len();
        cut_off_answer(text, start..end, &mut clauses);
        start = end;
    }
    cut_off_answer(text, start..text.len(), &mut clauses);
    clauses
}

fn cut_off_answer(text: &str, sentence: Range<usize>, clauses: &mut Vec<Range<usize>>) {
    let comma = text[sentence.clone()].find(',').map(|at| sentence.start + at + 1);
    let answer =
        comma.filter(|end| Intent::plain(&text[sentence.start..*end]).is_some_and(|intent| intent != Intent::Nothing));
    if let Some(end) = answer {
        push(text, sentence.start..end, clauses);
    }
    push(text, answer.unwrap_or(sentence.start)..sentence.end, clauses);
}

fn push(text: &str, range: Range<usize>, clauses: &mut Vec<Range<usize>>) {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    if start < end {
        clauses.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_cut_at_its_sentences_and_behind_its_answer() {
        let cut = |text: &'static str| clauses(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(
            cut("No, my heater is broken, and I feel cold. Come at 3 p.m. please!  Bye."),
            ["No,", "my heater is broken, and I feel cold.", "Come at 3 p.m. please!", "Bye."]
        );
        assert_eq!(cut("bread, and butter"), ["bread, and butter"]);
        assert_eq!(cut(""), Vec::<&str>::new());
        let endless = "My heater is broken. ".repeat(5000);
        let all = clauses(&endless);
        assert!(all.len() <= MAX_CLAUSES);
        assert_eq!(all.last().map(|last| last.end), Some(endless.trim_end().len()), "nothing is left out");
    }
}
