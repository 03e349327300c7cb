//! Erasing a user from Redis.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use redis::{Cmd, Script};

use super::super::advice::Trouble;
use super::super::keys::{Keys, Kind};
use super::super::{RedisStore, ttl_s, wrong_type};
use super::scan::{MirrorScan, Scan};
use super::{Directory as _, id};
use crate::identity::UserId;
use crate::memory::directory::{ERASED_FOR, Erased};
use crate::memory::store::MemoryError;

static ERASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../erase.lua")));

impl RedisStore {
    /// The marker first: from then on nothing is written for this user. The index last: an erasure that was interrupted
    /// finds there what is left to do. Numbers and sessions are looked for by what they hold, as the index is trimmed.
    pub(super) async fn erase_user(&self, user: &UserId) -> Result<Erased, MemoryError> {
        let (profiles, indexed) = self.mark_erased(user).await?;
        let mut erased = Erased { profiles, ..Erased::default() };
        for number in self.numbers(user).await? {
            erased.numbers += u64::from(self.hand_over(&number, user, None).await?);
        }

        let sessions = self.sessions_of(user).await?;
        let mut sids: BTreeSet<String> = sessions.iter().cloned().collect();
        let indexed: Vec<String> = indexed.into_iter().filter(|sid| !sids.contains(sid)).collect();
        // Still there and not this user's: another one's, whatever the index says.
        let others: Vec<bool> = self.each(indexed.iter().map(|sid| Cmd::exists(self.keys.session(sid)))).await?;
        sids.extend(indexed.into_iter().zip(others).filter(|(_, other)| !other).map(|(sid, _)| sid));

        let keys = |key: &dyn Fn(&String) -> String| sids.iter().map(key).collect::<Vec<_>>();
        let live = self.mirrors_of(user).await?;
        let mirrors: Vec<String> = sids.iter().chain(&live).flat_map(|sid| self.mirror_keys(sid)).collect();
        erased.mirrors = self.unlink(&mirrors).await?;
        erased.markers = self.unlink(&keys(&|sid| self.keys.done(sid))).await?;
        let documents: Vec<String> = sessions.iter().map(|sid| self.keys.session(sid)).collect();
        erased.sessions = self.unlink(&documents).await?;
        let mut aside = vec![Keys::aside(&self.keys.profile(user)), Keys::aside(&self.keys.sessions(user))];
        aside.extend(sids.iter().map(|sid| Keys::aside(&self.keys.session(sid))));
        self.unlink(&aside).await?;
        self.unlink(&[self.keys.sessions(user)]).await?;
        Ok(erased)
    }

    /// The ids of a user's live calls that are mirrored, whichever instance has them. Their hang-ups are still to come,
    /// so no index names them.
    async fn mirrors_of(&self, user: &UserId) -> Result<Vec<String>, MemoryError> {
        let mut sids = Vec::new();
        let mut scan = MirrorScan::new(self);
        while let Some(calls) = scan.next().await? {
            let owners: Vec<Option<Vec<u8>>> = self.each(calls.iter().map(|(key, _)| Cmd::hget(key, "uid"))).await?;
            for ((_, sid), owner) in calls.into_iter().zip(owners) {
                if owner.as_deref() == Some(user.as_str().as_bytes()) {
                    sids.push(sid);
                }
            }
        }
        Ok(sids)
    }

    /// Removes the profile and leaves the marker. Answers how many profiles that were, and the ids in the index.
    async fn mark_erased(&self, user: &UserId) -> Result<(u64, Vec<String>), MemoryError> {
        let keys = [self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)];
        let mut script = ERASE.prepare_invoke();
        for key in &keys {
            script.key(key);
        }
        script.arg(ttl_s(ERASED_FOR));
        let (status, text, number, sessions): (String, Vec<u8>, usize, Vec<Vec<u8>>) = self.script(&script).await?;
        match status.as_str() {
            "ok" => Ok((u64::from(number == 1), sessions.iter().filter_map(|sid| id(sid)).collect())),
            "wrongtype" => Err(wrong_type(number.checked_sub(1).and_then(|i| keys.into_iter().nth(i)), &text)),
            _ => Err(self.failed("", Trouble::NotRedis)),
        }
    }

    /// The ids of the sessions whose documents are a user's, in the index or not.
    pub(super) async fn sessions_of(&self, user: &UserId) -> Result<Vec<String>, MemoryError> {
        let mut sids = BTreeSet::new();
        let mut scan = Scan::of(self, Kind::Session);
        while let Some(keys) = scan.next().await? {
            let owners: Vec<Option<Vec<u8>>> = self.each(keys.iter().map(|key| Cmd::hget(key, "uid"))).await?;
            for (key, owner) in keys.iter().zip(owners) {
                if owner.as_deref() == Some(user.as_str().as_bytes())
                    && let Some((_, sid)) = self.keys.kind(key)
                {
                    sids.insert(sid.to_owned());
                }
            }
        }
        Ok(sids.into_iter().collect())
    }
}
