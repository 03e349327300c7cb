//! Whether a caller's own name has become another.

use super::Named;
use super::phrase::{Expected, Phrase};
use crate::data::{Phrases, english};
use crate::words::Words;

/// Whether callers say that their own name has changed: "I got married, so it's Miller now", "I go by Alex these days".
pub fn has_changed(text: &str) -> bool {
    let words = Words::of(text);
    let lists = &english().name;
    if words.says_any(&lists.conditions) {
        return false;
    }
    let behind = |leads: &'static Phrases| -> Vec<Phrase> {
        leads.iter().filter_map(|lead| Phrase::at(&words, words.after(lead)?, Expected::Name)).collect()
    };
    // "My name isn't Parker any more.", "I'm not Parker any more."
    let not_any_more = || {
        let disowned = || behind(&lists.not_leads).iter().any(|phrase| phrase.is_plain() || phrase.is_plain_family());
        words.says_any(&lists.not_any_more) && (words.says_any(&lists.own_name) || disowned())
    };
    // "It's Miller now", "I'm now Jennifer Miller."
    let staged = || {
        let stages = lists.stages.iter().filter_map(|stage| Some((words.after(stage)?, stage.split(' ').count())));
        let named = behind(&lists.own_leads);
        let beside = |(after, count): (usize, usize)| {
            named.iter().any(|phrase| !phrase.is_words() && (phrase.end + count == after || phrase.start == after))
        };
        stages.into_iter().any(beside)
    };
    // "I got married, so it's Miller."
    let wed = || {
        let own = Named::of(&words).is_some_and(|named| named.own.is_some());
        words.says_any(&lists.weddings) && (own || !behind(&lists.own_leads).is_empty())
    };
    words.says_any(&lists.changed) || not_any_more() || staged() || wed()
}
