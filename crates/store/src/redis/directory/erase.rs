//! Erasing a user from Redis.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use redial_identity::UserId;
use redial_memory::session_id::SessionId;
use redis::Cmd;

use super::super::keys::{Keys, Kind};
use super::super::script::Script;
use super::super::{RedisStore, mapped, reply, ttl_s, wrong_type};
use super::scan::Scan;
use super::{Directory as _, session_id_in};
use crate::directory::{ERASED_FOR, Erased};
use crate::store::MemoryError;

static ERASE: LazyLock<Script> = LazyLock::new(|| Script::new("erase", include_str!("../erase.lua")));

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
        // Live calls are in no index; what is written of them from now on finds no call to be added to.
        let live = self.owned(Kind::Mirror, user).await?;
        let mut session_ids: BTreeSet<SessionId> = sessions.iter().cloned().collect();
        if self.keys.is_tagged() {
            session_ids.extend(self.placed_at(user).await?);
            session_ids.extend(self.sessions_in_slot_of(user, Kind::Done).await?);
        }
        let indexed: Vec<SessionId> =
            indexed.into_iter().filter(|session_id| !session_ids.contains(session_id)).collect();
        // Still there and not this user's: another one's, whatever the index says.
        let others: Vec<bool> =
            self.each(indexed.iter().map(|session_id| Cmd::exists(self.holder(user, session_id)))).await?;
        session_ids
            .extend(indexed.into_iter().zip(others).filter(|(_, other)| !other).map(|(session_id, _)| session_id));

        let keys = |key: &dyn Fn(&SessionId) -> String| session_ids.iter().map(key).collect::<Vec<_>>();
        let mirrors: Vec<String> =
            session_ids.iter().chain(&live).flat_map(|session_id| self.keys.mirrors(session_id)).collect();
        erased.mirrors = self.unlink(&mirrors).await?;
        erased.markers = self.unlink(&keys(&|session_id| self.keys.done(user, session_id))).await?;
        if self.keys.is_tagged() {
            self.unlink(&keys(&|session_id| self.keys.place(session_id))).await?;
        }
        let documents: Vec<String> = sessions.iter().map(|session_id| self.keys.session(user, session_id)).collect();
        erased.sessions = self.unlink(&documents).await?;
        let mut aside = vec![Keys::aside(&self.keys.profile(user)), Keys::aside(&self.keys.sessions(user))];
        aside.extend(session_ids.iter().map(|session_id| Keys::aside(&self.keys.session(user, session_id))));
        self.unlink(&aside).await?;
        self.unlink(&[self.keys.sessions(user)]).await?;
        Ok(erased)
    }

    /// The key by which a session that was not found as this user's is known to be there as another's.
    fn holder(&self, user: &UserId, session_id: &SessionId) -> String {
        if self.keys.is_tagged() { self.keys.place(session_id) } else { self.keys.session(user, session_id) }
    }

    /// Removes the profile and leaves the marker. Answers how many profiles that were, and the ids in the index.
    async fn mark_erased(&self, user: &UserId) -> Result<(u64, Vec<SessionId>), MemoryError> {
        let keys = [self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)];
        let mut script = ERASE.with_keys(&keys);
        script.arg(ttl_s(ERASED_FOR));
        let (said, there_was_one, sessions) = self.script(&script, |answer| reply::erased(answer, keys.len())).await?;
        match said.status {
            "ok" => Ok((
                u64::from(there_was_one),
                sessions.iter().filter_map(|session_id| session_id_in(session_id)).collect(),
            )),
            _ => Err(wrong_type(said.key.and_then(|i| keys.into_iter().nth(i)), &said.text)),
        }
    }

    /// The ids of the sessions whose documents are a user's, in the index or not.
    pub(super) async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
        if self.keys.is_tagged() {
            return self.sessions_in_slot_of(user, Kind::Session).await;
        }
        self.owned(Kind::Session, user).await
    }

    /// The ids in the keys of a kind whose hashes name a user as their owner.
    async fn owned(&self, kind: Kind, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
        let mut session_ids = BTreeSet::new();
        let mut scan = Scan::of(self, kind);
        while let Some(keys) = scan.next().await? {
            let owners: Vec<Option<Vec<u8>>> = self.each(keys.iter().map(|key| Cmd::hget(key, "uid"))).await?;
            for (key, owner) in keys.iter().zip(owners) {
                if owner.as_deref() == Some(user.as_str().as_bytes())
                    && let Some(session_id) = self.keys.session_in(key)
                {
                    session_ids.insert(session_id);
                }
            }
        }
        Ok(session_ids.into_iter().collect())
    }

    /// The ids of the sessions of which a user's slot has a key of this kind, in the tagged layout.
    pub(super) async fn sessions_in_slot_of(&self, user: &UserId, kind: Kind) -> Result<Vec<SessionId>, MemoryError> {
        let mut session_ids = BTreeSet::new();
        let mut scan = Scan::of_user(self, user);
        while let Some(keys) = scan.next().await? {
            let found = keys.iter().filter(|key| self.keys.kind(key).is_some_and(|(found, _)| found == kind));
            session_ids.extend(found.filter_map(|key| self.keys.session_in(key)));
        }
        Ok(session_ids.into_iter().collect())
    }

    /// The ids of the sessions whose place is in a user's slot, written or not.
    async fn placed_at(&self, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
        let mut session_ids = Vec::new();
        let mut scan = Scan::of(self, Kind::Place);
        while let Some(keys) = scan.next().await? {
            let places: Vec<Option<Vec<u8>>> = self.each(keys.iter().map(Cmd::get)).await?;
            for (key, place) in keys.iter().zip(places) {
                if place.and_then(|text| mapped(&text)).as_ref() == Some(user)
                    && let Some(session_id) = self.keys.session_in(key)
                {
                    session_ids.push(session_id);
                }
            }
        }
        Ok(session_ids)
    }
}
