//! Links as Markdown writes them: only their text is read.

/// Neither side of a link is longer than this, in bytes; the search stops there.
const MAX_BYTES: usize = 500;

/// `see [the docs](https://example.com)` as `see the docs`.
pub(super) fn without_targets(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        plain.push_str(&rest[..open]);
        rest = &rest[open..];
        let taken = match link(rest) {
            Some((label, taken)) => {
                plain.push_str(label);
                taken
            }
            None => {
                plain.push('[');
                1
            }
        };
        rest = &rest[taken..];
    }
    plain.push_str(rest);
    plain
}

/// The label of the link that the text starts with, and the bytes of the whole.
fn link(text: &str) -> Option<(&str, usize)> {
    let label = until(text.strip_prefix('[')?, ']')?;
    let target = until(text.get(label.len() + 2..)?.strip_prefix('(')?, ')')?;
    Some((label, label.len() + target.len() + 4))
}

fn until(text: &str, end: char) -> Option<&str> {
    let within = text.bytes().take(MAX_BYTES).position(|byte| u32::from(byte) == u32::from(end))?;
    text.get(..within)
}

#[cfg(test)]
mod tests {
    use super::without_targets;

    #[test]
    fn the_target_of_a_link_is_not_read() {
        assert_eq!(without_targets("see [the docs](https://example.com/a) now"), "see the docs now");
        assert_eq!(without_targets("[a](b)[c](d)"), "ac");
        assert_eq!(without_targets("[not a link] (really)"), "[not a link] (really)");
        assert_eq!(without_targets("[open"), "[open");
    }
}
