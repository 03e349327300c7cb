//! The archive: where finished calls go for good, beside the store that forgets them.
//!
//! Every committed session is offered once. Whoever offers it tries again when the archive is not there; an archive
//! itself tries once.

mod config;
pub mod http;
pub mod ndjson;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use redial_identity::{UserId, is_id};
use redial_memory::model::{MAX_SESSION_BYTES, SessionDoc};
use redial_memory::session_id::SessionId;
use serde::{Deserialize, Serialize};

pub use self::config::{ArchiveConfig, open};
use crate::BoxError;

/// The largest record that is written or read back: the largest session, and what is in front of it.
pub const MAX_RECORD_BYTES: usize = MAX_SESSION_BYTES + 64;

/// Where finished calls go for good. All operations are idempotent, so a caller may retry any of them.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Adds a finished call. A session that is put again, also as a longer copy, is one session when it is read.
    ///
    /// # Errors
    /// [`ArchiveError::Unavailable`]: put it again later. It has not been kept, or not for certain.
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError>;

    /// Reads a finished call, its longest copy.
    ///
    /// # Errors
    /// When the archive cannot be asked, or answers something else.
    async fn get(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, ArchiveError>;

    /// All calls of a user, each its longest copy, the oldest first; `None` when the archive cannot look for a user.
    ///
    /// # Errors
    /// As for [`Archive::get`].
    async fn of_user(&self, _user: &UserId) -> Result<Option<Vec<SessionDoc>>, ArchiveError> {
        Ok(None)
    }

    /// Deletes all calls of a user. Returns how many there were, as far as the archive can tell.
    ///
    /// # Errors
    /// [`ArchiveError::Unavailable`]: erase again later, some calls may be gone already.
    async fn erase(&self, user: &UserId) -> Result<u64, ArchiveError>;
}

/// Why the archive failed, told apart by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Try again later.
    #[error("the archive is not reachable: {advice}")]
    Unavailable {
        /// What an operator should look at.
        advice: String,
        /// How long the archive asks to wait.
        retry_after: Option<Duration>,
        /// What happened.
        #[source]
        source: Option<BoxError>,
    },
    /// Trying again would not help.
    #[error("the archive refused: {0}")]
    Refused(String),
}

/// A session as it is archived: the stored document with `"type": "session"` in front.
#[derive(Serialize)]
struct NewRecord<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    session: &'a SessionDoc,
}

/// A record as it is read back.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Record {
    Session(SessionDoc),
    /// Of a newer version.
    #[serde(other)]
    Unknown,
}

/// The record of a session: one line of JSON, without its end. The same session always gives the same bytes.
fn encode(session: &SessionDoc) -> Result<Vec<u8>, ArchiveError> {
    for id in [session.session_id.as_str(), &session.user_id] {
        if !is_name(id) {
            return Err(ArchiveError::Refused(format!("{id:?} is no id that a session or user can have")));
        }
    }
    let record = serde_json::to_vec(&NewRecord { kind: "session", session })
        .map_err(|error| ArchiveError::Refused(format!("session {} is not JSON: {error}", session.session_id)))?;
    if record.len() > MAX_RECORD_BYTES {
        return Err(ArchiveError::Refused(format!(
            "session {} has {} bytes, more than {MAX_RECORD_BYTES}",
            session.session_id,
            record.len()
        )));
    }
    Ok(record)
}

/// Of several copies of a call the one that ended last, of equal ones the last; the oldest call first.
fn longest_copies(sessions: impl IntoIterator<Item = SessionDoc>) -> Vec<SessionDoc> {
    let mut calls: BTreeMap<SessionId, SessionDoc> = BTreeMap::new();
    for session in sessions {
        if calls.get(&session.session_id).is_none_or(|known| known.ended_at <= session.ended_at) {
            calls.insert(session.session_id.clone(), session);
        }
    }
    let mut calls: Vec<SessionDoc> = calls.into_values().collect();
    calls.sort_by(|a, b| (a.ended_at, &a.session_id).cmp(&(b.ended_at, &b.session_id)));
    calls
}

/// The session in a record; `None` if it is not one.
fn decode(record: &[u8]) -> Option<SessionDoc> {
    match serde_json::from_slice(record) {
        Ok(Record::Session(session)) => Some(session),
        Ok(Record::Unknown) | Err(_) => None,
    }
}

/// True for an id that may be a path's segment as well.
fn is_name(id: &str) -> bool {
    is_id(id) && id != "." && id != ".."
}
