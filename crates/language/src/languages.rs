//! The languages that callers ask for, by their English names.

use crate::data::english;

/// The tag of a language by its English name in lower case.
pub fn tag(name: &str) -> Option<&'static str> {
    english().languages.tags.get(name).map(String::as_str)
}

/// The tag of the first language that `text` names: of "prefers Spanish" it is `es`.
pub fn named_in(text: &str) -> Option<&'static str> {
    text.to_lowercase().split(|c: char| !c.is_alphabetic()).find_map(tag)
}
