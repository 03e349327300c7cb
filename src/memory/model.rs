//! The documents that memory keeps: a caller's profile, and one session a call.
//!
//! Times are Unix times in ms. Readers accept unknown fields, so that an older instance can read a newer document.

use redial_call::Turn;
use serde::{Deserialize, Serialize};

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What is known of one caller. The empty profile is a stranger's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Schema version, [`SCHEMA_VERSION`] when written by this build; 0 in the empty profile.
    pub v: u32,
    /// What to call the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// A rolling summary of all calls, at most 1000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// When the summary was made.
    pub summary_at: u64,
    /// One entry a call, oldest first, at most 20.
    pub episodes: Vec<Episode>,
}

/// A caller's name, with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// As it is said: `Ana`.
    pub say: String,
    /// Session and turn that it comes from: `CA…#4`.
    pub src: String,
    /// How sure we are.
    pub conf: Confidence,
}

/// How sure we are of something remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Worked out from what was said.
    Inferred,
    /// The caller said so.
    Stated,
    /// The caller said so and confirmed it when asked.
    Confirmed,
}

/// One call in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The session.
    pub sid: String,
    /// When the call ended.
    pub at: u64,
    /// What it was about, at most 240 characters.
    pub s: String,
    /// What is still to be done, each at most 160 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// A short, neutral noun phrase that may be said aloud in the next greeting ("your appointment",
    /// "Friday's visit"); `None` when nothing safe was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// One finished call, as it is stored. The first four fields carry the names that older deployments used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session's id: the call's.
    pub chat_id: String,
    /// What was said, oldest first.
    pub conversation_history: Vec<Message>,
    /// When the document was written, RFC 3339 in UTC with ms and `Z`.
    pub last_update: String,
    /// What ended it.
    pub metadata: Metadata,
    /// Schema version.
    pub v: u32,
    /// Whose call it was.
    pub user_id: String,
    /// When the call began.
    pub started_at: u64,
    /// When it ended.
    pub ended_at: u64,
    /// Why it ended, `caller_hung_up` and the like.
    pub end_reason: String,
}

/// One turn in a stored session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The turn; `text` is stored as `content`.
    #[serde(flatten, with = "message_turn")]
    pub turn: Turn,
}

/// The seeds' metadata fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The last event of the call.
    pub last_event_type: String,
    /// Names of the start event's custom parameters; never their values.
    pub payload_keys: Vec<String>,
}

/// Stores a [`Turn`] with its words under `content`, the name that chat histories use.
mod message_turn {
    use redial_call::{Role, Turn, TurnId, Via};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Stored {
        role: Role,
        content: String,
        #[serde(default)]
        id: u32,
        #[serde(default)]
        via: Via,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        cut: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        never_sent: String,
        #[serde(default)]
        start_ms: u64,
        #[serde(default)]
        end_ms: u64,
    }

    pub(super) fn serialize<S: Serializer>(turn: &Turn, to: S) -> Result<S::Ok, S::Error> {
        Stored {
            role: turn.role,
            content: turn.text.clone(),
            id: turn.id.0,
            via: turn.via,
            cut: turn.cut.clone(),
            never_sent: turn.never_sent.clone(),
            start_ms: turn.start_ms,
            end_ms: turn.end_ms,
        }
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Turn, D::Error> {
        let stored = Stored::deserialize(from)?;
        Ok(Turn {
            id: TurnId(stored.id),
            role: stored.role,
            via: stored.via,
            text: stored.content,
            cut: stored.cut,
            never_sent: stored.never_sent,
            start_ms: stored.start_ms,
            end_ms: stored.end_ms,
        })
    }
}
