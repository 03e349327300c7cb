//! Text without what hides, turns around or marks up: peers' words, before they go anywhere.

/// `text` as one line of printable characters: no control, bidirectional, zero-width, tag or private characters, no
/// markup brackets that a prompt's delimiters are made of.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_whitespace() || matches!(c, '<' | '>' | '{' | '}' | '[' | ']' | '`' | '|' | '\\') {
            ' '
        } else {
            c
        };
        if is_hidden(c) || (c == ' ' && (clean.is_empty() || clean.ends_with(' '))) {
            continue;
        }
        clean.push(c);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Characters that change what is seen or hide what is there (Unicode 16: Cc, Cf, variation selectors, private use).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
            | '\u{e0000}'..='\u{10ffff}')
}
