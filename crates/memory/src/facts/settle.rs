//! Which of several facts hold: contradictions are looked for within one key and nowhere else.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use redial_language::languages;

use super::limits::{MAX_TEXT_CHARS, is_key};
use crate::model::{Confidence, Fact};

/// Calls that a fact is counted in.
pub(crate) const MAX_RECEIPTS: usize = 8;
/// A longer reference to a call and turn is none of ours.
const MAX_SOURCE_CHARS: usize = 200;

/// Settles `facts`, in any order and from any number of profiles:
///
/// - the same text under the same key is one fact, as of the last time that it was said, counted once a call;
/// - the last *stated* value of a key is its value, a closed one included; an inferred value never comes before a stated
///   one, whatever its time;
/// - the value before it is kept as closed, older ones are not;
/// - what has no well-formed key, text or source is dropped.
///
/// The order of the result is by key, the present value first. Settling in several steps gives what one step gives; only
/// the count of a value that came back after two others may be lower.
pub(crate) fn settle(facts: Vec<Fact>) -> Vec<Fact> {
    let mut keys: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for fact in facts.into_iter().filter(is_well_formed) {
        let values = keys.entry(fact.k.clone()).or_default();
        match values.iter_mut().find(|known| is_same(known, &fact)) {
            Some(known) => join(known, fact),
            None => values.push(counted(fact)),
        }
    }
    keys.into_values().flat_map(settle_key).collect()
}

/// The values of one key: the present one, and the one before.
fn settle_key(mut values: Vec<Fact>) -> Vec<Fact> {
    let stated: Vec<String> = values.iter().filter(|fact| is_stated(fact)).map(text).collect();
    values.retain(|fact| is_stated(fact) || !stated.contains(&text(fact)));
    values.sort_by_key(|fact| Reverse(rank(fact)));
    values.truncate(2);
    if let [head, before] = &mut values[..] {
        // It ceased to hold when the present value was last said, at the latest. Not its own closing time: that is lost
        // when a third value stands between, and the order of merging must not show.
        before.until = Some(head.at.max(before.at));
    }
    values
}

/// The tag of the language that the caller asked for; `None` when no fact is about it, `Some(None)` when the last one is
/// closed or names no known language.
pub(crate) fn language_of(settled: &[Fact]) -> Option<Option<String>> {
    let head = settled.iter().find(|fact| fact.k == super::draft::LANGUAGE_KEY)?;
    Some(languages::named_in(&head.t).filter(|_| head.until.is_none()).map(str::to_owned))
}

/// How much a fact is worth keeping, the more the later in the order: open, then stated, then often said, then recent.
pub(crate) fn worth(fact: &Fact) -> (bool, bool, u32, u64, Reverse<String>, String) {
    (fact.until.is_none(), is_stated(fact), fact.seen, fact.at, Reverse(fact.k.clone()), fact.t.clone())
}

fn is_well_formed(fact: &Fact) -> bool {
    is_key(&fact.k)
        && !fact.t.trim().is_empty()
        && fact.t.chars().count() <= MAX_TEXT_CHARS
        && fact.src.chars().count() <= MAX_SOURCE_CHARS
}

fn is_stated(fact: &Fact) -> bool {
    fact.conf > Confidence::Inferred
}

fn text(fact: &Fact) -> String {
    fact.t.to_lowercase()
}

/// The same value of the same key. What was stated and what was inferred are told apart, so that a later inference does
/// not make an old statement younger.
fn is_same(a: &Fact, b: &Fact) -> bool {
    is_stated(a) == is_stated(b) && text(a) == text(b)
}

/// The place of a value among those of its key. Neither counts nor closing times matter: they change in settling.
fn rank(fact: &Fact) -> (bool, u64, String, String) {
    (is_stated(fact), fact.at, fact.src.clone(), text(fact))
}

/// Takes `other` into `known`: the later of the two, with the receipts of both.
fn join(known: &mut Fact, other: Fact) {
    let version = |fact: &Fact| (fact.at, fact.src.clone(), fact.conf, fact.cls, fact.t.clone(), fact.until);
    let by: BTreeSet<u32> = known.by.union(&other.by).copied().collect();
    let seen = known.seen.max(other.seen);
    if version(&other) > version(known) {
        *known = other;
    }
    known.by = by;
    known.seen = seen;
    *known = counted(known.clone());
}

fn counted(mut fact: Fact) -> Fact {
    while fact.by.len() > MAX_RECEIPTS {
        fact.by.pop_first();
    }
    fact.seen = fact.seen.max(u32::try_from(fact.by.len()).unwrap_or(u32::MAX)).max(1);
    fact
}
