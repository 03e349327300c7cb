//! Names one copy of a session, so that writing it again can be told from writing another one.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::model::SessionDoc;

/// SHA-256 over a session's id, the number of its turns and what was said.
///
/// Not over when it was written or ended, which differs from one attempt to the next, nor over whose it is, which may be
/// found out between two of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionDigest([u8; 32]);

impl SessionDigest {
    /// The digest of a session as it is now.
    pub fn of(session: &SessionDoc) -> Self {
        let mut hash = Sha256::new();
        // Neither an id nor JSON on one line has a line break, so the parts cannot run into each other.
        hash.update(format!("{}\n{}\n", session.session_id, session.conversation_history.len()));
        for message in &session.conversation_history {
            hash.update(serde_json::to_vec(message).expect("a turn has string keys only"));
            hash.update("\n");
        }
        Self(hash.finalize().into())
    }

    /// A digest that was stored as bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be stored as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest that was stored as 64 hex digits; `None`: it is none.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// To be stored as text: 64 hex digits in lower case.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionDigest({})", self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use redial_call::{Role, Turn, TurnId, Via};

    use super::*;
    use crate::model::{Message, Metadata, SCHEMA_VERSION};

    fn session(said: &[&str]) -> SessionDoc {
        let turn = |(id, text): (usize, &&str)| Message {
            turn: Turn {
                id: TurnId(u32::try_from(id).unwrap()),
                role: Role::Caller,
                via: Via::Voice,
                text: (*text).to_owned(),
                cut: String::new(),
                never_sent: String::new(),
                acts: Vec::new(),
                start_ms: 0,
                end_ms: 0,
            },
        };
        SessionDoc {
            session_id: "CA1".parse().unwrap(),
            conversation_history: said.iter().enumerate().map(turn).collect(),
            last_update: String::new(),
            metadata: Metadata::default(),
            v: SCHEMA_VERSION,
            user_id: "u_1".to_owned(),
            started_at: 0,
            ended_at: 0,
            end_reason: String::new(),
        }
    }

    #[test]
    fn a_digest_names_what_was_said_and_neither_when_it_was_written_nor_whose_it_is() {
        let hello = SessionDigest::of(&session(&["hello"]));
        let mut other = session(&["hello"]);
        other.last_update = "2026-11-01T10:00:00.000Z".to_owned();
        other.ended_at = 7;
        other.user_id = "u_2".to_owned();
        assert_eq!(SessionDigest::of(&other), hello);
        assert_ne!(SessionDigest::of(&session(&["hallo"])), hello);
        assert_ne!(SessionDigest::of(&session(&["a", "b"])), SessionDigest::of(&session(&["a"])));
        other.session_id = "CA2".parse().unwrap();
        assert_ne!(SessionDigest::of(&other), hello);
    }

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let digest = SessionDigest::of(&session(&["hello"]));
        assert_eq!(SessionDigest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(SessionDigest::from_bytes(*digest.as_bytes()), digest);
        for none in ["", "ab", "no hex", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(SessionDigest::from_hex(none), None, "{none}");
        }
    }
}
