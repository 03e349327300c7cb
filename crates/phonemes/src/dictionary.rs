//! A pronouncing dictionary in memory: 90,000 words in one string, found by binary search.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Words and their phonemes. Words that differ in their first capital only stand in for each other.
pub(crate) struct Dictionary {
    /// Every word and its phonemes, one after the other.
    text: String,
    /// In the order of the words' bytes.
    entries: Vec<Entry>,
    /// Of words with more than one reading.
    variants: Vec<Variants>,
}

struct Entry {
    word: (u32, u32),
    phonemes: Phonemes,
}

enum Phonemes {
    One(u32, u32),
    Several(u32),
}

/// The readings of one word by part of speech; `None` is "spelled out".
type Variants = Vec<(String, Option<String>)>;

/// What the dictionary has for a word.
#[derive(Clone, Copy)]
pub(crate) enum Found<'a> {
    /// One reading.
    One(&'a str),
    /// A reading for each part of speech.
    Several(&'a [(String, Option<String>)]),
}

impl Dictionary {
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    pub(crate) fn get(&self, word: &str) -> Option<Found<'_>> {
        self.exact(word).or_else(|| {
            let other = other_case(word)?;
            self.exact(&other)
        })
    }

    fn exact(&self, word: &str) -> Option<Found<'_>> {
        let at = self.entries.binary_search_by(|entry| self.slice(entry.word).cmp(word)).ok()?;
        Some(match self.entries[at].phonemes {
            Phonemes::One(start, end) => Found::One(self.slice((start, end))),
            Phonemes::Several(at) => Found::Several(&self.variants[at as usize]),
        })
    }

    fn slice(&self, (start, end): (u32, u32)) -> &str {
        &self.text[start as usize..end as usize]
    }

    fn append(&mut self, text: &str) -> Option<(u32, u32)> {
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(text);
        Some((start, u32::try_from(self.text.len()).ok()?))
    }
}

/// `Smith` for `smith` and the other way round; words in capitals or mixed case have no other form.
fn other_case(word: &str) -> Option<String> {
    let first = word.chars().next().filter(char::is_ascii_alphabetic)?;
    let rest = &word[1..];
    if rest.is_empty() || rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let first = if first.is_ascii_uppercase() { first.to_ascii_lowercase() } else { first.to_ascii_uppercase() };
    Some(format!("{first}{rest}"))
}

impl<'de> Deserialize<'de> for Dictionary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Words)
    }
}

/// Reads the words straight into the one string.
struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Dictionary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("words with their phonemes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dictionary, A::Error> {
        const TOO_LARGE: &str = "the dictionary is larger than 4 GB";
        let mut dictionary = Dictionary { text: String::new(), entries: Vec::new(), variants: Vec::new() };
        while let Some(word) = map.next_key::<&str>()? {
            let word = dictionary.append(word).ok_or_else(|| serde::de::Error::custom(TOO_LARGE))?;
            let phonemes = match map.next_value::<Value<'de>>()? {
                Value::One(phonemes) => {
                    let (start, end) =
                        dictionary.append(phonemes).ok_or_else(|| serde::de::Error::custom(TOO_LARGE))?;
                    Phonemes::One(start, end)
                }
                Value::Several(variants) => {
                    dictionary.variants.push(variants);
                    let at = u32::try_from(dictionary.variants.len() - 1).map_err(serde::de::Error::custom)?;
                    Phonemes::Several(at)
                }
            };
            dictionary.entries.push(Entry { word, phonemes });
        }
        let Dictionary { text, entries, .. } = &mut dictionary;
        // The file is in this order already; sorting what is sorted costs one pass.
        entries.sort_by(|a, b| {
            let word = |entry: &Entry| &text[entry.word.0 as usize..entry.word.1 as usize];
            word(a).cmp(word(b))
        });
        Ok(dictionary)
    }
}

enum Value<'a> {
    One(&'a str),
    Several(Variants),
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("phonemes, or phonemes by part of speech")
    }

    fn visit_borrowed_str<E>(self, phonemes: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::One(phonemes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut variants = Vec::new();
        while let Some(variant) = map.next_entry()? {
            variants.push(variant);
        }
        Ok(Value::Several(variants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let json = r#"{"smith":"smˈɪθ","Paris":"pˈɛɹɪs","use":{"DEFAULT":"jˈuz","NOUN":"jˈus"},"a":"A"}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn words_are_found_in_either_case_of_their_first_letter() {
        let dictionary = dictionary();
        assert!(dictionary.contains("Smith"));
        assert!(dictionary.contains("paris"));
        assert!(!dictionary.contains("SMITH"));
        assert!(!dictionary.contains("A"));
        assert!(!dictionary.contains(""));
    }

    #[test]
    fn a_word_may_have_several_readings() {
        let dictionary = dictionary();
        let Some(Found::Several(variants)) = dictionary.get("use") else { panic!("no variants") };
        assert_eq!(variants[1], ("NOUN".to_owned(), Some("jˈus".to_owned())));
    }
}
