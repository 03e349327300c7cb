//! The documents that memory keeps: a caller's profile, and one session a call.
//!
//! Times are Unix times in ms. Readers accept unknown fields, so that an older instance can read a newer document.
//!
//! The comments on the fields, and the limits beside them, are also what the operators' API says of these documents.

mod spelling;

use std::collections::BTreeSet;

use redial_call::Turn;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::session_id::SessionId;

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The last ms of the year 9999, Unix ms: what is said to have been later is not believed. It fits every store's numbers.
pub const LATEST_MS: u64 = 253_402_300_799_999;

/// The most bytes of a session's document, above what a call can make of itself: 500 turns of three texts of 4 kB, each
/// character escaped (6 bytes for one), are 37 MB. An ordinary one has some 10 kB.
pub const MAX_SESSION_BYTES: usize = 40 << 20;

/// What is known of one caller. The empty profile is a stranger's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Profile {
    /// Schema version; 0 in the empty profile.
    #[schema(format = Int64, maximum = 4294967295i64)]
    pub v: u32,
    /// What to call the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// A rolling summary of all calls, at most 1000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 1000, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub summary: String,
    /// When a model wrote its part of the summary, Unix time in ms; without such a part, when the newest call ended.
    #[schema(maximum = 9007199254740991i64)]
    pub summary_at: u64,
    /// The calls that a model's part of the summary tells of; empty without such a part. At most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20, value_type = Vec<String>)]
    pub summary_of: Vec<SessionId>,
    /// One entry a call, oldest first, at most 20.
    #[schema(max_items = 20)]
    pub episodes: Vec<Episode>,
    /// The language that the caller asked for, as a BCP 47 tag: `es`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9-]{2,35}$", examples("es"))]
    pub lang: Option<String>,
    /// What the caller said of themselves, by key, at most 30.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 30)]
    pub facts: Vec<Fact>,
    /// What the caller answered when asked whether calls may be remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When a caller last said that they are not the person who is remembered here, Unix time in ms; 0: nobody did. Until the
    /// remembered name is said again, nothing that is remembered is said aloud.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(maximum = 9007199254740991i64)]
    pub denied_at: u64,
    /// When a caller last gave the name that is remembered here, Unix time in ms; 0: nobody did again.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(maximum = 9007199254740991i64)]
    pub named_at: u64,
    /// The user ids that this caller had before they were joined to this one, at most 32: who erases the caller erases
    /// what is still somewhere under those. Kept as they are, whatever is sent.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub absorbed: BTreeSet<String>,
    /// What operators and agents set for this caller. Kept, and not read here.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub prefs: Map<String, Value>,
}

/// A caller's name, with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Name {
    /// As it is said: `Ana`.
    #[schema(min_length = 2, max_length = 40)]
    pub say: String,
    /// Receipt: session and turn that it comes from, `CA…#4`.
    #[schema(min_length = 1, max_length = 200)]
    pub src: String,
    /// How sure we are.
    pub conf: Confidence,
    /// When it was said, Unix time in ms; 0 in documents of versions that did not note it.
    #[serde(default)]
    #[schema(maximum = 9007199254740991i64)]
    pub at: u64,
    /// The caller said that their name is another one now. A confirmed name gives way to no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
}

/// One thing that the caller said and that is likely to hold in the next call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    /// What it is about, `contact.pref_time`: a key has one value at a time. 1 to 64 of `a-z0-9_.`.
    #[schema(pattern = "^[a-z0-9_.]{1,64}$")]
    pub k: String,
    /// What is known, in a few words: `prefers mornings`. At most 160 characters.
    #[schema(
        max_length = 160,
        pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\s][^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$"
    )]
    pub t: String,
    /// Whether it may be known to everybody who holds this phone.
    pub cls: Class,
    /// How sure we are.
    pub conf: Confidence,
    /// Receipt: session and turn that it comes from, of the last time that it was said, `CA…#4`.
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub src: String,
    /// When it was last said, Unix time in ms.
    #[schema(maximum = 9007199254740991i64)]
    pub at: u64,
    /// When it ceased to hold, Unix time in ms; null: it holds. One closed value a key is kept, and never prompted.
    #[serde(default)]
    #[schema(maximum = 9007199254740991i64)]
    pub until: Option<u64>,
    /// In how many calls it was said, as far as counted: at least one.
    #[serde(default)]
    #[schema(format = Int64, maximum = 4294967295i64)]
    pub seen: u32,
    /// Checksums (CRC-32) of the ids of these calls, so that no call counts twice. At most 8.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<u32>, format = Int64, maximum = 4294967295i64)]
    pub by: BTreeSet<u32>,
}

/// Who may know a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// May help in any call from this number.
    Ordinary,
    /// Health, money, family, address, religion, long numbers: kept only with consent, and used in no call.
    Sensitive,
}

/// The caller's answer to "May I remember this call for next time?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Yes or no.
    pub memory: Choice,
    /// When it was given, Unix time in ms.
    #[schema(maximum = 9007199254740991i64)]
    pub at: u64,
    /// By what: `voice`, `dtmf-1`, `dtmf-2`.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub how: String,
    /// Receipt: session and turn, `CA…#4`.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub src: String,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Calls may be remembered, sensitive matters as well.
    Yes,
    /// Nothing of later calls is remembered.
    No,
}

/// How sure we are of something remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Episode {
    /// The session: the call's id, which is the carrier's.
    #[serde(rename = "sid")]
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// When the call ended, Unix time in ms.
    #[schema(maximum = 9007199254740991i64)]
    pub at: u64,
    /// What it was about, at most 240 characters.
    #[schema(max_length = 240, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub s: String,
    /// What is still to be done, each at most 160 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_length = 160, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub open: Vec<String>,
    /// A short, neutral noun phrase that may be said aloud in the next greeting ("your appointment",
    /// "Friday's visit"); absent when nothing safe was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 160, pattern = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$")]
    pub topic: Option<String>,
}

/// One finished call, as it is stored. The first four fields carry the names that older deployments used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionDoc {
    /// The session's id: the call's, which is the carrier's.
    #[serde(rename = "chat_id")]
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// What was said, oldest first.
    #[schema(value_type = Vec<message_turn::Stored>)]
    pub conversation_history: Vec<Message>,
    /// When the document was written, RFC 3339 in UTC with ms and `Z`.
    #[schema(format = DateTime)]
    pub last_update: String,
    /// What ended it.
    pub metadata: Metadata,
    /// Schema version.
    pub v: u32,
    /// Whose call it was: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// When the call began, Unix time in ms.
    #[serde(deserialize_with = "time_ms")]
    pub started_at: u64,
    /// When it ended, Unix time in ms.
    #[serde(deserialize_with = "time_ms")]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Metadata {
    /// The last event of the call.
    #[schema(required)]
    pub last_event_type: String,
    /// Names of the start event's custom parameters; never their values.
    #[schema(required)]
    pub payload_keys: Vec<String>,
    /// What the agent asked stands in the turns' acts, and its words decide nothing. Not so in documents of before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acts: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// A time, or how long something took: documents come from disks, other servers and other people's hands.
fn time_ms<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let time = u64::deserialize(from)?;
    if time <= LATEST_MS { Ok(time) } else { Err(D::Error::custom("a time beyond the year 9999")) }
}

/// Stores a [`Turn`] with its words under `content`, the name that chat histories use.
mod message_turn {
    use redial_call::{Act, Role, Turn, TurnId, Via};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use utoipa::ToSchema;

    /// One turn.
    #[derive(Serialize, Deserialize, ToSchema)]
    #[schema(as = Message)]
    pub(super) struct Stored {
        /// Who spoke.
        #[schema(schema_with = super::spelling::role)]
        role: Role,
        /// Words that were said, or heard.
        content: String,
        /// The turn's number in the call.
        #[serde(default)]
        #[schema(required)]
        id: u32,
        /// Spoken, or by keys; the words are then the digits.
        #[serde(default)]
        #[schema(schema_with = super::spelling::via, required)]
        via: Via,
        /// The agent's words that were cut off.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        cut: String,
        /// The agent's words that were never sent.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        never_sent: String,
        /// What the agent did beside what it said, as far as it was heard; tools always.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schema(schema_with = super::spelling::acts)]
        acts: Vec<Act>,
        /// When it began, in ms since the call began.
        #[serde(default, deserialize_with = "super::time_ms")]
        #[schema(required)]
        start_ms: u64,
        /// When it ended, in ms since the call began.
        #[serde(default, deserialize_with = "super::time_ms")]
        #[schema(required)]
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
            acts: turn.acts.clone(),
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
            acts: stored.acts,
            start_ms: stored.start_ms,
            end_ms: stored.end_ms,
        })
    }
}
