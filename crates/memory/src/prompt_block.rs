//! What a model is told of a caller: data in one fixed shape, behind the rules of the prompt and never among them.

use redial_language::data::english;
use redial_language::printable::printable;
use redial_language::words::Words;
use redial_language::{clean, sentences, topic};
use serde_json::{Map, Value, json};

use super::facts::is_over;
use super::model::{Class, Confidence, Episode, Fact, Profile};
use super::summary::{date, is_our_line};
use crate::greeting::{GreetingLevel, sayable_name};

/// Characters of the block: about 1200 tokens, at four characters a token of English.
pub const MAX_BLOCK_CHARS: usize = 4800;

/// The notes for a model, as one line of JSON of at most [`MAX_BLOCK_CHARS`] characters; `None` when there is nothing that
/// the level of the call permits.
///
/// - at [`GreetingLevel::Neutral`] nothing;
/// - at [`GreetingLevel::Known`] the language;
/// - at [`GreetingLevel::Hint`] the name, ordinary facts, and of earlier calls what is neither sensitive nor secret.
///
/// Facts that are closed, or bound to a day that is over at `now` (Unix ms), are left out; so is whatever talks to the
/// machine's rules, whoever stored it. What does not fit is left out whole: old calls first, then facts that were said
/// seldom.
pub fn prompt_block(profile: &Profile, level: GreetingLevel, now: u64) -> Option<String> {
    if level == GreetingLevel::Neutral {
        return None;
    }
    let mut block = Block::default();
    if let Some(lang) = profile.lang.as_deref().filter(|tag| is_tag(tag)) {
        block.set("language", json!(lang));
    }
    if level >= GreetingLevel::Hint {
        if let Some(name) = sayable_name(profile) {
            block.set("name", json!(name));
        }
        let mut facts: Vec<&Fact> = profile.facts.iter().filter(|fact| is_told(fact, now)).collect();
        facts.sort_by_key(|fact| std::cmp::Reverse((fact.conf, fact.seen, fact.at)));
        let mut calls = profile.episodes.iter().rev().filter_map(call);
        // The last call comes before the facts: it is the likeliest reason for this one.
        block.push("calls", calls.next());
        for fact in facts {
            block.push("facts", Some(told(fact)));
        }
        if let Some(summary) = summary(profile) {
            block.set("summary", json!(summary));
        }
        for call in calls {
            block.push("calls", Some(call));
        }
    }
    block.finish()
}

/// The notes in the making.
#[derive(Default)]
struct Block {
    fields: Map<String, Value>,
}

impl Block {
    fn set(&mut self, field: &str, value: Value) {
        let before = self.fields.insert(field.to_owned(), value);
        self.undo_if_too_long(field, before);
    }

    fn push(&mut self, field: &str, value: Option<Value>) {
        let Some(value) = value else { return };
        let before = self.fields.get(field).cloned();
        match self.fields.entry(field).or_insert_with(|| json!([])) {
            Value::Array(all) => all.push(value),
            _ => return,
        }
        self.undo_if_too_long(field, before);
    }

    fn undo_if_too_long(&mut self, field: &str, before: Option<Value>) {
        if self.text().chars().count() > MAX_BLOCK_CHARS {
            match before {
                Some(before) => _ = self.fields.insert(field.to_owned(), before),
                None => _ = self.fields.remove(field),
            }
        }
    }

    fn text(&self) -> String {
        json!({ "about": english().memory.notes_rule, "notes": self.fields }).to_string()
    }

    fn finish(self) -> Option<String> {
        (!self.fields.is_empty()).then(|| self.text())
    }
}

fn is_told(fact: &Fact, now: u64) -> bool {
    let words = Words::of(&fact.t);
    // Checked anew: a store, a model or another version may have written it.
    let sensitive = fact.cls == Class::Sensitive || clean::is_sensitive(&words);
    fact.until.is_none()
        && !is_over(fact, now)
        && !sensitive
        && !clean::is_secret(&words, &fact.t)
        && !clean::is_instruction(&words, &fact.t)
}

fn told(fact: &Fact) -> Value {
    let sure = match fact.conf {
        Confidence::Inferred => "guessed",
        Confidence::Stated => "said",
        Confidence::Confirmed => "confirmed",
    };
    json!({ "about": printable(&fact.k), "fact": printable(&fact.t), "on": date(fact.at), "how": sure })
}

/// An earlier call, as far as anything of it may be told.
fn call(episode: &Episode) -> Option<Value> {
    let mut call = Map::new();
    let said = permitted(&episode.s);
    if let Some(topic) = episode.topic.as_deref().filter(|topic| topic::is_safe(topic)) {
        call.insert("about".to_owned(), json!(topic));
    }
    if !said.is_empty() {
        call.insert("said".to_owned(), json!(said));
    }
    let open: Vec<String> = episode.open.iter().map(|item| permitted(item)).filter(|item| !item.is_empty()).collect();
    if !open.is_empty() {
        call.insert("open".to_owned(), json!(open));
    }
    (!call.is_empty()).then(|| {
        call.insert("on".to_owned(), json!(date(episode.at)));
        Value::Object(call)
    })
}

/// A model's part of the summary; our own lines say no more than the calls do.
fn summary(profile: &Profile) -> Option<String> {
    let lines: Vec<&str> = profile.summary.lines().filter(|line| !is_our_line(line)).collect();
    Some(permitted(&lines.join(" "))).filter(|summary| !summary.is_empty())
}

/// The sentences of `text` that may be told.
fn permitted(text: &str) -> String {
    let told = |sentence: &String| {
        let words = Words::of(sentence);
        !clean::is_sensitive(&words) && !clean::is_secret(&words, sentence) && !clean::is_instruction(&words, sentence)
    };
    sentences::split(&printable(text)).into_iter().filter(told).collect::<Vec<_>>().join(" ")
}

/// A language tag, or what may be one (BCP 47): nothing that says anything.
fn is_tag(tag: &str) -> bool {
    (2..=35).contains(&tag.len())
        && tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests;
