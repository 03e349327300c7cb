//! A turn in clauses: a story is many things, and each of them may be something else.

use std::ops::Range;

use crate::data::english;
use crate::intent::Intent;
use crate::sentences;
use crate::words::Words;

/// A clause has at least so many words; fewer stay with what is beside them.
const MIN_WORDS: usize = 3;

/// The clauses of `text`, in order, as byte ranges without white space around them: cut where a sentence ends, and before a word
/// that joins two of them, where both are long enough.
pub fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for sentence in sentences::split(text) {
        let Some(at) = text[start..].find(&sentence) else { continue };
        let end = start + at + sentence.len();
        cut_at_joints(text, start..end, &mut clauses);
        start = end;
    }
    cut_at_joints(text, start..text.len(), &mut clauses);
    clauses
}

fn cut_at_joints(text: &str, sentence: Range<usize>, clauses: &mut Vec<Range<usize>>) {
    let joins = &english().sentences.joins;
    let mut start = sentence.start;
    // "No, it's about my order": an answer, and what is said beside it.
    if let Some(comma) = text[sentence.clone()].find(',').map(|at| sentence.start + at + 1)
        && Intent::plain(&text[start..comma]).is_some_and(|intent| intent != Intent::Nothing)
    {
        push(text, start..comma, clauses);
        start = comma;
    }
    let mut at = start;
    while let Some(space) = text[at..sentence.end].find(' ') {
        let next = at + space + 1;
        let word = text[next..sentence.end].split(' ').next().unwrap_or_default();
        let is_joint = joins.has(&word.to_lowercase());
        let long = |part: &str| Words::of(part).len() >= MIN_WORDS;
        if is_joint && long(&text[start..next]) && long(&text[next + word.len()..sentence.end]) {
            push(text, start..next, clauses);
            start = next;
        }
        at = next;
    }
    push(text, start..sentence.end, clauses);
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
    fn a_story_is_cut_at_its_joints() {
        let cut = |text: &'static str| clauses(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(
            cut("My heater is broken, and I feel cold. Come at 3 p.m. please!  Bye."),
            ["My heater is broken,", "and I feel cold.", "Come at 3 p.m. please!", "Bye."]
        );
        assert_eq!(cut("bread and butter"), ["bread and butter"]);
        assert_eq!(
            cut("i have to go to the hospital so please move it"),
            ["i have to go to the hospital", "so please move it"]
        );
        assert_eq!(cut(""), Vec::<&str>::new());
    }
}
