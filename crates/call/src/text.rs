//! Text that is longer than one turn.

/// The first words that fit into so many bytes, and the rest; a word that alone is longer is split.
pub(crate) fn split_within(text: &str, bytes: usize) -> (&str, &str) {
    if text.len() <= bytes {
        return (text, "");
    }
    let most = text.floor_char_boundary(bytes).max(text.chars().next().map_or(0, char::len_utf8));
    let at = text[..most].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(most);
    (text[..at].trim_end(), text[at..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_split_between_words_and_nothing_of_it_is_lost() {
        assert_eq!(split_within("one two", 7), ("one two", ""));
        assert_eq!(split_within("one two", 6), ("one", "two"));
        assert_eq!(split_within("ééé é", 5), ("éé", "é é"));
        assert_eq!(split_within("é", 1), ("é", ""));
        let long = "word ".repeat(3000);
        let (mut rest, mut words) = (long.as_str(), 0);
        while !rest.is_empty() {
            let (text, after) = split_within(rest, 4096);
            assert!(text.len() <= 4096);
            words += text.split_whitespace().count();
            rest = after;
        }
        assert_eq!(words, 3000);
    }
}
