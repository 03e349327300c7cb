//! A Rust file as words and signs, without its comments and texts.

/// What a source is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    /// `::`.
    Join,
    /// Any other sign. A text is one as well: `"`.
    Sign(char),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// Reads a source. What is no Rust is read as far as possible.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        rest = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            after_comment(rest)
        } else if let Some(after) = after_literal(rest) {
            tokens.push(Token::Sign('"'));
            after
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push(Token::Join);
            after
        } else if is_of_word(next) {
            let name = raw_name(rest).unwrap_or(rest);
            let (word, after) = name.split_at(name.find(|c: char| !is_of_word(c)).unwrap_or(name.len()));
            tokens.push(Token::Word(word.to_owned()));
            after
        } else {
            if !next.is_whitespace() {
                tokens.push(Token::Sign(next));
            }
            &rest[next.len_utf8()..]
        };
    }
    tokens
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows `r#` before a name that would else be a keyword.
fn raw_name(text: &str) -> Option<&str> {
    text.strip_prefix("r#").filter(|name| name.starts_with(is_of_word))
}

/// What follows a comment, which may have others in it.
fn after_comment(text: &str) -> &str {
    let mut rest = text;
    let mut depth = 0;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("/*") {
            (rest, depth) = (after, depth + 1);
        } else if let Some(after) = rest.strip_prefix("*/") {
            (rest, depth) = (after, depth - 1);
            if depth == 0 {
                break;
            }
        } else {
            rest = after_first(rest);
        }
    }
    rest
}

fn after_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

/// What follows a text or a character, if one stands here.
fn after_literal(text: &str) -> Option<&str> {
    for prefix in ["r", "br", "cr"] {
        let quoted = text.strip_prefix(prefix).map(|rest| (rest, rest.trim_start_matches('#')));
        if let Some((hashed, quoted)) = quoted
            && let Some(body) = quoted.strip_prefix('"')
        {
            let end = format!("\"{}", "#".repeat(hashed.len() - quoted.len()));
            return Some(body.split_once(end.as_str()).map_or("", |(_, after)| after));
        }
    }
    for prefix in ["\"", "b\"", "c\""] {
        if let Some(body) = text.strip_prefix(prefix) {
            return Some(after_quote(body, '"'));
        }
    }
    let body = text.strip_prefix("b'").or_else(|| text.strip_prefix('\''))?;
    // `'a'` is a character, `'a` a lifetime.
    (body.starts_with('\\') || after_first(body).starts_with('\'')).then(|| after_quote(body, '\''))
}

/// What follows the quote that ends this.
fn after_quote(body: &str, quote: char) -> &str {
    let mut chars = body.chars();
    while let Some(next) = chars.next() {
        if next == '\\' {
            chars.next();
        } else if next == quote {
            break;
        }
    }
    chars.as_str()
}

#[test]
fn comments_and_texts_are_left_out() {
    let source = r####"
        a // b
        /* c /* d */ e */ "f\"" g r#"h " h"# b'\'' 'i' '"' br"j" 'k: c"l" r#match 1.5
    "####;
    let words: Vec<String> = tokens(source)
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Join | Token::Sign(_) => None,
        })
        .collect();
    assert_eq!(words, ["a", "g", "k", "match", "1", "5"]);
}
