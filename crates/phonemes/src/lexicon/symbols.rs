//! Signs that are read as words.

/// Signs and the words that they are read as.
pub(super) const SYMBOLS: [(&str, &str); 6] =
    [("%", "percent"), ("&", "and"), ("+", "plus"), ("@", "at"), ("=", "equals"), ("~", "tilde")];

/// Signs that are read in addresses only.
pub(super) const ADDRESS_SYMBOLS: [(&str, &str); 2] = [(".", "dot"), ("/", "slash")];

pub(super) fn is_symbol(text: &str) -> bool {
    SYMBOLS.iter().any(|(sign, _)| *sign == text)
}
