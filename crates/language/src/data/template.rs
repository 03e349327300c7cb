//! A sentence with blanks.

use serde::Deserialize;

/// A sentence with blanks in braces: `Welcome back, {name}.`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

impl Template {
    /// The sentence with its blanks filled: pairs of a blank's name and its text. The text is not looked at again, so braces in
    /// it stay. Which blanks a sentence may have is tested with the files; one without a text is left out.
    pub fn fill(&self, blanks: &[(&str, &str)]) -> String {
        let mut filled = String::with_capacity(self.0.len() + 32);
        let mut rest = self.0.as_str();
        while let Some((before, name, after)) = split_at_blank(rest) {
            let text = blanks.iter().find(|(blank, _)| *blank == name).map(|(_, text)| *text);
            debug_assert!(text.is_some(), "nothing for {{{name}}} in {:?}", self.0);
            filled.push_str(before);
            filled.push_str(text.unwrap_or_default());
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// What stands before the first blank, its name, and what stands behind it.
pub(super) fn split_at_blank(text: &str) -> Option<(&str, &str, &str)> {
    let (before, from) = text.split_once('{')?;
    let (name, after) = from.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_once_and_what_fills_them_is_not_read() {
        let template = Template("{count} {pet}, {pet}".to_owned());
        assert_eq!(template.fill(&[("pet", "{count}"), ("count", "two")]), "two {count}, {count}");
        assert_eq!(Template("no blanks".to_owned()).fill(&[("pet", "dog")]), "no blanks");
    }
}
