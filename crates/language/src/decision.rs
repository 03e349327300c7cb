//! Yes and no, by a small grammar: what an answer is made of decides, never a word in it.
//!
//! An answer is cut into phrases of a few kinds, the longest first. It is a yes if it has a yes and nothing that takes it back: no
//! refusal, no hedge, no question back. What is left over makes it unclear wherever much hangs on the answer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::data::{Phrases, english};
use crate::words::Words;

/// What an answer to a question of yes or no comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and nothing that takes it back.
    Yes,
    /// No.
    No,
    /// Neither: a hedge, a condition, a question back, something beside the point.
    Unclear,
}

/// How clear a yes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// It opens the answer; what follows may be about something else.
    Ordinary,
    /// Something hangs on it that cannot be undone: nothing but the yes and words of the question, or a sentence of its own.
    Irreversible,
}

/// What `text` answers. `question` names one that has answers of its own (`erase`, `name_check`; see `en/decision.toml`).
pub fn decide(text: &str, question: &str, care: Care) -> Answer {
    let clauses = clauses(text, question);
    let first = |kind| clauses.iter().position(|clause| clause.kind == kind);
    match (first(Kind::Yes), first(Kind::No), first(Kind::Doubt)) {
        (Some(_), Some(_), None) => agreed(&clauses, care),
        (None, Some(no), doubt) if doubt.is_none_or(|doubt| no < doubt) => Answer::No,
        // "If it can't be undone, then no."
        (None, Some(_), Some(_)) if clauses.last().is_some_and(|last| last.kind == Kind::No && !last.beside) => {
            Answer::No
        }
        (Some(yes), None, None) => {
            let clear = match care {
                Care::Ordinary => clauses[..yes].iter().all(|clause| clause.kind == Kind::Filler),
                // "Yeah, hi, I'd like to …" opens a sentence and agrees to nothing.
                Care::Irreversible => {
                    let beside = clauses.iter().any(|clause| clause.kind == Kind::Other);
                    !clauses[yes].beside && (!beside || clauses[yes].firm)
                }
            };
            if clear { Answer::Yes } else { Answer::Unclear }
        }
        _ => Answer::Unclear,
    }
}

/// Yes and no in one answer. "No, that's right" is a yes where nothing hangs on it; "yeah, no" is neither.
fn agreed(clauses: &[Clause], care: Care) -> Answer {
    let mut said = clauses.iter().filter(|clause| matches!(clause.kind, Kind::Yes | Kind::No));
    let denies = said.next().is_some_and(|first| first.kind == Kind::No && first.bare);
    let agrees = said.clone().all(|clause| clause.kind == Kind::Yes) && said.any(|clause| clause.firm);
    if denies && agrees && care == Care::Ordinary { Answer::Yes } else { Answer::Unclear }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Yes,
    No,
    /// A hedge, a question back, or a yes with a negation in it.
    Doubt,
    /// Says nothing by itself.
    Filler,
    /// About something else.
    Other,
}

#[derive(Debug)]
struct Clause {
    kind: Kind,
    /// A sentence of its own, or more than one word.
    firm: bool,
    /// One word.
    bare: bool,
    /// It has words that are no part of an answer.
    beside: bool,
}

/// What a phrase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Hedge,
    Asks,
    No,
    Yes,
    WholeYes,
    Weak,
    Negation,
    Filler,
    /// None of these: about something else.
    Beside,
}

/// Phrases by their first word.
type Table = BTreeMap<&'static str, Vec<(Vec<&'static str>, Sign)>>;

static COMMON: LazyLock<Table> = LazyLock::new(|| {
    let words = &english().decision;
    let mut table = Table::new();
    for (list, sign) in [
        (&words.hedges, Sign::Hedge),
        (&words.asks, Sign::Asks),
        (&words.no, Sign::No),
        (&words.yes, Sign::Yes),
        (&words.whole_yes, Sign::WholeYes),
        (&words.weak, Sign::Weak),
        (&words.negations, Sign::Negation),
        (&words.fillers, Sign::Filler),
    ] {
        add(&mut table, list, sign);
    }
    table
});

/// What answers one question and no other.
static OWN: LazyLock<BTreeMap<&'static str, Table>> = LazyLock::new(|| {
    let own = english().decision.questions.iter().map(|(question, own)| {
        let mut table = Table::new();
        add(&mut table, &own.no, Sign::No);
        add(&mut table, &own.yes, Sign::Yes);
        add(&mut table, &own.echo, Sign::Filler);
        (question.as_str(), table)
    });
    own.collect()
});

fn add(table: &mut Table, list: &'static Phrases, sign: Sign) {
    for phrase in list.iter() {
        let words: Vec<&str> = phrase.split(' ').collect();
        table.entry(words[0]).or_default().push((words, sign));
    }
}

/// The longest phrase at the beginning of `words`, and how many words it has; of the question's own before a common one.
fn longest(words: &[&str], question: &str) -> Option<(usize, Sign)> {
    let fitting = |table: &Table| {
        let of_word = table.get(words[0]).into_iter().flatten().filter(|(phrase, _)| words.starts_with(phrase));
        // Of several that are as long the first, which the last maximum is from the back.
        of_word.rev().map(|(phrase, sign)| (phrase.len(), *sign)).max_by_key(|(len, _)| *len)
    };
    let (own, common) = (OWN.get(question).and_then(fitting), fitting(&COMMON));
    match (own, common) {
        (Some(own), Some(common)) if common.0 > own.0 => Some(common),
        (own, common) => own.or(common),
    }
}

/// The clauses of `text`, cut at what is written where a speaker pauses.
fn clauses(text: &str, question: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([',', '.', ';', ':', '!', '?', '—', '…']).unwrap_or(rest.len());
        let (clause, mark) = rest.split_at(end);
        let mark = mark.chars().next();
        rest = &rest[end + mark.map_or(0, char::len_utf8)..];
        let words = Words::of(clause);
        if !words.is_empty() {
            let ends_sentence = rest.trim().is_empty() || matches!(mark, Some('.' | '!'));
            let opens_sentence = clauses.is_empty();
            let all: Vec<&str> = words.iter().collect();
            clauses.push(read(&all, question, mark == Some('?'), ends_sentence && opens_sentence));
        } else if mark == Some('?')
            && let Some(last) = clauses.last_mut()
        {
            last.kind = Kind::Doubt;
        }
    }
    clauses
}

fn read(words: &[&str], question: &str, asks: bool, own_sentence: bool) -> Clause {
    let (mut signs, mut longest_yes, mut at) = (Vec::new(), 0, 0);
    while at < words.len() {
        let (len, sign) = longest(&words[at..], question).unwrap_or((1, Sign::Beside));
        if matches!(sign, Sign::Yes | Sign::WholeYes) {
            longest_yes = longest_yes.max(len);
        }
        signs.push(sign);
        at += len;
    }
    let beside = signs.contains(&Sign::Beside);
    for sign in signs.iter_mut().filter(|sign| **sign == Sign::WholeYes) {
        *sign = if beside { Sign::Filler } else { Sign::Yes };
    }
    let has = |sign| signs.contains(&sign);
    let opens = |sign| signs.iter().find(|first| **first != Sign::Filler) == Some(&sign);
    let kind =
        if asks || has(Sign::Hedge) || has(Sign::Asks) || has(Sign::Yes) && (has(Sign::No) || has(Sign::Negation)) {
            Kind::Doubt
        } else if has(Sign::Yes) && (!beside || opens(Sign::Yes)) {
            Kind::Yes
        } else if has(Sign::No) && (!beside || opens(Sign::No)) {
            Kind::No
        } else if beside || has(Sign::Negation) {
            Kind::Other
        } else {
            Kind::Filler
        };
    Clause { kind, firm: longest_yes > 1 || own_sentence, bare: words.len() == 1, beside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_undone_needs_a_clear_yes() {
        for (question, text, answer) in [
            ("consent", "Yes.", Answer::Yes),
            ("consent", "Yes, you may.", Answer::Yes),
            ("consent", "yeah sure go ahead", Answer::Yes),
            ("consent", "I don't mind", Answer::Yes),
            ("consent", "Why not?", Answer::Unclear),
            ("consent", "By all means.", Answer::Yes),
            ("consent", "Of course, please do remember me.", Answer::Yes),
            ("consent", "Yes. I would like to change my appointment.", Answer::Yes),
            ("consent", "Yeah, hi, I'd like to change my appointment", Answer::Unclear),
            ("consent", "Absolutely not.", Answer::No),
            ("consent", "Please don't.", Answer::No),
            ("consent", "I'd rather you didn't.", Answer::No),
            ("consent", "No thanks.", Answer::No),
            ("consent", "Not yet", Answer::Unclear),
            ("consent", "Sure, but only this once", Answer::Unclear),
            ("consent", "Yeah, no.", Answer::Unclear),
            ("consent", "yes and no", Answer::Unclear),
            ("consent", "What for?", Answer::Unclear),
            ("consent", "Yes?", Answer::Unclear),
            ("consent", "I guess so", Answer::Unclear),
            ("consent", "okay", Answer::Unclear),
            ("consent", "mhm", Answer::Unclear),
            ("consent", "My order has not arrived.", Answer::Unclear),
            ("consent", "If you must.", Answer::Unclear),
            ("consent", "", Answer::Unclear),
            ("erase", "Yes, please.", Answer::Yes),
            ("erase", "Delete it all.", Answer::Yes),
            ("erase", "Yes, delete everything about me.", Answer::Yes),
            ("erase", "Please don't.", Answer::No),
            ("erase", "Yes, delete my appointment.", Answer::Unclear),
            ("erase", "Keep it.", Answer::No),
            ("erase", "No, wait, yes.", Answer::Unclear),
            ("erase", "Don't you dare", Answer::No),
            ("erase", "What happens then?", Answer::Unclear),
            ("end", "Yes, bye.", Answer::Yes),
            ("end", "No, I'm still here", Answer::No),
        ] {
            assert_eq!(decide(text, question, Care::Irreversible), answer, "{question}: {text}");
        }
    }

    #[test]
    fn a_check_is_agreed_to_in_many_words() {
        for (question, text, answer) in [
            ("name_check", "Yes, that's right.", Answer::Yes),
            ("name_check", "That's me.", Answer::Yes),
            ("name_check", "Yes, and I'm calling about the heater.", Answer::Yes),
            ("name_check", "No, that's right.", Answer::Yes),
            ("name_check", "Correct", Answer::Yes),
            ("name_check", "No, it's Jenny.", Answer::No),
            ("name_check", "That's not my name.", Answer::No),
            ("name_check", "That's not right", Answer::No),
            ("name_check", "My order has not arrived.", Answer::Unclear),
            ("name_check", "Almost.", Answer::Unclear),
            ("else", "No, that's all, bye.", Answer::No),
            ("else", "That's it, thanks.", Answer::No),
            ("else", "Yes, one more thing.", Answer::Yes),
            ("number_check", "yep that's it", Answer::Yes),
            ("number_check", "Yes but the last digit is three", Answer::Unclear),
        ] {
            assert_eq!(decide(text, question, Care::Ordinary), answer, "{question}: {text}");
        }
    }
}
