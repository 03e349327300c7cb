//! How well names and telephone numbers are found in sentences of which most were written apart from the grammar.

use redial_language::name;
use redial_language::telephone::{self, Kind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    turn: Vec<Turn>,
    #[serde(default)]
    changed: Vec<Changed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    how: String,
    says: String,
    is: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    says: String,
    is: bool,
}

/// Precision and recall of `found` over `turns`, and what was wrong.
fn judged(turns: &[Turn], found: impl Fn(&Turn) -> Option<String>) -> (f64, f64, Vec<String>) {
    let (mut right, mut given, mut there) = (0.0, 0.0, 0.0);
    let mut wrong = Vec::new();
    for turn in turns {
        let found = found(turn);
        given += f64::from(u8::from(found.is_some()));
        there += f64::from(u8::from(turn.is.is_some()));
        if found == turn.is {
            right += f64::from(u8::from(found.is_some()));
        } else {
            wrong.push(format!("{} ({}): {found:?}, is {:?}", turn.says, turn.how, turn.is));
        }
    }
    (right / given, right / there, wrong)
}

#[test]
fn names_are_found_and_others_names_are_not() {
    let all: Turns = toml::from_str(include_str!("names.toml")).expect("names.toml");
    let (precision, recall, wrong) = judged(&all.turn, |turn| match turn.how.as_str() {
        "unasked" => name::volunteered(&turn.says),
        "asked" => name::answered(&turn.says),
        old => name::corrected(old, &turn.says),
    });
    assert!(precision >= 0.97 && recall >= 0.9, "precision {precision:.3}, recall {recall:.3}\n{}", wrong.join("\n"));
    for turn in &all.changed {
        assert_eq!(name::has_changed(&turn.says), turn.is, "{}", turn.says);
    }
}

#[test]
fn telephone_numbers_are_found_whole_and_other_numbers_are_none() {
    let all: Turns = toml::from_str(include_str!("numbers.toml")).expect("numbers.toml");
    let telephones = |says: &str, asked: bool| {
        let all = telephone::numbers(says, asked);
        let found: Vec<String> =
            all.iter().filter(|found| found.kind == Kind::Telephone).map(telephone::Found::written).collect();
        (!found.is_empty()).then(|| found.join(" "))
    };
    let (precision, recall, wrong) = judged(&all.turn, |turn| match turn.how.as_str() {
        "unasked" => telephones(&turn.says, false),
        "asked" => telephones(&turn.says, true),
        old => telephone::corrected(old, &turn.says),
    });
    assert!(precision >= 0.97 && recall >= 0.9, "precision {precision:.3}, recall {recall:.3}\n{}", wrong.join("\n"));
}
