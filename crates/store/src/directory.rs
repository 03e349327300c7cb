//! What operators may ask of a store: who is remembered, what is held of them, and to change, join, move or erase it.
//!
//! Nothing here is on a call's path; all of it has the background's patience of 5 s.

pub(super) mod local;

use std::time::Duration;

use async_trait::async_trait;
use redial_identity::{PhoneHash, UserId};
use redial_memory::model::Profile;
use redial_memory::session_id::SessionId;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{MemoryError, Store};

/// How long an erased user is remembered as such: 30 days, longer than a hang-up can lie in a journal or an outbox and
/// still be written. Until then no write brings the user back.
pub(super) const ERASED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// A store that answers calls and operators.
pub trait Memory: Store + Directory {}

impl<T: Store + Directory> Memory for T {}

/// The operators' side of a store. All operations are idempotent. None starts a TTL again, unless it says so.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The user that a number belongs to.
    ///
    /// # Errors
    /// As for all operations here: when the store cannot be reached, or holds something of another shape.
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError>;

    /// Makes a number belong to `user`, whoever it belonged to before; `None`: to nobody. Answers who it was before.
    /// Starts the mapping's TTL.
    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError>;

    /// The numbers of a user. May look at every number that is stored.
    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError>;

    /// What is held of a user; `None`: nothing.
    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError>;

    /// Users, a page at a time and in no order. One may be listed twice while others write, none is left out that is
    /// there all the time.
    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError>;

    /// Finished sessions whose documents live, listed like users.
    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError>;

    /// Whose a finished session is and how long its document lives; `None`: there is none.
    async fn session_entry(&self, session_id: &SessionId) -> Result<Option<SessionEntry>, MemoryError>;

    /// Deletes a finished session's document, its place in its user's index and its live mirror. False: there was no
    /// document. What the profile has taken in stays, and so does the commit marker: the same hang-up, should it be
    /// written again, does not bring the document back.
    async fn clear_session(&self, session_id: &SessionId) -> Result<bool, MemoryError>;

    /// Puts a profile in the place of the one at `base_revision`. Creates no user.
    async fn change_profile(
        &self,
        user: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError>;

    /// Joins two users who are one person: `absorbed`'s numbers, session index and count of calls go to `into`, whose
    /// profile becomes `profile` if it is still at `base_revision`; nothing else is left of `absorbed`. Repeated, it
    /// changes nothing.
    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError>;

    /// Erases a user: profile, index, numbers, sessions, markers, live mirrors. Leaves a marker for 30 days, so that a
    /// late hang-up does not bring them back.
    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError>;

    /// Those of `users` who were erased in the last 30 days.
    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError>;

    /// How much is held.
    async fn figures(&self) -> Result<Figures, MemoryError>;

    /// Deletes all that is ours, and nothing else. Answers how many keys or rows that were.
    async fn clear(&self) -> Result<u64, MemoryError>;

    /// What the store's server says of itself; `None` for a store without a server, or when it may not be asked.
    async fn server_report(&self) -> Result<Option<ServerReport>, MemoryError> {
        Ok(None)
    }
}

/// What is held of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEntry {
    /// Who.
    pub user_id: UserId,
    /// The profile; `None` when this build cannot read what is there.
    pub profile: Option<Profile>,
    /// The profile's revision.
    pub revision: u64,
    /// Finished calls.
    pub calls: u64,
    /// End of the last one, Unix ms.
    pub last_call_at: Option<u64>,
    /// Ids in the session index, newest first. Their documents may have expired.
    pub sessions: Vec<SessionId>,
    /// When the profile expires if nobody calls; `None`: never.
    pub expires_in: Option<Duration>,
}

/// A finished session, without its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// Its id.
    pub session_id: SessionId,
    /// Whose call it was.
    pub user_id: UserId,
    /// When the call ended, Unix ms.
    pub ended_at: u64,
    /// When the document expires; `None`: never.
    pub expires_in: Option<Duration>,
}

/// Which part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the page before answered as [`Listing::next`]; `None` for the first page.
    pub after: Option<String>,
    /// About how many entries; a page may have more or fewer.
    pub limit: usize,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries of this page.
    pub entries: Vec<T>,
    /// Names the next page; `None`: this was the last one.
    pub next: Option<String>,
}

/// What a change of a profile did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a write and moved at once")]
pub enum ProfileChange {
    /// It is written.
    Applied {
        /// The profile's new revision.
        revision: u64,
    },
    /// The profile has moved on, or cannot be read by this build; nothing changed.
    Conflict {
        /// Its present revision.
        revision: u64,
        /// As it is now; `None` when this build cannot read it.
        profile: Option<Profile>,
    },
    /// There is no such user, or not any more; nothing changed.
    Unknown,
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Numbers that led to the user.
    pub numbers: u64,
    /// Profiles: 0 or 1.
    pub profiles: u64,
    /// Finished sessions.
    pub sessions: u64,
    /// Commit markers.
    pub markers: u64,
    /// Live mirrors.
    pub mirrors: u64,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Users with a profile.
    pub users: u64,
    /// Numbers.
    pub numbers: u64,
    /// Finished sessions.
    pub sessions: u64,
    /// Keys or rows without a TTL that should have one.
    pub without_ttl: u64,
    /// Bytes that the store uses in all, as far as it says.
    pub bytes: Option<u64>,
}

/// What a store's server says of itself, as far as it matters to what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct ServerReport {
    /// What it is called: Redis, Valkey, KeyDB, Dragonfly.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// Bytes of memory in use.
    pub used_bytes: u64,
    /// Bytes of memory that it may use; 0: as many as there are.
    pub max_bytes: u64,
    /// What it does when these are used up: `noeviction`, `allkeys-lru` and the like.
    pub eviction_policy: String,
    /// Keys that it has thrown away for want of memory since it started.
    pub evicted_keys: u64,
    /// True when it writes an append-only file.
    pub append_only: bool,
    /// When its last snapshot was written, Unix time in s.
    pub last_snapshot_at: u64,
    /// Writes since that snapshot.
    pub writes_since_snapshot: u64,
}
