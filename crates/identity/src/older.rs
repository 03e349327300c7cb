//! What a number was hashed to before: with a former pepper, or without any by the system that we took over from.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::PhoneHash;
use super::address::E164;

/// Fewer hex digits than these, and two callers of a large deployment may share a hash: 48 bits, among a million
/// numbers one pair in 500 deployments.
const MIN_DIGITS: usize = 12;

/// Hex digits of SHA-256.
const ALL_DIGITS: usize = 64;

/// How an older deployment hashed numbers: SHA-256 over the E.164 text with its `+`, in hex, the first digits of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyHash {
    digits: usize,
}

/// Not a hash that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither `sha256` nor `sha256:N`, N being how many hex digits were kept, {MIN_DIGITS} to {ALL_DIGITS}")]
pub struct LegacyHashError;

impl LegacyHash {
    pub(super) fn of(self, number: &E164) -> PhoneHash {
        let mut text = hex::encode(Sha256::digest(number.as_str().as_bytes()));
        text.truncate(self.digits);
        PhoneHash(text)
    }
}

impl FromStr for LegacyHash {
    type Err = LegacyHashError;

    fn from_str(text: &str) -> Result<Self, LegacyHashError> {
        let digits = match text.split_once(':') {
            None if text == "sha256" => ALL_DIGITS,
            Some(("sha256", digits)) => digits.parse().map_err(|_| LegacyHashError)?,
            Some(_) | None => return Err(LegacyHashError),
        };
        if (MIN_DIGITS..=ALL_DIGITS).contains(&digits) { Ok(Self { digits }) } else { Err(LegacyHashError) }
    }
}

impl fmt::Display for LegacyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits == ALL_DIGITS { f.write_str("sha256") } else { write!(f, "sha256:{}", self.digits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation (`printf %s +14155552671 | sha256sum`).
    #[test]
    fn the_hash_is_that_of_the_number_with_its_plus() {
        let number = E164::parse("+14155552671").unwrap();
        let full = "sha256".parse::<LegacyHash>().unwrap().of(&number);
        assert_eq!(full.as_str(), "cb6880e416769253645cb9c6b8989154bf66a56a77fc14c81fb1019663cbb928");
        let short = "sha256:16".parse::<LegacyHash>().unwrap().of(&number);
        assert_eq!(short.as_str(), &full.as_str()[..16]);
    }

    #[test]
    fn only_hashes_that_are_known_are_accepted() {
        for text in ["sha256", "sha256:12", "sha256:16"] {
            assert_eq!(text.parse::<LegacyHash>().unwrap().to_string(), text);
        }
        for text in
            ["", "SHA256", "sha1", "md5", "sha256:", "sha256:0", "sha256:11", "sha256:65", "sha256:1x", "sha256:-1"]
        {
            assert_eq!(text.parse::<LegacyHash>(), Err(LegacyHashError), "{text}");
        }
    }
}
