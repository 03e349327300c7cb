//! The name of a session: what a call is called in everything that is kept of it.

use std::fmt;
use std::str::FromStr;

use redial_call::CallId;
use redial_identity::{IdError, is_id};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

/// Of the digest that names a session whose own name cannot be part of a key: 128 bits, in hex digits.
const DIGEST_CHARS: usize = 32;

/// Names one session, the one of a call or one that was imported, in documents, keys, rows, paths and logs.
///
/// 1 to 128 letters, digits, dots, underscores and hyphens, as [`is_id`] has it. Two ways lead to one: text that somebody
/// gives us is parsed, and refused if it is something else; a call, or a document that names its session, has a session
/// whatever it is called ([`SessionId::named`]).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// The session of this name: itself where it is an id, else `call-` and a digest of it. The same name always gives the
    /// same id.
    pub fn named(name: &str) -> Self {
        if is_id(name) {
            return Self(name.to_owned());
        }
        let mut digest = hex::encode(Sha256::digest(name));
        digest.truncate(DIGEST_CHARS);
        Self(format!("call-{digest}"))
    }

    /// The id as it stands in keys.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The session of a call. A carrier may give its calls names that no key can have.
impl From<&CallId> for SessionId {
    fn from(call: &CallId) -> Self {
        Self::named(call.as_str())
    }
}

impl FromStr for SessionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(IdError) }
    }
}

impl PartialEq<str> for SessionId {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for SessionId {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A document whose session has another name is read all the same: what it says is somebody's.
        Ok(Self::named(&String::deserialize(from)?))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_part_of_a_key_is_the_id_of_a_session() {
        let longest = "x".repeat(128);
        for text in ["CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f", "imp-1", "selftest_1.2", longest.as_str()] {
            let id: SessionId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.to_string(), format!("{id:?}")), (text, text.to_owned(), text.to_owned()));
            assert_eq!(SessionId::named(text), id);
            assert_eq!(SessionId::from(&text.parse::<CallId>().unwrap()), id);
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
        }
        for text in ["", "a b", "a:b", "a/b", "{a}", "a*", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(text.parse::<SessionId>().unwrap_err(), IdError, "{text}");
        }
    }

    #[test]
    fn a_call_whose_name_cannot_be_part_of_a_key_has_a_session_too_and_always_the_same() {
        let longest = "x".repeat(128);
        let names = ["v3:abc-DEF_1@host", "v3:abc-DEF_2@host", "../../etc/passwd", "a/b", "{a}*", longest.as_str()];
        let ids: Vec<SessionId> = names.iter().map(|name| SessionId::from(&name.parse::<CallId>().unwrap())).collect();
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(id.as_str().parse::<SessionId>().unwrap(), *id, "it is an id");
            assert!(!ids[..at].contains(id), "{id} names one call");
        }
        assert_eq!(ids[0].as_str(), "call-a8001718be6b221f12a40a39940d3a59");
        let json = serde_json::to_string(names[0]).unwrap();
        assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), ids[0], "a document that names the call");
    }
}
