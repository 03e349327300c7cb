//! `en/name.toml`: how callers say their names.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// The words around names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameWords {
    /// What a name follows, with its owner before it: "name is".
    pub(crate) named: Phrases,
    /// A word that names the last name by itself.
    pub(crate) surname: String,
    /// The owner of the caller's own things.
    pub(crate) my: String,
    /// Before "name is" at the start of a clause: the caller's own too.
    pub(crate) the: String,
    /// Between the owner and "name", meaning all of it.
    pub(crate) kinds: Phrases,
    /// The same, meaning the first name.
    pub(crate) first: Phrases,
    /// The same, meaning the last name.
    pub(crate) last: Phrases,
    /// What comes before a name and hardly before anything else.
    pub(crate) strong: Phrases,
    /// Those of them that need a given name: "call me Jen", but "call me back".
    pub(crate) only_given: Phrases,
    /// What comes before a name and before much else ("I'm late").
    pub(crate) weak: Phrases,
    /// The same, in the answer to a question for the name.
    pub(crate) weak_when_asked: Phrases,
    /// What follows a name of somebody who introduces themselves: "I'm Ana calling about…".
    pub(crate) announced: Phrases,
    /// What follows a name that comes first: "Ana speaking".
    pub(crate) speaking: Phrases,
    /// What may follow a name without a pause, since it begins something new.
    pub(crate) goes_on: Phrases,
    /// The same, behind "this is Ana" only: a question.
    pub(crate) asks: Phrases,
    /// What makes a name of what stands before it: "Lopez is my last name".
    pub(crate) says_name: Phrases,
    /// What follows a full name with which a call is opened.
    pub(crate) opening: Phrases,
    /// First words of leads behind which a name can be singled out: "it's Walter I want".
    pub(crate) it_is: Phrases,
    /// First words of leads behind which a name without a capital is believed, when the caller speaks on.
    pub(crate) this_is: Phrases,
    /// What singles it out.
    pub(crate) clefts: Phrases,
    /// What follows the name of somebody who is wanted on the line.
    pub(crate) asks_for: Phrases,
    /// What follows a name of somebody else.
    pub(crate) others: Phrases,
    /// Words that join a clause to the one before.
    pub(crate) joins: Phrases,
    /// What a correction begins with: "no, Jenny".
    pub(crate) corrects: Phrases,
    /// What comes before the wrong name: "not Jennifer, Jenny".
    pub(crate) denies: Phrases,
    /// Sounds and small words before a name.
    pub(crate) hesitations: Phrases,
    /// Said around a name, and no part of it.
    pub(crate) fillers: Phrases,
    /// Behind which a name is the other side's: "thank you, Jennifer".
    pub(crate) thanks: Phrases,
    /// What a self-introduction follows at the start of a call.
    pub(crate) greetings: Phrases,
    /// Small words inside names.
    pub(crate) particles: Phrases,
    /// People and animals that a caller speaks of.
    pub(crate) relations: Phrases,
    /// What follows the name of a street.
    pub(crate) streets: Phrases,
    /// Between a spelled letter and a word for it: "J as in Juliet".
    pub(crate) spelled_as: Phrases,
    /// Before a spelled letter, and no part of the spelling.
    pub(crate) capital: Phrases,
    /// What says that the caller's name is another now.
    pub(crate) changed: Phrases,
    /// The same behind one of `own_name`.
    pub(crate) not_any_more: Phrases,
    /// What speaks of the caller's own name.
    pub(crate) own_name: Phrases,
    /// What comes before a name that one has not: with one of `not_any_more`, has no longer.
    pub(crate) not_leads: Phrases,
    /// What stands before a new name, with one of `stages` behind it.
    pub(crate) own_leads: Phrases,
    /// "Now", beside a name that was another.
    pub(crate) stages: Phrases,
    /// Why names change: with a name only, since it is told for other reasons too.
    pub(crate) weddings: Phrases,
    /// What makes it a question, a condition or a denial.
    pub(crate) conditions: Phrases,
    /// Common endings of words, which the lists go without.
    pub(crate) endings: Phrases,
    /// Endings in whose place the lists have others.
    pub(crate) changed_endings: BTreeMap<String, String>,
    /// Titles, as they are written.
    pub(crate) titles: BTreeMap<String, String>,
}
