//! A caller as JSON for people and their programs: what is stored under short names, under whole ones, with units.

use std::collections::BTreeSet;

use redial_memory::model::{Choice, Class, Confidence, Episode, Fact, Profile};
use redial_memory::session_id::SessionId;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::operations::CallerView;

/// What is remembered of somebody. Times are Unix times in ms.
#[derive(Debug, Serialize)]
pub(super) struct Caller<'a> {
    user_id: &'a str,
    calls: u64,
    last_call_at_ms: Option<u64>,
    expires_in_s: Option<u64>,
    revision: u64,
    numbers: usize,
    sessions: &'a [SessionId],
    /// `None`: it cannot be read by this version.
    profile: Option<Remembered<'a>>,
}

#[derive(Debug, Serialize)]
struct Remembered<'a> {
    schema_version: u32,
    name: Option<Name<'a>>,
    summary: &'a str,
    summary_at_ms: u64,
    summary_of_sessions: &'a [SessionId],
    calls: Vec<Call<'a>>,
    language: Option<&'a str>,
    facts: Vec<Known<'a>>,
    consent: Option<Given<'a>>,
    absorbed_user_ids: &'a BTreeSet<String>,
    settings: &'a Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct Name<'a> {
    name: &'a str,
    confidence: Confidence,
    source: &'a str,
    said_at_ms: u64,
}

#[derive(Debug, Serialize)]
struct Call<'a> {
    session_id: &'a SessionId,
    ended_at_ms: u64,
    summary: &'a str,
    to_do: &'a [String],
    topic: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Known<'a> {
    key: &'a str,
    text: &'a str,
    class: Class,
    confidence: Confidence,
    source: &'a str,
    said_at_ms: u64,
    until_ms: Option<u64>,
    said_in_calls: u32,
}

#[derive(Debug, Serialize)]
struct Given<'a> {
    may_be_remembered: bool,
    given_by: &'a str,
    given_at_ms: u64,
    source: &'a str,
}

impl<'a> Caller<'a> {
    pub(super) fn of(view: &'a CallerView) -> Self {
        let line = &view.line;
        Self {
            user_id: &line.user_id,
            calls: line.calls,
            last_call_at_ms: line.last_call_at,
            expires_in_s: line.expires_in_s,
            revision: view.revision,
            numbers: view.numbers,
            sessions: &view.sessions,
            profile: view.profile.as_ref().map(Remembered::of),
        }
    }
}

impl<'a> Remembered<'a> {
    fn of(profile: &'a Profile) -> Self {
        Self {
            schema_version: profile.v,
            name: profile.name.as_ref().map(|name| Name {
                name: &name.say,
                confidence: name.conf,
                source: &name.src,
                said_at_ms: name.at,
            }),
            summary: &profile.summary,
            summary_at_ms: profile.summary_at,
            summary_of_sessions: &profile.summary_of,
            calls: profile.episodes.iter().map(Call::of).collect(),
            language: profile.lang.as_deref(),
            facts: profile.facts.iter().map(Known::of).collect(),
            consent: profile.consent.as_ref().map(|consent| Given {
                may_be_remembered: consent.memory == Choice::Yes,
                given_by: &consent.how,
                given_at_ms: consent.at,
                source: &consent.src,
            }),
            absorbed_user_ids: &profile.absorbed,
            settings: &profile.prefs,
        }
    }
}

impl<'a> Call<'a> {
    fn of(episode: &'a Episode) -> Self {
        let Episode { session_id, at, s, open, topic } = episode;
        Self { session_id, ended_at_ms: *at, summary: s, to_do: open, topic: topic.as_deref() }
    }
}

impl<'a> Known<'a> {
    fn of(fact: &'a Fact) -> Self {
        let Fact { k, t, cls, conf, src, at, until, seen, by: _ } = fact;
        Self {
            key: k,
            text: t,
            class: *cls,
            confidence: *conf,
            source: src,
            said_at_ms: *at,
            until_ms: *until,
            said_in_calls: *seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name in a document.
    fn names(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                found.insert(name.clone());
                names(value, found);
            }),
            Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => (),
        }
    }

    #[test]
    fn no_name_in_it_has_to_be_guessed() {
        let profile: Profile = serde_json::from_value(serde_json::json!({
            "v": 1,
            "name": { "say": "Ana", "src": "CA1#1", "conf": "stated", "at": 1 },
            "summary": "s", "summary_at": 2,
            "episodes": [{ "sid": "CA1", "at": 3, "s": "Asked: x", "open": ["call back"], "topic": "your visit" }],
            "facts": [{ "k": "lang", "t": "Spanish", "cls": "ordinary", "conf": "stated", "src": "CA1#2", "at": 4, "by": [7] }],
            "consent": { "memory": "yes", "at": 5, "how": "voice", "src": "CA1#3" },
        }))
        .unwrap();
        let value = serde_json::to_value(Remembered::of(&profile)).unwrap();
        let mut found = BTreeSet::new();
        names(&value, &mut found);
        assert!(found.len() > 20, "{found:?}");
        let short: Vec<&String> = found.iter().filter(|name| name.len() < 4 && *name != "key").collect();
        assert!(short.is_empty(), "{short:?}");
        assert_eq!((&value["name"]["name"], &value["facts"][0]["text"]), (&"Ana".into(), &"Spanish".into()));
        assert_eq!(value["calls"][0]["to_do"][0], "call back");
    }
}
