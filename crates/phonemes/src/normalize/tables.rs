//! The word lists of `normalize.json`.

use std::collections::HashMap;

use serde::Deserialize;

use crate::LoadError;
use crate::data::Folder;

/// Abbreviations, titles, units, currencies and symbols, each with its reading.
#[derive(Deserialize)]
pub(crate) struct Tables {
    /// The first three letters, in lower case, to the full name.
    pub(super) months: HashMap<String, String>,
    /// Read so before a name.
    pub(super) titles: HashMap<String, String>,
    pub(super) abbreviations: HashMap<String, String>,
    /// Singular and plural.
    pub(super) units: HashMap<String, (String, String)>,
    pub(super) symbols: HashMap<char, String>,
    /// Singular and plural.
    pub(super) currency: HashMap<String, (String, String)>,
    /// Words after which a Roman numeral is "four".
    pub(super) roman_cardinal: Vec<String>,
    /// Words after which a Roman numeral is "the fourth".
    pub(super) roman_ordinal: Vec<String>,
}

impl Tables {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        folder.json("normalize.json", "table of abbreviations")
    }

    /// The month that a capitalised name or abbreviation stands for: its full name, and the bytes taken.
    pub(super) fn month<'a>(&'a self, text: &str) -> Option<(&'a str, usize)> {
        let length = text.bytes().take_while(u8::is_ascii_alphabetic).take(10).count();
        let word = &text[..length];
        let first_three = word.get(..3)?.to_ascii_lowercase();
        let full = self.months.get(&first_three)?;
        let known = word == full || (word.len() == 3 && full.starts_with(word)) || word == "Sept";
        known.then_some((full, length))
    }
}

/// The longest key that the text starts with.
pub(super) fn longest<'a, V>(table: &'a HashMap<String, V>, text: &str) -> Option<(&'a str, &'a V)> {
    let longest = table.keys().map(String::len).max().unwrap_or(0).min(text.len());
    (1..=longest).rev().filter_map(|length| text.get(..length)).find_map(|head| {
        let (key, value) = table.get_key_value(head)?;
        Some((key.as_str(), value))
    })
}
