//! What a call start and a hang-up do to the records, written once for the stores that live in this process.
//!
//! A local store offers [`Records`]: rows by key, in one transaction, without those that have expired. The functions
//! here read everything before the first write, so a store without roll-back (the one in plain memory) is as atomic as
//! one that has it. The Redis store runs the same steps as scripts on the server.

use std::time::Duration;

use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::digest::SessionDigest;
use redial_memory::model::{MAX_SESSION_BYTES, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use serde_json::{Map, Value};
use tracing::warn;

use super::settings::{StoreSettings, TtlRefresh};
use super::store::{Commit, Known, MemoryError, Outcome};

/// The largest profile that a store takes and reads, far above what is ever written here ([`redial_memory::merge`] bounds it).
pub(super) const MAX_PROFILE_DOCUMENT: usize = 256 * 1024;

/// Rows by key, as of one moment: what had expired by then is not there.
///
/// `expires_at` is a Unix time in ms; [`NEVER`] keeps a row for ever.
pub(super) trait Records {
    /// True when this user was erased; nothing may be written under that id again.
    fn is_gone(&self, user: &UserId) -> Result<bool, MemoryError>;

    /// The user that a number belongs to.
    fn user_of(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError>;
    /// Makes a number belong to a user, in place of any other.
    fn put_mapping(&mut self, hash: &PhoneHash, user: &UserId, expires_at: u64) -> Result<(), MemoryError>;

    fn user(&self, user: &UserId) -> Result<Option<UserRecord>, MemoryError>;
    fn put_user(&mut self, user: &UserId, record: &UserRecord, expires_at: u64) -> Result<(), MemoryError>;
    /// Starts the TTL of a user's record and index again, if there are any.
    fn keep_user(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError>;

    /// Adds a session to the index. The same id twice is one entry, with the later time.
    fn put_index_entry(&mut self, user: &UserId, session_id: &SessionId, ended_at: u64) -> Result<(), MemoryError>;
    /// Forgets the oldest ids beyond the newest `keep`, except those whose documents still live.
    fn trim_index(&mut self, user: &UserId, keep: usize) -> Result<(), MemoryError>;
    /// Empties the index: what is left of a user whose record has expired.
    fn clear_index(&mut self, user: &UserId) -> Result<(), MemoryError>;

    fn session(&self, session_id: &SessionId) -> Result<Option<SessionRecord>, MemoryError>;
    fn put_session(
        &mut self,
        session_id: &SessionId,
        record: &SessionRecord,
        expires_at: u64,
    ) -> Result<(), MemoryError>;

    fn marker(&self, session_id: &SessionId) -> Result<Option<Marker>, MemoryError>;
    fn put_marker(&mut self, session_id: &SessionId, marker: &Marker, expires_at: u64) -> Result<(), MemoryError>;
}

/// The `expires_at` of what is kept for ever. It fits SQLite's signed integers.
pub(super) const NEVER: u64 = i64::MAX as u64;

/// A caller's row: counters, and the profile as the text that was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UserRecord {
    /// Schema version of `profile`.
    pub(super) v: u32,
    pub(super) revision: u64,
    /// JSON; `None` until a call has written one.
    pub(super) profile: Option<String>,
    /// Finished calls.
    pub(super) calls: u64,
    /// End of the last one, Unix ms.
    pub(super) last_call_at: Option<u64>,
}

/// A finished session's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionRecord {
    pub(super) user_id: UserId,
    /// JSON.
    pub(super) document: String,
    /// Unix ms.
    pub(super) ended_at: u64,
}

/// That a session was written, so that writing it again changes nothing. Kept apart from the index: an id that was
/// trimmed from the index must not count a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) digest: SessionDigest,
    /// Turns of that copy.
    pub(super) turns: u64,
    /// True once the profile has taken this copy in.
    pub(super) merged: bool,
}

/// A commit, checked and put into words before the transaction begins.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    hash: Option<PhoneHash>,
    session_id: SessionId,
    session: SessionRecord,
    profile: String,
    base_revision: u64,
    digest: SessionDigest,
    replaces: Option<SessionDigest>,
    number_has_moved: bool,
    turns: u64,
}

impl Writing {
    /// Checks ids and lengths and writes the documents.
    pub(super) fn prepare(commit: &Commit) -> Result<Self, MemoryError> {
        let Commit { caller, user_id, session, profile, base_revision, replaces, number_has_moved } = commit;
        if session.user_id != user_id.as_str() {
            return Err(MemoryError::Refused("the session document names another user".to_owned()));
        }
        let turns = to_u64(session.conversation_history.len());
        Ok(Self {
            hash: caller.hash.clone(),
            session_id: session.session_id.clone(),
            session: SessionRecord {
                user_id: user_id.clone(),
                document: session_document(session)?,
                ended_at: session.ended_at.min(NEVER),
            },
            profile: profile_document(profile)?,
            base_revision: *base_revision,
            digest: SessionDigest::of(session),
            replaces: *replaces,
            number_has_moved: *number_has_moved,
            turns,
        })
    }
}

/// Finds the caller or creates them, and loads what is known.
pub(super) fn begin_call(
    records: &mut impl Records,
    settings: &StoreSettings,
    now: u64,
    caller: &Caller,
) -> Result<Known, MemoryError> {
    let Some(hash) = &caller.hash else { return Ok(Known::stranger(caller.user_id.clone())) };
    let mapped = records.user_of(hash)?;
    let candidate = mapped.clone().unwrap_or_else(|| caller.user_id.clone());
    // An erased caller who comes back is somebody new: the derived id must not lead to the old one's traces.
    let user_id = if records.is_gone(&candidate)? { UserId::random() } else { candidate };
    let created = mapped.as_ref() != Some(&user_id);
    let record = records.user(&user_id)?;

    let until = expiry(now, settings.profile_ttl);
    if created || settings.refresh == TtlRefresh::Access {
        records.put_mapping(hash, &user_id, until)?;
    }
    if record.is_some() && settings.refresh == TtlRefresh::Access {
        records.keep_user(&user_id, until)?;
    }

    let record = record.unwrap_or_default();
    Ok(Known {
        created,
        calls: record.calls,
        last_call_at: record.last_call_at,
        profile: readable_profile(&user_id, &record).unwrap_or_default(),
        revision: record.revision,
        user_id,
    })
}

/// Writes a finished session, counts it once, and changes the profile if it is still the one that was read.
///
/// A stored copy is only replaced by one that names it; who has not seen it is shown it instead. A profile that this
/// build cannot read is left alone: the session is written and counted, and the answer is `Applied` with the revision
/// unchanged, because there is nothing that the writer could do about it.
pub(super) fn commit(
    records: &mut impl Records,
    settings: &StoreSettings,
    now: u64,
    writing: &Writing,
) -> Result<Outcome, MemoryError> {
    let Writing { hash, session_id, session, profile, base_revision, digest, replaces, number_has_moved, turns } =
        writing;
    let user_id = &session.user_id;
    if records.is_gone(user_id)? {
        return Ok(Outcome::Erased);
    }
    let marker = records.marker(session_id)?;
    let same = marker.as_ref().is_some_and(|marker| marker.digest == *digest);
    if same && marker.as_ref().is_some_and(|marker| marker.merged) {
        return Ok(Outcome::Duplicate);
    }
    let stored = records.session(session_id)?;
    let owner = match hash {
        Some(hash) if !number_has_moved => records.user_of(hash)?,
        Some(_) | None => None,
    };
    let is_others = owner.as_ref().is_some_and(|owner| owner != user_id);
    if stored.as_ref().is_none_or(|stored| stored.user_id != *user_id) {
        if let Some(user_id) = owner.filter(|_| is_others) {
            return Ok(Outcome::Mapped { user_id });
        }
        if stored.is_some() {
            return Err(MemoryError::Refused("another caller's session has this id".to_owned()));
        }
    }
    if let Some(marker) = marker.as_ref().filter(|marker| !same && *replaces != Some(marker.digest)) {
        let document = stored.as_ref().map(|stored| stored.document.as_bytes());
        return Ok(differs(session_id, marker.digest, marker.turns, document, *turns));
    }
    let record = records.user(user_id)?;

    if !same {
        records.put_session(session_id, session, expiry(now, Some(settings.session_ttl)))?;
    }
    let marker_until = expiry(now, Some(settings.marker_ttl));
    let Some(hash) = hash else {
        // Nobody to remember: the marker only keeps a repeated write from being one.
        records.put_marker(session_id, &Marker { digest: *digest, turns: *turns, merged: true }, marker_until)?;
        return Ok(Outcome::Applied { revision: 0 });
    };

    if record.is_none() {
        records.clear_index(user_id)?;
    }
    let mut record = record.unwrap_or_default();
    if marker.is_none() {
        record.calls += 1;
    }
    if !same {
        records.put_index_entry(user_id, session_id, session.ended_at)?;
        records.trim_index(user_id, settings.keep_sessions)?;
    }
    record.last_call_at = record.last_call_at.max(Some(session.ended_at));
    let outcome = match readable_profile(user_id, &record) {
        None => Outcome::Applied { revision: record.revision },
        Some(_) if record.revision == *base_revision => {
            record.v = SCHEMA_VERSION;
            record.profile = Some(profile.clone());
            record.revision += 1;
            Outcome::Applied { revision: record.revision }
        }
        Some(profile) => Outcome::Conflict { revision: record.revision, profile },
    };
    let merged = matches!(outcome, Outcome::Applied { .. });
    records.put_marker(session_id, &Marker { digest: *digest, turns: *turns, merged }, marker_until)?;
    let until = expiry(now, settings.profile_ttl);
    records.put_user(user_id, &record, until)?;
    if !is_others && !number_has_moved {
        records.put_mapping(hash, user_id, until)?;
    }
    Ok(outcome)
}

/// What the writer of a copy with `turns` turns is told who has not seen the stored one.
///
/// Where the stored document has expired or cannot be read there is nothing to unite with: the copy with more turns is
/// then the better one.
pub(super) fn differs(
    session_id: &SessionId,
    stored: SessionDigest,
    stored_turns: u64,
    document: Option<&[u8]>,
    turns: u64,
) -> Outcome {
    let session = document
        .and_then(|document| serde_json::from_slice::<SessionDoc>(document).ok())
        .filter(|session| session.session_id == *session_id);
    if session.is_none() && turns <= stored_turns {
        return Outcome::Duplicate;
    }
    Outcome::Differs { stored: session.map(Box::new), digest: stored }
}

/// Reads a finished session.
pub(super) fn load_session(records: &impl Records, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
    let Some(record) = records.session(session_id)? else { return Ok(None) };
    serde_json::from_str(&record.document).map(Some).map_err(|_| MemoryError::WrongShape {
        key: format!("session {session_id}"),
        advice: "the document is no session that this version can read; it is left as it is".to_owned(),
    })
}

/// The profile in a record, the empty one if none was written yet; `None` when this build cannot read what is there.
pub(super) fn readable_profile(user_id: &UserId, record: &UserRecord) -> Option<Profile> {
    let Some(document) = &record.profile else { return Some(Profile::default()) };
    // By way of an object: serde would take an array for a profile too, field by field.
    let profile = serde_json::from_str::<Map<String, Value>>(document)
        .and_then(|fields| serde_json::from_value::<Profile>(Value::Object(fields)))
        .ok()
        .filter(|profile| record.v.max(profile.v) <= SCHEMA_VERSION);
    if profile.is_none() {
        warn!(user.id = user_id.as_str(), "a stored profile cannot be read by this version and is left alone");
    }
    profile
}

/// A session as it is stored. Whatever a call can make of itself is taken.
pub(super) fn session_document(session: &SessionDoc) -> Result<String, MemoryError> {
    document("session", session, MAX_SESSION_BYTES)
}

/// A profile as it is stored.
pub(super) fn profile_document(profile: &Profile) -> Result<String, MemoryError> {
    document("profile", &Profile { v: SCHEMA_VERSION, ..profile.clone() }, MAX_PROFILE_DOCUMENT)
}

/// The JSON of something that is stored, of `most` bytes.
pub(super) fn document(what: &str, value: &impl serde::Serialize, most: usize) -> Result<String, MemoryError> {
    // The error's text is dropped: it may quote the document.
    let text =
        serde_json::to_string(value).map_err(|_| MemoryError::Refused(format!("the {what} document is no JSON")))?;
    if text.len() > most {
        return Err(MemoryError::Refused(format!(
            "the {what} document has {} bytes; at most {most} are kept",
            text.len()
        )));
    }
    Ok(text)
}

pub(super) fn expiry(now: u64, ttl: Option<Duration>) -> u64 {
    let Some(ttl) = ttl else { return NEVER };
    now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(NEVER)).min(NEVER)
}

pub(super) fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
