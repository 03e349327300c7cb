//! Two profiles of one person made one: after a conflict, and when an operator joins two callers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Map, Value};

use super::facts::settle::{language_of, settle, worth};
use super::model::{Choice, Confidence, Consent, Episode, Fact, Name, Profile};
use super::session_id::SessionId;
use super::summary::{self, MAX_EPISODES};

/// Facts in a profile.
pub const MAX_FACTS: usize = 30;
/// Bytes of a profile as JSON.
pub const MAX_PROFILE_BYTES: usize = 16 * 1024;
/// Calls that a model's part of the summary may name, and characters in such a name.
const MAX_SUMMARY_OF: usize = 20;
const MAX_SUMMARY_OF_CHARS: usize = 64;
/// A source longer than this is none of ours.
const MAX_ID_CHARS: usize = 200;
/// Users who became one, and characters in their ids.
pub const MAX_ABSORBED: usize = 32;
const MAX_USER_ID_CHARS: usize = 128;
/// A name longer than this is none, in any language.
const MAX_NAME_CHARS: usize = 80;
/// BCP 47 tags are at most this long (RFC 5646, 4.4.1).
pub const MAX_TAG_CHARS: usize = 35;
/// Episodes that are kept while facts are left which could go instead.
const EPISODES_BEFORE_FACTS: usize = 5;

/// The profile that holds what `a` and `b` hold.
///
/// Each part is joined by itself: facts by key, episodes by call, the name by its evidence, a model's summary
/// and the consent by their time. Nothing else is compared, so nothing is retired by what it has nothing to do with.
///
/// # Laws
/// Whatever the two hold:
/// - `merge(a, b) == merge(b, a)`;
/// - a merged profile merged with itself, or with the empty one, stays as it is;
/// - the result is within the bounds: [`MAX_FACTS`] facts, [`MAX_EPISODES`] episodes, [`MAX_PROFILE_BYTES`] as JSON, and
///   holds no name, fact or episode that neither side had.
///
/// `merge(merge(a, b), c) == merge(a, merge(b, c))` as long as all three together stay within the bounds and no key has
/// had more than two values; with more values it still holds for all but the count `seen`. Beyond the bounds something is
/// left out, and what comes later decides what; the newest [`MAX_EPISODES`] episodes are the same in any order, unless
/// bytes are short.
pub fn merge(a: Profile, b: Profile) -> Profile {
    let (a_says, b_says) = (ModelPart::of(&a), ModelPart::of(&b));
    let facts = settle([a.facts, b.facts].concat());
    let lang = match language_of(&facts) {
        Some(lang) => lang,
        None => [a.lang, b.lang].into_iter().flatten().filter(|tag| tag.chars().count() <= MAX_TAG_CHARS).max(),
    };
    let profile = Profile {
        v: a.v.max(b.v),
        name: [a.name, b.name].into_iter().flatten().filter(is_usable_name).max_by_key(name_rank),
        summary: String::new(),
        summary_at: 0,
        summary_of: Vec::new(),
        episodes: episodes(a.episodes, b.episodes),
        lang,
        facts,
        consent: [a.consent, b.consent].into_iter().flatten().map(short).max_by_key(consent_rank),
        denied_at: a.denied_at.max(b.denied_at),
        named_at: a.named_at.max(b.named_at),
        absorbed: absorbed(a.absorbed, b.absorbed),
        prefs: prefs(a.prefs, b.prefs),
    };
    bounded(profile, &a_says.max(b_says))
}

/// The profile as [`merge`] would leave it: settled and within the bounds.
pub(super) fn settled(profile: Profile) -> Profile {
    merge(profile, Profile::default())
}

/// What a model wrote, ordered by when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct ModelPart {
    at: u64,
    text: String,
    of: BTreeSet<SessionId>,
}

impl ModelPart {
    fn of(profile: &Profile) -> Self {
        let text = summary::model_part(&profile.summary);
        if text.is_empty() {
            return Self::default();
        }
        let mut of: BTreeSet<SessionId> =
            profile.summary_of.iter().filter(|id| id.as_str().len() <= MAX_SUMMARY_OF_CHARS).cloned().collect();
        while of.len() > MAX_SUMMARY_OF {
            of.pop_first();
        }
        Self { at: profile.summary_at, text, of }
    }
}

fn is_usable_name(name: &Name) -> bool {
    name.say.chars().count() <= MAX_NAME_CHARS && name.src.chars().count() <= MAX_ID_CHARS
}

/// The better founded name. Among confirmed ones the first stays, unless its owner said that it is another one now; among others
/// the later.
fn name_rank(name: &Name) -> (Confidence, bool, u64, String, String) {
    let stays = name.conf == Confidence::Confirmed && !name.changed;
    let rank = if stays { u64::MAX - name.at } else { name.at };
    (name.conf, name.changed, rank, name.src.clone(), name.say.clone())
}

/// The later answer; of two at the same time, no.
fn consent_rank(consent: &Consent) -> (u64, Choice, String, String) {
    (consent.at, consent.memory, consent.how.clone(), consent.src.clone())
}

fn short(consent: Consent) -> Consent {
    let cut = |text: String| if text.chars().count() > MAX_ID_CHARS { String::new() } else { text };
    Consent { how: cut(consent.how), src: cut(consent.src), ..consent }
}

/// The newest episodes, one a call: of two copies the later.
fn episodes(a: Vec<Episode>, b: Vec<Episode>) -> Vec<Episode> {
    let mut calls: BTreeMap<SessionId, Episode> = BTreeMap::new();
    for episode in a.into_iter().chain(b) {
        match calls.get(&episode.session_id) {
            Some(known) if *known >= episode => (),
            _ => _ = calls.insert(episode.session_id.clone(), episode),
        }
    }
    let mut all: Vec<Episode> = calls.into_values().collect();
    all.sort_by(|a, b| (a.at, &a.session_id).cmp(&(b.at, &b.session_id)));
    all.drain(..all.len().saturating_sub(MAX_EPISODES));
    all
}

/// All ids. Beyond the bound the greatest stay; operators are refused before that.
fn absorbed(a: BTreeSet<String>, b: BTreeSet<String>) -> BTreeSet<String> {
    let all: BTreeSet<String> = a.into_iter().chain(b).filter(|id| id.chars().count() <= MAX_USER_ID_CHARS).collect();
    all.into_iter().rev().take(MAX_ABSORBED).collect()
}

/// All settings. Of two values for one, the greater as text: they have no time.
fn prefs(a: Map<String, Value>, b: Map<String, Value>) -> Map<String, Value> {
    let text = Value::to_string;
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for (key, value) in a.into_iter().chain(b) {
        match all.get(&key) {
            Some(known) if text(known) >= text(&value) => (),
            _ => _ = all.insert(key, value),
        }
    }
    all.into_iter().collect()
}

/// Writes the summary, and leaves out what is worth least until the profile is within the bounds: closed and inferred
/// facts, old episodes, facts that were said seldom and long ago, and at last what others set.
fn bounded(mut profile: Profile, model: &ModelPart) -> Profile {
    while profile.facts.len() > MAX_FACTS {
        drop_fact(&mut profile.facts);
    }
    loop {
        summary::write(&mut profile, &model.text, model.at);
        profile.summary_of = model.of.iter().cloned().collect();
        if bytes(&profile) <= MAX_PROFILE_BYTES || !drop_something(&mut profile) {
            return profile;
        }
    }
}

/// Leaves out one thing; `false` when nothing is left that could go. What stays then is short by itself.
fn drop_something(profile: &mut Profile) -> bool {
    let poor = |fact: &Fact| fact.until.is_some() || fact.conf == Confidence::Inferred;
    if profile.facts.iter().any(poor) {
        drop_fact(&mut profile.facts);
    } else if profile.episodes.len() > EPISODES_BEFORE_FACTS {
        profile.episodes.remove(0);
    } else if !profile.facts.is_empty() {
        drop_fact(&mut profile.facts);
    } else if !profile.episodes.is_empty() {
        profile.episodes.remove(0);
    } else if let Some(key) = profile
        .prefs
        .iter()
        .max_by_key(|(key, value)| (key.len() + value.to_string().len(), (*key).clone()))
        .map(|(key, _)| key.clone())
    {
        profile.prefs.remove(&key);
    } else {
        return false;
    }
    true
}

/// Leaves out the fact that is worth least. The order of the others stays.
fn drop_fact(facts: &mut Vec<Fact>) {
    let least = facts.iter().enumerate().min_by_key(|(_, fact)| worth(fact)).map(|(at, _)| at);
    if let Some(at) = least {
        facts.remove(at);
    }
}

/// The length of the profile as JSON.
pub fn bytes(profile: &Profile) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // All keys are text and counting does not fail; if writing ever did, the store would refuse the document.
    serde_json::to_writer(&mut count, profile).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests;
