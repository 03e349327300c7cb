//! How long a fact's key and text are.

/// Characters in a fact's text. A longer one is refused, not cut: half a sentence may say the opposite.
pub const MAX_TEXT_CHARS: usize = 160;
/// Characters in a key.
pub const MAX_KEY_CHARS: usize = 64;
/// True for 1 to [`MAX_KEY_CHARS`] of `a-z0-9_.`.
pub fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_CHARS).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'))
}
