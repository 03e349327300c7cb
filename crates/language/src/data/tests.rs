use std::collections::BTreeSet;

use toml::{Table, Value};

use super::template::split_at_blank;
use super::*;
use crate::words::Words;

/// Every file, as the program has it.
const FILES: [(&str, &str); 21] = [
    ("agent", include_str!("../../en/agent.toml")),
    ("attention", include_str!("../../en/attention.toml")),
    ("call", include_str!("../../en/call.toml")),
    ("clean", include_str!("../../en/clean.toml")),
    ("completeness", include_str!("../../en/completeness.toml")),
    ("days", include_str!("../../en/days.toml")),
    ("decision", include_str!("../../en/decision.toml")),
    ("emergency", include_str!("../../en/emergency.toml")),
    ("facts", include_str!("../../en/facts.toml")),
    ("greeting", include_str!("../../en/greeting.toml")),
    ("intent", include_str!("../../en/intent.toml")),
    ("languages", include_str!("../../en/languages.toml")),
    ("memory", include_str!("../../en/memory.toml")),
    ("name", include_str!("../../en/name.toml")),
    ("numbers", include_str!("../../en/numbers.toml")),
    ("question", include_str!("../../en/question.toml")),
    ("sentences", include_str!("../../en/sentences.toml")),
    ("talk", include_str!("../../en/talk.toml")),
    ("telephone", include_str!("../../en/telephone.toml")),
    ("topic", include_str!("../../en/topic.toml")),
    ("words", include_str!("../../en/words.toml")),
];

/// Lists that are compared with utterances as they are said, contractions whole.
const AS_SAID: [&str; 2] = ["attention.", "completeness."];

/// Lists that are compared with what is written, or are written themselves.
const AS_WRITTEN: [&str; 7] = [
    "days.",
    "question.name_checks",
    "sentences.",
    "telephone.signs",
    "facts.sensitive_topics",
    "facts.date.halves_of_day",
    "agent.here",
];

/// Which blanks a sentence may have.
const BLANKS: [(&str, &[&str]); 32] = [
    ("agent.emergency", &["number"]),
    ("agent.noted_topic", &["topic"]),
    ("agent.reads_number", &["digits"]),
    ("agent.thanks_for_calling_name", &["name"]),
    ("agent.thanks_name", &["name"]),
    ("facts.call_back.fact", &["day"]),
    ("facts.channel.best", &["means"]),
    ("facts.channel.preferred", &["means"]),
    ("facts.channel.unwanted", &["verb"]),
    ("facts.date.fact", &["kind", "day"]),
    ("facts.date.leads", &["kind"]),
    ("facts.language.native_fact", &["language"]),
    ("facts.language.spoken_fact", &["language"]),
    ("facts.language.wanted_fact", &["language"]),
    ("facts.pet.fact", &["count", "pet"]),
    ("facts.pet.gone", &["pet"]),
    ("facts.pet.have", &["count", "pet"]),
    ("facts.pet.mine", &["pet"]),
    ("facts.place.fact", &["place"]),
    ("facts.product.fact", &["article", "product"]),
    ("facts.product.mine", &["product"]),
    ("facts.product.own", &["article", "product"]),
    ("facts.time.fact", &["slot"]),
    ("facts.time.habit_and_part", &["habit", "part"]),
    ("facts.time.lead_and_slot", &["lead", "slot"]),
    ("facts.vehicle.fact", &["vehicle"]),
    ("greeting.topic", &["topic"]),
    ("greeting.welcome_name", &["name"]),
    ("memory.asked", &["request"]),
    ("memory.last_words", &["words"]),
    ("question.ask.name_check", &["name"]),
    ("question.ask_again.name_check", &["name"]),
];

/// Calls `visit` with the path of every list and text of `table`.
fn walk(path: &str, table: &Table, visit: &mut impl FnMut(&str, &Value)) {
    for (key, value) in table {
        let path = format!("{path}.{key}");
        match value {
            Value::Table(inner) => walk(&path, inner, visit),
            Value::Array(all) if all.iter().all(Value::is_table) && !all.is_empty() => {
                for inner in all.iter().filter_map(Value::as_table) {
                    walk(&path, inner, visit);
                }
            }
            value => visit(&path, value),
        }
    }
}

fn every_value(mut visit: impl FnMut(&str, &Value)) {
    for (name, text) in FILES {
        walk(name, &text.parse().expect(name), &mut visit);
    }
}

fn texts(value: &Value) -> Vec<&str> {
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    all.iter().map(|text| text.as_str().expect("lists and texts are all that there is")).collect()
}

fn blanks(text: &str) -> BTreeSet<&str> {
    let mut blanks = BTreeSet::new();
    let mut rest = text;
    while let Some((_, name, after)) = split_at_blank(rest) {
        blanks.insert(name);
        rest = after;
    }
    blanks
}

/// `text` with a word in every blank.
fn filled(text: &str) -> String {
    blanks(text).into_iter().fold(text.to_owned(), |text, blank| text.replace(&format!("{{{blank}}}"), "word"))
}

#[test]
fn every_file_can_be_read_and_none_is_forgotten() {
    assert_eq!(english().days.weekdays.iter().count(), 7);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("en");
    let mut there: BTreeSet<String> =
        folder.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    // Examples and what was learned from them: see `meaning`.
    there.retain(|name| !name.starts_with("meanings."));
    let files = FILES.iter().map(|(name, _)| format!("{name}.toml"));
    assert_eq!(there, files.chain(["names".to_owned()]).collect());
}

#[test]
fn no_list_is_empty_and_no_phrase_stands_twice_in_one() {
    every_value(|path, value| {
        let all = texts(value);
        assert!(!all.is_empty(), "{path} is empty");
        assert!(all.iter().all(|text| !text.trim().is_empty()), "{path} has an empty phrase");
        for (at, text) in all.iter().enumerate() {
            assert!(!all[..at].contains(text), "{text:?} stands twice in {path}");
        }
    });
}

#[test]
fn phrases_stand_as_they_are_compared() {
    every_value(|path, value| {
        if !value.is_array() || AS_WRITTEN.iter().any(|written| path.starts_with(written)) {
            return;
        }
        for phrase in texts(value).into_iter().map(filled) {
            let words = Words::of(&phrase);
            let compared: Vec<String> = if AS_SAID.iter().any(|said| path.starts_with(said)) {
                words.as_said().collect()
            } else {
                words.iter().map(str::to_owned).collect()
            };
            assert_eq!(compared.join(" "), phrase, "in {path}");
        }
    });
}

#[test]
fn every_blank_is_known_and_every_known_blank_is_there() {
    let mut found: BTreeSet<String> = BTreeSet::new();
    every_value(|path, value| {
        let known = BLANKS.iter().find(|(at, _)| *at == path).map(|(_, known)| *known);
        let mut there: BTreeSet<&str> = BTreeSet::new();
        for text in texts(value) {
            let own = blanks(text);
            assert_eq!(own.is_empty(), known.is_none(), "{text:?} in {path}");
            assert_eq!(text.matches(['{', '}']).count() % 2, 0, "{text:?} in {path}");
            there.extend(own);
        }
        if let Some(known) = known {
            assert_eq!(there, known.iter().copied().collect(), "in {path}");
            found.insert(path.to_owned());
        }
    });
    assert_eq!(found.len(), BLANKS.len());
}
