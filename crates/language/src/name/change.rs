//! Whether a caller's own name has become another.

use super::phrase::{Expected, Phrase};
use super::{Named, answered};
use crate::data::english;
use crate::words::Words;

/// Whether callers say that their own name has changed: "I got married, so it's Miller now", "I go by Alex these days".
pub fn has_changed(text: &str) -> bool {
    let words = Words::of(text);
    let lists = &english().name;
    if words.says_any(&lists.conditions) {
        return false;
    }
    if words.says_any(&lists.changed) {
        return true;
    }
    let own = || Named::of(&words).is_some_and(|named| named.own.is_some());
    // "My name isn't Parker any more."
    let not_any_more = words.says_any(&lists.not_any_more) && words.says_any(&lists.own_name);
    let stage =
        lists.stages.iter().filter_map(|stage| words.after(stage).map(|after| after - stage.split(' ').count()));
    // "It's Miller now", "I'm now Jennifer Miller".
    let staged = stage.into_iter().any(|at| {
        let named = lists.own_leads.iter().filter_map(|lead| Phrase::at(&words, words.after(lead)?, Expected::Name));
        named.into_iter().any(|phrase| phrase.end == at || phrase.start == at + 1)
    });
    let wed = words.says_any(&lists.weddings) && (own() || answered(text).is_some() || renamed_clause(&words));
    not_any_more || staged || wed
}

/// A clause of a wedding that names somebody: "so it's Miller".
fn renamed_clause(words: &Words) -> bool {
    let leads = &english().name.own_leads;
    leads.iter().any(|lead| words.after(lead).and_then(|after| Phrase::at(words, after, Expected::Name)).is_some())
}
