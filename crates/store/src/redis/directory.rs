//! The operators' side of the Redis store.
//!
//! Keys are found by SCAN, some at a time, so that the server answers calls in between; never by KEYS, and never is
//! anything flushed. A script touches the keys of one user, or of one number, or of one session, so that they may lie on
//! different servers. What takes several steps is in an order in which it can be repeated after any of them.

mod erase;
mod figures;
mod hand_over;
mod merge_users;
mod repair;
mod scan;
mod server;
mod sessions;

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use redial_identity::{PhoneHash, UserId};
use redial_memory::model::{Profile, SCHEMA_VERSION};
use redial_memory::session_id::SessionId;
use redis::{Cmd, FromRedisValue};
use tokio::time::Instant;

pub use self::repair::{RepairError, RepairOutcome, Repaired};
use self::scan::Scan;
use super::advice::Trouble;
use super::answer::Answer;
use super::keys::Kind;
use super::reply::{self, ReadUser, Stored, UNREADABLE};
use super::script::{Invocation, Script};
use super::{RedisStore, mapped, profile_ttl_s, wrong_type};
use crate::directory::local::profile_document;
use crate::directory::{
    Directory, Erased, Figures, Listing, Page, ProfileChange, ServerReport, SessionEntry, UserEntry,
};
use crate::rules::MAX_PROFILE_DOCUMENT;
use crate::store::MemoryError;

/// Times that a change is tried while others change the same: more of them at once are no operators.
const MAX_TRIES: usize = 8;
/// Trips for one page of a listing: 100 000 keys are looked at, then a page is answered, however short.
const TRIPS_PER_PAGE: usize = 200;

static USER: LazyLock<Script> = LazyLock::new(|| Script::new("user", include_str!("user.lua")));
static CHANGE_PROFILE: LazyLock<Script> =
    LazyLock::new(|| Script::new("change_profile", include_str!("change_profile.lua")));
static ASSIGN: LazyLock<Script> = LazyLock::new(|| Script::new("assign", include_str!("assign.lua")));
static HAND_OVER: LazyLock<Script> = LazyLock::new(|| Script::new("hand_over", include_str!("hand_over.lua")));

/// What is found under a user id.
enum Found {
    User(Box<Read>),
    /// No profile; numbers and sessions may be there all the same.
    Nothing,
    Erased,
}

/// A user with a profile.
struct Read {
    stored: Stored,
    sessions: Vec<SessionId>,
    expires_in: Option<Duration>,
}

impl Read {
    /// The profile, unless this build cannot read it.
    fn profile(&self) -> Option<&Profile> {
        (self.stored.revision != UNREADABLE).then_some(&self.stored.profile)
    }

    fn conflict(&self) -> ProfileChange {
        ProfileChange::Conflict { revision: self.stored.revision, profile: self.profile().cloned() }
    }
}

#[async_trait]
impl Directory for RedisStore {
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        let key = self.keys.phone(hash);
        let text: Option<Vec<u8>> =
            self.command(redis::cmd("GET").arg(&key)).await.map_err(|e| self.failed(&key, e))?;
        text.map(|text| mapped(&text).ok_or_else(|| self.no_user_id(hash))).transpose()
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        let key = self.keys.phone(hash);
        let mut script = ASSIGN.with_keys([&key]);
        script.arg(user.map_or("", UserId::as_str)).arg(profile_ttl_s(&self.settings));
        let (status, text) = self.script(&script, reply::assigned).await?;
        match status {
            "ok" if text.is_empty() => Ok(None),
            "ok" => mapped(&text).map(Some).ok_or_else(|| self.no_user_id(hash)),
            "wrongtype" => Err(wrong_type(Some(key), &text)),
            _ => Err(self.no_user_id(hash)),
        }
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        let mut numbers = Vec::new();
        let mut scan = Scan::of(self, Kind::Phone);
        while let Some(keys) = scan.next().await? {
            if keys.is_empty() {
                continue;
            }
            // A key of another type is a nil here.
            let owners: Vec<Option<Vec<u8>>> = self.ask_for_all(redis::cmd("MGET").arg(&keys)).await?;
            for (key, owner) in keys.iter().zip(owners) {
                if owner.as_deref() == Some(user.as_str().as_bytes())
                    && let Some((_, hash)) = self.keys.kind(key)
                    && let Ok(hash) = PhoneHash::parse(hash)
                    && !numbers.contains(&hash)
                {
                    numbers.push(hash);
                }
            }
        }
        Ok(numbers)
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        let Found::User(read) = self.read_user(user).await? else { return Ok(None) };
        Ok(Some(UserEntry {
            user_id: user.clone(),
            profile: read.profile().cloned(),
            revision: read.stored.revision,
            calls: read.stored.calls,
            last_call_at: read.stored.last,
            sessions: read.sessions,
            expires_in: read.expires_in,
        }))
    }

    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError> {
        self.list(Kind::Profile, &page, |id| UserId::parse(id).ok()).await
    }

    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError> {
        self.list(Kind::Session, &page, |id| id.parse().ok()).await
    }

    async fn session_entry(&self, session_id: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        self.read_session_entry(session_id).await
    }

    async fn clear_session(&self, session_id: &SessionId) -> Result<bool, MemoryError> {
        self.remove_session(session_id).await
    }

    async fn change_profile(
        &self,
        user: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        let document = profile_document(profile)?;
        for _ in 0..MAX_TRIES {
            let Found::User(read) = self.read_user(user).await? else { return Ok(ProfileChange::Unknown) };
            if read.profile().is_none() || read.stored.revision != base_revision {
                return Ok(read.conflict());
            }
            let mut script = CHANGE_PROFILE.with_keys([self.keys.profile(user), self.keys.gone(user)]);
            script.arg(base_revision).arg(&document).arg(SCHEMA_VERSION);
            if let Some(revision) = self.script(&script, Answer::revision).await? {
                return Ok(ProfileChange::Applied { revision });
            }
        }
        Err(self.unsettled())
    }

    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        self.merge_users_in_steps(absorbed, into, base_revision, profile).await
    }

    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        self.erase_user(user).await
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        // A value of another type there is somebody else's, and no reason to forget anybody.
        let asked = users.iter().map(|user| {
            let mut kind = redis::cmd("TYPE");
            kind.arg(self.keys.gone(user));
            kind
        });
        let kinds: Vec<String> = self.each(asked).await?;
        let gone = kinds.iter().map(|kind| kind == "string");
        Ok(users.iter().zip(gone).filter(|(_, gone)| *gone).map(|(user, _)| user.clone()).collect())
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        self.count_all().await
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        self.clear_all().await
    }

    async fn server_report(&self) -> Result<Option<ServerReport>, MemoryError> {
        self.ask_the_server().await
    }
}

impl RedisStore {
    async fn read_user(&self, user: &UserId) -> Result<Found, MemoryError> {
        let keys = [self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)];
        let mut script = USER.with_keys(&keys);
        script.arg(MAX_PROFILE_DOCUMENT);
        let read = |answer| ReadUser::read(answer, keys.len());
        let ReadUser { said, profile, sessions, ttl_ms } = self.script(&script, read).await?;
        match said.status {
            "ok" | "large" => Ok(Found::User(Box::new(Read {
                stored: Stored::read(&profile, said.status == "large"),
                sessions: sessions.iter().step_by(2).filter_map(|session_id| session_id_in(session_id)).collect(),
                expires_in: u64::try_from(ttl_ms).ok().map(Duration::from_millis),
            }))),
            "none" => Ok(Found::Nothing),
            "erased" => Ok(Found::Erased),
            "wrongtype" => Err(wrong_type(said.key.and_then(|i| keys.into_iter().nth(i)), &said.text)),
            _ => Err(self.failed("", Trouble::NotRedis)), // the answer's reader knows no other
        }
    }

    /// A page is named by the cursor at which it begins.
    async fn list<T>(
        &self,
        kind: Kind,
        page: &Page,
        entry: impl Fn(&str) -> Option<T> + Send,
    ) -> Result<Listing<T>, MemoryError>
    where
        T: Send,
    {
        let mut scan = Scan::from(self, kind, page.after.as_deref())?;
        let mut entries = Vec::new();
        for _ in 0..TRIPS_PER_PAGE {
            let Some(keys) = scan.next().await? else { break };
            entries.extend(keys.iter().filter_map(|key| self.keys.kind(key)).filter_map(|(_, id)| entry(id)));
            if entries.len() >= page.limit.max(1) {
                break;
            }
        }
        Ok(Listing { entries, next: scan.position() })
    }

    /// Lets a number that leads to `from` lead to `to`, or to nobody; false when it leads elsewhere by now.
    async fn hand_over(&self, hash: &PhoneHash, from: &UserId, to: Option<&UserId>) -> Result<bool, MemoryError> {
        self.script(&self.handing_over(hash, from, to), Answer::yes).await
    }

    pub(super) fn handing_over(&self, hash: &PhoneHash, from: &UserId, to: Option<&UserId>) -> Invocation<'static> {
        let mut script = HAND_OVER.with_keys([self.keys.phone(hash)]);
        script.arg(from.as_str()).arg(to.map_or("", UserId::as_str));
        script
    }

    /// Runs a script; waits for the first connection.
    async fn script<T>(
        &self,
        script: &Invocation<'_>,
        read: impl FnOnce(Answer) -> Result<T, Trouble>,
    ) -> Result<T, MemoryError> {
        let until = Instant::now() + self.background;
        let failed = |trouble: Trouble| self.failed("", trouble);
        self.commit.live_or_first(until).await.map_err(failed)?;
        self.run(script, until).await.and_then(read).map_err(failed)
    }

    /// Runs a command; waits for the first connection.
    async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        let until = Instant::now() + self.background;
        self.commit.live_or_first(until).await?;
        self.ask(command, until).await
    }

    /// As [`RedisStore::command`], where no key can be of a wrong type.
    async fn ask_for_all<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, MemoryError> {
        self.command(command).await.map_err(|trouble| self.failed("", trouble))
    }
}

/// A session's id in an answer; somebody else may have put anything there.
fn session_id_in(text: &[u8]) -> Option<SessionId> {
    str::from_utf8(text).ok()?.parse().ok()
}
