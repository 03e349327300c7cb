//! What operators do to the records, written once for the stores that live in this process.
//!
//! As in [`rules`], everything is read before the first write. The Redis store has steps of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use redial_identity::{PhoneHash, UserId, is_id};
use redial_memory::model::{Profile, SCHEMA_VERSION};
use redial_memory::session_id::SessionId;
use serde_json::{Map, Value};

use super::super::rules::{self, NEVER, Records, SessionRecord, UserRecord};
use super::super::settings::StoreSettings;
use super::super::store::MemoryError;
use super::{ERASED_FOR, Erased, Listing, Page, ProfileChange, SessionEntry, UserEntry};

/// What operators ask of the records beyond what calls do.
pub(crate) trait DirectoryRecords: Records {
    /// The numbers that lead to a user.
    fn numbers_of(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError>;
    fn remove_mapping(&mut self, hash: &PhoneHash) -> Result<(), MemoryError>;
    /// Lets all of a user's numbers lead to another one; their TTLs go on.
    fn hand_numbers_over(&mut self, from: &UserId, to: &UserId) -> Result<(), MemoryError>;

    /// When a user's record expires, Unix ms.
    fn user_expires_at(&self, user: &UserId) -> Result<Option<u64>, MemoryError>;
    /// The session index, newest first: ids, and when those calls ended. Also one that an expired record has left.
    fn index_of(&self, user: &UserId) -> Result<Vec<(SessionId, u64)>, MemoryError>;
    /// The users whose ids come after `after`, in order.
    fn users_after(&self, after: &str, limit: usize) -> Result<Vec<UserId>, MemoryError>;

    /// The finished sessions whose ids come after `after`, in order.
    fn sessions_after(&self, after: &str, limit: usize) -> Result<Vec<SessionId>, MemoryError>;
    /// The sessions whose documents are a user's, in the index or not; also expired ones that are still there.
    fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionId>, MemoryError>;
    /// Puts a session in the place of the one there; its TTL goes on.
    fn replace_session(&mut self, session_id: &SessionId, record: &SessionRecord) -> Result<(), MemoryError>;
    /// When a session's document expires, Unix ms.
    fn session_expires_at(&self, session_id: &SessionId) -> Result<Option<u64>, MemoryError>;
    /// Removes a session's document.
    fn remove_session(&mut self, session_id: &SessionId) -> Result<(), MemoryError>;
    /// Removes a session from a user's index.
    fn remove_index_entry(&mut self, user: &UserId, session_id: &SessionId) -> Result<(), MemoryError>;
    fn remove_marker(&mut self, session_id: &SessionId) -> Result<(), MemoryError>;

    /// Removes a user's record, index, numbers and sessions, also what has expired and is still there.
    fn remove_user(&mut self, user: &UserId) -> Result<(), MemoryError>;
    fn put_gone(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError>;
    /// Removes everything but the markers of erased users. Answers how many rows that were.
    fn clear(&mut self) -> Result<u64, MemoryError>;
}

/// A profile as it is written, with this build's schema version.
pub(crate) fn profile_document(profile: &Profile) -> Result<String, MemoryError> {
    rules::profile_document(profile)
}

/// A session's document with another owner's name in it; as it was if it is no JSON object.
pub(crate) fn with_owner(document: &str, owner: &UserId) -> String {
    // By way of an object, so that the fields of a newer version stay.
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(document) else { return document.to_owned() };
    fields.insert("user_id".to_owned(), owner.as_str().into());
    Value::Object(fields).to_string()
}

/// Absorbing oneself would leave nobody.
pub(crate) fn check_two(absorbed: &UserId, into: &UserId) -> Result<(), MemoryError> {
    if absorbed == into {
        return Err(MemoryError::Refused("both users are the same one; name two".to_owned()));
    }
    Ok(())
}

/// Makes a number belong to a user or to nobody; answers whose it was.
pub(crate) fn assign(
    records: &mut impl DirectoryRecords,
    settings: &StoreSettings,
    now: u64,
    hash: &PhoneHash,
    user: Option<&UserId>,
) -> Result<Option<UserId>, MemoryError> {
    let before = records.user_of(hash)?;
    match user {
        Some(user) => records.put_mapping(hash, user, rules::expiry(now, settings.profile_ttl))?,
        None => records.remove_mapping(hash)?,
    }
    Ok(before)
}

/// What is held of a user.
pub(crate) fn user(records: &impl DirectoryRecords, now: u64, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
    let Some(record) = records.user(user)? else { return Ok(None) };
    let expires_at = records.user_expires_at(user)?.filter(|&at| at != NEVER);
    Ok(Some(UserEntry {
        user_id: user.clone(),
        profile: rules::readable_profile(user, &record),
        revision: record.revision,
        calls: record.calls,
        last_call_at: record.last_call_at,
        sessions: records.index_of(user)?.into_iter().map(|(session_id, _)| session_id).collect(),
        expires_in: expires_at.map(|at| Duration::from_millis(at.saturating_sub(now))),
    }))
}

/// A page of users.
pub(crate) fn users(records: &impl DirectoryRecords, page: &Page) -> Result<Listing<UserId>, MemoryError> {
    let limit = page.limit.max(1);
    let entries = records.users_after(page_start(page)?, limit)?;
    let next = if entries.len() < limit { None } else { entries.last().map(|user| user.as_str().to_owned()) };
    Ok(Listing { entries, next })
}

/// A page of sessions.
pub(crate) fn sessions(records: &impl DirectoryRecords, page: &Page) -> Result<Listing<SessionId>, MemoryError> {
    let limit = page.limit.max(1);
    let entries = records.sessions_after(page_start(page)?, limit)?;
    let next = if entries.len() < limit { None } else { entries.last().map(SessionId::to_string) };
    Ok(Listing { entries, next })
}

/// Whose a session is, and how long its document lives.
pub(crate) fn session_entry(
    records: &impl DirectoryRecords,
    now: u64,
    session_id: &SessionId,
) -> Result<Option<SessionEntry>, MemoryError> {
    let Some(record) = records.session(session_id)? else { return Ok(None) };
    let expires_at = records.session_expires_at(session_id)?.filter(|&at| at != NEVER);
    Ok(Some(SessionEntry {
        session_id: session_id.clone(),
        user_id: record.user_id,
        ended_at: record.ended_at,
        expires_in: expires_at.map(|at| Duration::from_millis(at.saturating_sub(now))),
    }))
}

/// Removes a session's document and its place in the index.
pub(crate) fn clear_session(records: &mut impl DirectoryRecords, session_id: &SessionId) -> Result<bool, MemoryError> {
    let Some(record) = records.session(session_id)? else { return Ok(false) };
    records.remove_index_entry(&record.user_id, session_id)?;
    records.remove_session(session_id)?;
    Ok(true)
}

/// A page begins after the last entry of the one before, whose id is its name.
fn page_start(page: &Page) -> Result<&str, MemoryError> {
    match page.after.as_deref() {
        None => Ok(""),
        Some(after) if is_id(after) => Ok(after),
        Some(_) => Err(MemoryError::Refused(
            "there is no page of that name; use the one that the page before has answered, or none for the first page"
                .to_owned(),
        )),
    }
}

/// Puts a profile in the place of the one at `base_revision`.
pub(crate) fn change_profile(
    records: &mut impl DirectoryRecords,
    user: &UserId,
    base_revision: u64,
    document: &str,
) -> Result<ProfileChange, MemoryError> {
    let Some(stored) = present(records, user)? else { return Ok(ProfileChange::Unknown) };
    if let Some(conflict) = conflict(user, &stored, base_revision) {
        return Ok(conflict);
    }
    put_profile(records, user, UserRecord { profile: Some(document.to_owned()), ..stored })
}

/// Moves all that is one user's to another one.
pub(crate) fn merge_users(
    records: &mut impl DirectoryRecords,
    absorbed: &UserId,
    into: &UserId,
    base_revision: u64,
    document: &str,
) -> Result<ProfileChange, MemoryError> {
    let Some(target) = present(records, into)? else { return Ok(ProfileChange::Unknown) };
    if records.is_gone(absorbed)? {
        return Ok(ProfileChange::Unknown);
    }
    let source = records.user(absorbed)?;
    let numbers = records.numbers_of(absorbed)?;
    let mut sessions = Vec::new();
    for session_id in records.sessions_of(absorbed)? {
        if let Some(session) = records.session(&session_id)? {
            sessions.push((session_id, session));
        }
    }
    if source.is_none() && numbers.is_empty() && sessions.is_empty() {
        return Ok(ProfileChange::Unknown);
    }
    if source.as_ref().is_some_and(|source| rules::readable_profile(absorbed, source).is_none()) {
        return Ok(ProfileChange::Conflict { revision: target.revision, profile: None });
    }
    if let Some(conflict) = conflict(into, &target, base_revision) {
        return Ok(conflict);
    }
    let index = match source {
        Some(_) => records.index_of(absorbed)?,
        None => Vec::new(), // what an expired record has left
    };

    for (session_id, ended_at) in index {
        records.put_index_entry(into, &session_id, ended_at)?;
    }
    for (session_id, session) in sessions {
        let document = with_owner(&session.document, into);
        records.replace_session(&session_id, &SessionRecord { user_id: into.clone(), document, ..session })?;
    }
    records.hand_numbers_over(absorbed, into)?;
    records.remove_user(absorbed)?;
    let source = source.unwrap_or_default();
    let joined = UserRecord {
        profile: Some(document.to_owned()),
        calls: target.calls.saturating_add(source.calls),
        last_call_at: target.last_call_at.max(source.last_call_at),
        ..target
    };
    put_profile(records, into, joined)
}

/// Removes all that is a user's and remembers that they are erased.
pub(crate) fn erase(records: &mut impl DirectoryRecords, now: u64, user: &UserId) -> Result<Erased, MemoryError> {
    let mut erased = Erased {
        numbers: rules::to_u64(records.numbers_of(user)?.len()),
        profiles: u64::from(records.user(user)?.is_some()),
        ..Erased::default()
    };
    let indexed = records.index_of(user)?.into_iter().map(|(session_id, _)| session_id);
    let mut markers = Vec::new();
    for session_id in indexed.chain(records.sessions_of(user)?).collect::<BTreeSet<_>>() {
        match records.session(&session_id)? {
            Some(session) if session.user_id != *user => continue, // another one's, whatever the index says
            Some(_) => erased.sessions += 1,
            None => (),
        }
        erased.markers += u64::from(records.marker(&session_id)?.is_some());
        markers.push(session_id);
    }

    records.put_gone(user, rules::expiry(now, Some(ERASED_FOR)))?;
    records.remove_user(user)?;
    for session_id in markers {
        records.remove_marker(&session_id)?;
    }
    Ok(erased)
}

/// Those of `users` who were erased.
pub(crate) fn erased_among(records: &impl Records, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
    let mut erased = Vec::new();
    for user in users {
        if records.is_gone(user)? {
            erased.push(user.clone());
        }
    }
    Ok(erased)
}

/// The record of a user who is there and not erased.
fn present(records: &impl Records, user: &UserId) -> Result<Option<UserRecord>, MemoryError> {
    if records.is_gone(user)? { Ok(None) } else { records.user(user) }
}

/// Why a profile must not be changed from `base_revision`, if it must not.
fn conflict(user: &UserId, stored: &UserRecord, base_revision: u64) -> Option<ProfileChange> {
    let profile = rules::readable_profile(user, stored);
    let free = profile.is_some() && stored.revision == base_revision;
    (!free).then_some(ProfileChange::Conflict { revision: stored.revision, profile })
}

/// Writes a record with a changed profile; its TTL goes on.
fn put_profile(
    records: &mut impl DirectoryRecords,
    user: &UserId,
    record: UserRecord,
) -> Result<ProfileChange, MemoryError> {
    let until = records.user_expires_at(user)?.unwrap_or(NEVER);
    let revision = record.revision + 1;
    records.put_user(user, &UserRecord { v: SCHEMA_VERSION, revision, ..record }, until)?;
    Ok(ProfileChange::Applied { revision })
}
