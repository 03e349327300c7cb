//! From what the scripts answer to what the store says.

use redis::Value;

use super::advice::Trouble;
use crate::memory::digest::SessionDigest;
use crate::memory::model::{Profile, SCHEMA_VERSION};

/// A revision that no stored profile has: a change made from it never matches, so an unreadable profile stays as it is.
pub(super) const UNREADABLE: u64 = u64::MAX;
/// Counters have at most 15 digits, as Lua's doubles hold these exactly; the scripts have the same limit.
const COUNTER_DIGITS: usize = 15;

/// What begin_call.lua answers, and the two scripts that are its halves.
pub(super) struct Begun {
    pub(super) status: String,
    pub(super) text: Vec<u8>,
    pub(super) number: usize,
    pub(super) profile: Vec<Option<Vec<u8>>>,
    pub(super) sessions: Vec<Vec<u8>>,
}

/// What commit.lua answers.
pub(super) struct Committed {
    pub(super) status: String,
    pub(super) text: Vec<u8>,
    pub(super) document: Vec<u8>,
    pub(super) number: u64,
}

impl Begun {
    pub(super) fn read(reply: Value) -> Result<Self, Trouble> {
        let (status, text, number, profile, sessions) =
            redis::from_redis_value(reply).map_err(|_| Trouble::NotRedis)?;
        Ok(Self { status, text, number, profile, sessions })
    }

    /// What begin_number.lua answers: nothing of the user.
    pub(super) fn read_number(reply: Value) -> Result<Self, Trouble> {
        let (status, text, number) = redis::from_redis_value(reply).map_err(|_| Trouble::NotRedis)?;
        Ok(Self { status, text, number, profile: Vec::new(), sessions: Vec::new() })
    }
}

impl Committed {
    pub(super) fn read(reply: Value) -> Result<Self, Trouble> {
        let (status, text, document, number) = redis::from_redis_value(reply).map_err(|_| Trouble::NotRedis)?;
        Ok(Self { status, text, document, number })
    }

    pub(super) fn digest(&self) -> Option<SessionDigest> {
        SessionDigest::from_hex(str::from_utf8(&self.text).ok()?)
    }

    pub(super) fn revision(&self) -> u64 {
        counter(Some(&self.text)).unwrap_or(UNREADABLE)
    }
}

/// The profile hash, as far as it can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) profile: Profile,
    pub(super) revision: u64,
    pub(super) calls: u64,
    pub(super) last: Option<u64>,
}

impl Stored {
    /// Reads the fields `v, rev, calls, last, doc`. What is damaged, or newer than this build, is a known caller
    /// with the empty profile and the revision [`UNREADABLE`].
    pub(super) fn read(fields: &[Option<Vec<u8>>], too_large: bool) -> Self {
        let field = |i: usize| fields.get(i).and_then(|field| field.as_deref());
        let calls = counter(field(2));
        let last = field(3).and_then(|last| counter(Some(last)));
        let readable = || {
            let v = counter(field(0))?;
            let revision = counter(field(1))?;
            calls?;
            if too_large || v > u64::from(SCHEMA_VERSION) {
                return None;
            }
            match (field(4), revision) {
                (None, revision) => Some((Profile::default(), revision)),
                (Some(_), 0) => None,
                (Some(doc), revision) => Some((profile(doc)?, revision)),
            }
        };
        let (profile, revision) = readable().unwrap_or((Profile::default(), UNREADABLE));
        Self { profile, revision, calls: calls.unwrap_or(0), last }
    }
}

/// A profile document as it is in a record: missing until a call has written one.
pub(super) fn profile_or_none_yet(doc: &[u8]) -> Option<Profile> {
    if doc.is_empty() { Some(Profile::default()) } else { profile(doc) }
}

/// A profile document, unless it is damaged or newer than this build.
pub(super) fn profile(doc: &[u8]) -> Option<Profile> {
    // By way of an object: serde would take an array for a profile too, field by field.
    let fields = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(doc).ok()?;
    let profile: Profile = serde_json::from_value(serde_json::Value::Object(fields)).ok()?;
    (profile.v <= SCHEMA_VERSION).then_some(profile)
}

/// A counter; a missing one is 0, one that is no number is `None`.
fn counter(text: Option<&[u8]>) -> Option<u64> {
    let Some(text) = text else { return Some(0) };
    let digits = (1..=COUNTER_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    if digits { str::from_utf8(text).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: [Option<&str>; 5]) -> Stored {
        Stored::read(&fields.map(|field| field.map(|text| text.as_bytes().to_vec())), false)
    }

    #[test]
    fn an_absent_hash_is_a_stranger() {
        assert_eq!(read([None; 5]), Stored::default());
    }

    #[test]
    fn a_written_profile_is_read() {
        let stored = read([Some("1"), Some("7"), Some("3"), Some("1700000000000"), Some(r#"{"v":1,"summary":"s"}"#)]);
        assert_eq!((stored.revision, stored.calls, stored.last), (7, 3, Some(1_700_000_000_000)));
        assert_eq!(stored.profile.summary, "s");
    }

    #[test]
    fn what_cannot_be_read_is_a_known_caller_whose_profile_cannot_be_overwritten() {
        let doc = Some(r#"{"v":1,"summary":"s"}"#);
        for (what, fields) in [
            ("newer schema", [Some("99"), Some("7"), Some("3"), None, doc]),
            ("newer document", [Some("1"), Some("7"), Some("3"), None, Some(r#"{"v":99}"#)]),
            ("schema not a number", [Some("x"), Some("7"), Some("3"), None, doc]),
            ("revision not a number", [Some("1"), Some("abc"), Some("3"), None, doc]),
            ("negative revision", [Some("1"), Some("-1"), Some("3"), None, doc]),
            ("revision beyond 2^53", [Some("1"), Some("9007199254740993"), Some("3"), None, doc]),
            ("empty revision", [Some("1"), Some(""), Some("3"), None, doc]),
            ("document without a revision", [Some("1"), None, Some("3"), None, doc]),
            ("no JSON", [Some("1"), Some("7"), Some("3"), None, Some("hello")]),
            ("JSON of another shape", [Some("1"), Some("7"), Some("3"), None, Some(r#"["v"]"#)]),
            ("an array", [Some("1"), Some("7"), Some("3"), None, Some("[]")]),
        ] {
            let stored = read(fields);
            assert_eq!((stored.revision, stored.calls), (UNREADABLE, 3), "{what}");
            assert_eq!(stored.profile, Profile::default(), "{what}");
        }
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert!(Begun::read(Value::Okay).is_err());
        assert!(Committed::read(Value::Array(vec![Value::Int(1)])).is_err());
    }
}
