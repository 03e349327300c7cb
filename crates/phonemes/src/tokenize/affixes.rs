//! What is cut off a stretch of text: at its front, at its back, and inside.

use crate::token::Token;

const PUNCTUATION: &str = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪";
const QUOTES: &str = "'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉";
const CURRENCIES: [&str; 11] = ["US$", "C$", "A$", "$", "£", "€", "¥", "฿", "₽", "₹", "₩"];
const UNITS: [&str; 37] = [
    "km/h", "km²", "km³", "dm²", "dm³", "cm²", "cm³", "mm²", "mm³", "m/s", "kPa", "hPa", "mbar", "mph", "km", "m²",
    "m³", "dm", "cm", "mm", "ha", "nm", "yd", "in", "ft", "kg", "mg", "lb", "oz", "Pa", "mb", "MB", "kb", "KB", "gb",
    "GB", "tb",
];
const SHORT_UNITS: [&str; 8] = ["TB", "m", "g", "t", "T", "G", "M", "K"];
const CLITICS: [&str; 4] = ["'s", "'S", "’s", "’S"];
const DASHES: [&str; 7] = ["---", "--", "——", "-", "–", "—", "~"];

/// The bytes to take off the front; 0 for none.
pub(super) fn prefix(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    if let Some(dots) = dots(text) {
        return dots;
    }
    if let Some(sign) = CURRENCIES.iter().find(|sign| text.starts_with(**sign)) {
        return sign.len();
    }
    let alone = matches!(first, '§' | '%' | '=' | '—' | '–') || PUNCTUATION.contains(first) || QUOTES.contains(first);
    let plus = first == '+' && !text[1..].starts_with(|next: char| next.is_ascii_digit());
    if alone || plus { first.len_utf8() } else { 0 }
}

/// The bytes to take off the back; 0 for none.
pub(super) fn suffix(text: &str) -> usize {
    let Some(last) = text.chars().next_back() else { return 0 };
    let dots = text.len() - text.trim_end_matches('.').len();
    if dots > 1 {
        return dots;
    }
    if let Some(clitic) = CLITICS.iter().find(|clitic| text.ends_with(**clitic)) {
        return clitic.len();
    }
    if last == '.' {
        return usize::from(ends_sentence(&text[..text.len() - 1]));
    }
    let after_digit = |ending: &&&str| {
        text.strip_suffix(**ending).is_some_and(|head| head.ends_with(|last: char| last.is_ascii_digit()))
    };
    if let Some(unit) = UNITS.iter().chain(&SHORT_UNITS).chain(&CURRENCIES).chain(&["%", "+"]).find(after_digit) {
        return unit.len();
    }
    let alone = matches!(last, '—' | '–') || PUNCTUATION.contains(last) || QUOTES.contains(last);
    if alone { last.len_utf8() } else { 0 }
}

/// Cuts at the marks inside, and appends the parts.
pub(super) fn inside(text: &str, tokens: &mut Vec<Token>) {
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let mark = mark(&text[..at], &text[at..]);
        if mark > 0 {
            if start < at {
                tokens.push(Token::new(&text[start..at]));
            }
            tokens.push(Token::new(&text[at..at + mark]));
            start = at + mark;
            at = start;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if start < text.len() {
        tokens.push(Token::new(&text[start..]));
    }
}

/// The length of the mark at the start of `rest` at which a word is cut in two; 0 if it stays whole.
fn mark(before: &str, rest: &str) -> usize {
    if let Some(dots) = dots(rest) {
        return dots;
    }
    let Some(left) = before.chars().next_back() else { return 0 };
    let Some(sign) = rest.chars().next() else { return 0 };
    let right = rest[sign.len_utf8()..].chars().next();
    let right_is = |test: fn(char) -> bool| right.is_some_and(test);
    let arithmetic = matches!(sign, '+' | '-' | '*' | '^')
        && left.is_ascii_digit()
        && right_is(|right| right.is_ascii_digit() || right == '-');
    let full_stop = sign == '.'
        && (left.is_lowercase() || QUOTES.contains(left))
        && right_is(|right| right.is_uppercase() || QUOTES.contains(right));
    let comma = sign == ',' && left.is_alphabetic() && right_is(char::is_alphabetic);
    let relation = matches!(sign, ':' | '<' | '>' | '=' | '/') && is_word(left) && right_is(char::is_alphabetic);
    if arithmetic || full_stop || comma || relation {
        return sign.len_utf8();
    }
    let dash = DASHES.iter().find(|dash| {
        rest.strip_prefix(**dash).is_some_and(|after| after.starts_with(char::is_alphabetic)) && is_word(left)
    });
    dash.map_or(0, |dash| dash.len())
}

/// The length of an ellipsis.
fn dots(text: &str) -> Option<usize> {
    if text.starts_with('…') {
        return Some('…'.len_utf8());
    }
    let dots = text.len() - text.trim_start_matches('.').len();
    (dots > 1).then_some(dots)
}

/// Whether a full stop after this is one, and not part of an abbreviation such as "U.S." or "3B.".
fn ends_sentence(head: &str) -> bool {
    let mut back = head.chars().rev();
    match back.next() {
        Some(last) if last.is_uppercase() => back.next().is_some_and(char::is_uppercase),
        Some(last) => {
            last.is_ascii_digit()
                || last.is_lowercase()
                || matches!(last, '%' | '²' | '-' | '+')
                || PUNCTUATION.contains(last)
                || QUOTES.contains(last)
        }
        None => false,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphabetic() || character.is_ascii_digit()
}
