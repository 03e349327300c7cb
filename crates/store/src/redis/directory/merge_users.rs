//! Joining two users in Redis.
//!
//! Their keys may lie on different servers, so no script sees both. The order makes every step repeatable: the calls and
//! the index are copied first, and the target's profile remembers how many calls it has taken from that very profile;
//! numbers and sessions are moved one at a time; what was absorbed goes last, and only when all of it has been taken.
//! A join that was interrupted anywhere is finished by repeating it.

use std::sync::LazyLock;

use redial_identity::UserId;
use redial_memory::model::{Profile, SCHEMA_VERSION};
use uuid::Uuid;

use super::super::RedisStore;
use super::super::answer::Answer;
use super::super::reply::Taken;
use super::super::script::Script;
use super::{Directory as _, Found, MAX_TRIES};
use crate::directory::ProfileChange;
use crate::directory::local::{check_two, profile_document};
use crate::store::MemoryError;

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new("absorb_begin", include_str!("../absorb_begin.lua")));
static INTO: LazyLock<Script> = LazyLock::new(|| Script::new("absorb_into", include_str!("../absorb_into.lua")));
static END: LazyLock<Script> = LazyLock::new(|| Script::new("absorb_end", include_str!("../absorb_end.lua")));

impl RedisStore {
    pub(super) async fn merge_users_in_steps(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        check_two(absorbed, into)?;
        let document = profile_document(profile)?;
        let Found::User(target) = self.read_user(into).await? else { return Ok(ProfileChange::Unknown) };
        let there = match self.read_user(absorbed).await? {
            Found::Erased => return Ok(ProfileChange::Unknown),
            Found::User(source) if source.profile().is_none() => {
                return Ok(ProfileChange::Conflict { revision: target.stored.revision, profile: None });
            }
            Found::User(_) => true,
            Found::Nothing => {
                !self.numbers(absorbed).await?.is_empty() || !self.sessions_of(absorbed).await?.is_empty()
            }
        };
        if !there {
            // Nothing is left of them. Was it this very join that took it, and only its end is missing?
            let finished = self.forget_taken(absorbed, into).await?;
            let revision = target.stored.revision;
            return Ok(if finished { ProfileChange::Applied { revision } } else { ProfileChange::Unknown });
        }
        let moved_on = target.stored.revision != base_revision && !self.has_taken(absorbed, into).await?;
        if target.profile().is_none() || moved_on {
            return Ok(target.conflict());
        }

        let mut base = base_revision;
        for _ in 0..MAX_TRIES {
            let taken = self.begin_taking(absorbed).await?;
            let Some(revision) = self.take(absorbed, into, base, &document, &taken).await? else {
                return match self.read_user(into).await? {
                    Found::User(target) => Ok(target.conflict()),
                    Found::Nothing | Found::Erased => Ok(ProfileChange::Unknown),
                };
            };
            base = revision;
            self.hand_all_over(absorbed, into).await?;
            if self.end_taking(absorbed, &taken).await? {
                self.forget_taken(absorbed, into).await?;
                return self.unless_erased(into, revision).await;
            }
        }
        Err(self.unsettled())
    }

    async fn begin_taking(&self, absorbed: &UserId) -> Result<Taken, MemoryError> {
        let mut script = BEGIN.with_keys([self.keys.profile(absorbed), self.keys.sessions(absorbed)]);
        script.arg(Uuid::new_v4().simple().to_string());
        self.script(&script, Taken::read).await
    }

    /// Adds what is taken to the target. Answers its revision; `None` when its profile is not at `base` any more.
    async fn take(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base: u64,
        document: &str,
        taken: &Taken,
    ) -> Result<Option<u64>, MemoryError> {
        let mut script = INTO.with_keys([self.keys.profile(into), self.keys.sessions(into), self.keys.gone(into)]);
        script.arg(field(absorbed)).arg(&taken.mark).arg(taken.calls);
        script.arg(taken.last.map(|last| last.to_string()).unwrap_or_default());
        script.arg(base).arg(document).arg(SCHEMA_VERSION);
        for (session_id, ended_at) in &taken.index {
            script.arg(ended_at).arg(session_id);
        }
        self.script(&script, Answer::revision).await
    }

    async fn hand_all_over(&self, absorbed: &UserId, into: &UserId) -> Result<(), MemoryError> {
        for number in self.numbers(absorbed).await? {
            self.hand_over(&number, absorbed, Some(into)).await?;
        }
        self.hand_sessions_over(absorbed, into).await
    }

    /// True when nothing came since it was read, and so nothing is left.
    async fn end_taking(&self, absorbed: &UserId, taken: &Taken) -> Result<bool, MemoryError> {
        let mut script = END.with_keys([self.keys.profile(absorbed), self.keys.sessions(absorbed)]);
        script.arg(&taken.mark).arg(taken.calls).arg(taken.index.len());
        self.script(&script, Answer::yes).await
    }

    /// True when the target has taken calls of this very profile already: the join was interrupted.
    async fn has_taken(&self, absorbed: &UserId, into: &UserId) -> Result<bool, MemoryError> {
        let ask = async |user: &UserId, field: &str| {
            let key = self.keys.profile(user);
            let found: Result<Option<Vec<u8>>, _> = self.command(redis::cmd("HGET").arg(&key).arg(field)).await;
            found.map_err(|e| self.failed(&key, e))
        };
        let (mark, taken) = (ask(absorbed, "joining").await?, ask(into, &field(absorbed)).await?);
        // Somebody else may have put anything there.
        let by_mark = |taken: Vec<u8>| taken.split(|byte| *byte == b':').next().map(<[u8]>::to_vec);
        Ok(mark.is_some_and(|mark| taken.and_then(by_mark) == Some(mark)))
    }

    /// True when the target had taken something.
    async fn forget_taken(&self, absorbed: &UserId, into: &UserId) -> Result<bool, MemoryError> {
        let key = self.keys.profile(into);
        self.command(redis::cmd("HDEL").arg(&key).arg(field(absorbed))).await.map_err(|e| self.failed(&key, e))
    }

    /// Numbers and sessions that came to a user who was erased meanwhile go too.
    async fn unless_erased(&self, into: &UserId, revision: u64) -> Result<ProfileChange, MemoryError> {
        if let Found::Erased = self.read_user(into).await? {
            self.erase_user(into).await?;
            return Ok(ProfileChange::Unknown);
        }
        Ok(ProfileChange::Applied { revision })
    }
}

/// Where the target remembers what it has taken: `mark:calls`.
fn field(absorbed: &UserId) -> String {
    format!("absorbed:{}", absorbed.as_str())
}
