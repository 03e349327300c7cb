//! What we say word for word, again and again.

use toml::{Table, Value};

use crate::sentences;

/// The files whose texts are said.
const SAID: [&str; 4] = [
    include_str!("../../en/agent.toml"),
    include_str!("../../en/call.toml"),
    include_str!("../../en/greeting.toml"),
    include_str!("../../en/question.toml"),
];

/// Every sentence of English that is said without anything filled in: worth keeping as audio, as it is about nobody.
pub fn fixed_sentences() -> Vec<String> {
    let mut texts = Vec::new();
    for file in SAID {
        let table: Table = file.parse().unwrap_or_else(|fault| panic!("a file of words: {fault}"));
        collect(Value::Table(table), &mut texts);
    }
    let mut fixed: Vec<String> = texts.iter().flat_map(|text| sentences::split(text)).collect();
    fixed.retain(|sentence| !sentence.contains('{') && sentence.ends_with(['.', '!', '?']));
    fixed.sort_unstable();
    fixed.dedup();
    fixed
}

fn collect(value: Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.into_iter().for_each(|value| collect(value, texts)),
        Value::Table(table) => table.into_iter().for_each(|(_, value)| collect(value, texts)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_word_for_word_is_listed_once_and_without_blanks() {
        let fixed = fixed_sentences();
        assert!(fixed.len() > 40, "{}", fixed.len());
        assert!(fixed.contains(&"Is there anything else that I should pass on?".to_owned()), "{fixed:?}");
        assert!(fixed.iter().all(|sentence| !sentence.contains('{')));
    }
}
