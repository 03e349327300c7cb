//! The operators' side of the store in plain memory.

use std::collections::HashMap;
use std::hash::Hash;

use async_trait::async_trait;
use redial_identity::{PhoneHash, UserId};
use redial_memory::model::Profile;
use redial_memory::session_id::SessionId;

use super::{Expiring, ProcessStore, Tables, View};
use crate::directory::local::{self, DirectoryRecords};
use crate::directory::{Directory, Erased, Figures, Listing, Page, ProfileChange, SessionEntry, UserEntry};
use crate::rules::{self, NEVER, SessionRecord};
use crate::store::MemoryError;

#[async_trait]
impl Directory for ProcessStore {
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        self.transact(|view| rules::Records::user_of(view, hash))
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        self.transact(|view| local::assign(view, &self.settings, view.now, hash, user))
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        self.transact(|view| view.numbers_of(user))
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        self.transact(|view| local::user(view, view.now, user))
    }

    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError> {
        self.transact(|view| local::users(view, &page))
    }

    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError> {
        self.transact(|view| local::sessions(view, &page))
    }

    async fn session_entry(&self, session_id: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        self.transact(|view| local::session_entry(view, view.now, session_id))
    }

    async fn clear_session(&self, session_id: &SessionId) -> Result<bool, MemoryError> {
        self.transact(|view| local::clear_session(view, session_id))
    }

    async fn change_profile(
        &self,
        user: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        let document = local::profile_document(profile)?;
        self.transact(|view| local::change_profile(view, user, base_revision, &document))
    }

    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        local::check_two(absorbed, into)?;
        let document = local::profile_document(profile)?;
        self.transact(|view| local::merge_users(view, absorbed, into, base_revision, &document))
    }

    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        self.transact(|view| local::erase(view, view.now, user))
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        self.transact(|view| local::erased_among(view, users))
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        self.transact(|view| Ok(view.figures(self.settings.profile_ttl.is_none())))
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        self.transact(|view| view.clear())
    }
}

impl View<'_> {
    fn figures(&self, users_are_kept: bool) -> Figures {
        let Tables { phones, users, sessions, markers, gone, .. } = &*self.tables;
        let of_users = if users_are_kept { 0 } else { kept(phones) + kept(users) };
        Figures {
            users: self.alive(users),
            numbers: self.alive(phones),
            sessions: self.alive(sessions),
            without_ttl: of_users + kept(sessions) + kept(markers) + kept(gone),
            bytes: None,
        }
    }

    fn alive<K, T>(&self, table: &HashMap<K, Expiring<T>>) -> u64 {
        rules::to_u64(table.values().filter(|row| row.is_alive(self.now)).count())
    }

    /// The first `limit` keys behind `after` whose rows are alive.
    fn keys_after<'a, K: Eq + Hash + Ord, T>(
        &self,
        table: &'a HashMap<K, Expiring<T>>,
        limit: usize,
        is_after: impl Fn(&K) -> bool,
    ) -> Vec<&'a K> {
        let mut keys: Vec<_> =
            table.iter().filter(|(key, row)| row.is_alive(self.now) && is_after(key)).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.truncate(limit);
        keys
    }
}

/// Rows that never expire.
fn kept<K, T>(table: &HashMap<K, Expiring<T>>) -> u64 {
    rules::to_u64(table.values().filter(|row| row.expires_at == NEVER).count())
}

impl DirectoryRecords for View<'_> {
    fn numbers_of(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        let theirs = self.tables.phones.iter().filter(|(_, row)| row.alive(self.now) == Some(user));
        Ok(theirs.map(|(hash, _)| hash.clone()).collect())
    }

    fn remove_mapping(&mut self, hash: &PhoneHash) -> Result<(), MemoryError> {
        self.tables.phones.remove(hash);
        Ok(())
    }

    fn hand_numbers_over(&mut self, from: &UserId, to: &UserId) -> Result<(), MemoryError> {
        for row in self.tables.phones.values_mut().filter(|row| row.value == *from) {
            row.value = to.clone();
        }
        Ok(())
    }

    fn user_expires_at(&self, user: &UserId) -> Result<Option<u64>, MemoryError> {
        Ok(self.tables.users.get(user).filter(|row| row.is_alive(self.now)).map(|row| row.expires_at))
    }

    fn index_of(&self, user: &UserId) -> Result<Vec<(SessionId, u64)>, MemoryError> {
        let newest_first = self.tables.index.get(user).into_iter().flatten().rev();
        Ok(newest_first.map(|(ended_at, session_id)| (session_id.clone(), *ended_at)).collect())
    }

    fn users_after(&self, after: &str, limit: usize) -> Result<Vec<UserId>, MemoryError> {
        let keys = self.keys_after(&self.tables.users, limit, |user| user.as_str() > after);
        Ok(keys.into_iter().cloned().collect())
    }

    fn sessions_after(&self, after: &str, limit: usize) -> Result<Vec<SessionId>, MemoryError> {
        let keys = self.keys_after(&self.tables.sessions, limit, |session_id| session_id.as_str() > after);
        Ok(keys.into_iter().cloned().collect())
    }

    fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
        let theirs = self.tables.sessions.iter().filter(|(_, row)| row.value.user_id == *user);
        Ok(theirs.map(|(session_id, _)| session_id.clone()).collect())
    }

    fn replace_session(&mut self, session_id: &SessionId, record: &SessionRecord) -> Result<(), MemoryError> {
        if let Some(row) = self.tables.sessions.get_mut(session_id) {
            row.value = record.clone();
        }
        Ok(())
    }

    fn session_expires_at(&self, session_id: &SessionId) -> Result<Option<u64>, MemoryError> {
        Ok(self.tables.sessions.get(session_id).filter(|row| row.is_alive(self.now)).map(|row| row.expires_at))
    }

    fn remove_session(&mut self, session_id: &SessionId) -> Result<(), MemoryError> {
        self.tables.sessions.remove(session_id);
        Ok(())
    }

    fn remove_index_entry(&mut self, user: &UserId, session_id: &SessionId) -> Result<(), MemoryError> {
        if let Some(index) = self.tables.index.get_mut(user) {
            index.retain(|(_, indexed)| indexed != session_id);
        }
        Ok(())
    }

    fn remove_marker(&mut self, session_id: &SessionId) -> Result<(), MemoryError> {
        self.tables.markers.remove(session_id);
        Ok(())
    }

    fn remove_user(&mut self, user: &UserId) -> Result<(), MemoryError> {
        let Tables { phones, users, index, sessions, .. } = &mut *self.tables;
        users.remove(user);
        index.remove(user);
        phones.retain(|_, row| row.value != *user);
        sessions.retain(|_, row| row.value.user_id != *user);
        Ok(())
    }

    fn put_gone(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        self.tables.gone.insert(user.clone(), Expiring { value: (), expires_at });
        Ok(())
    }

    fn clear(&mut self) -> Result<u64, MemoryError> {
        let Tables { phones, users, index, sessions, markers, .. } = &mut *self.tables;
        let indexed: usize = index.values().map(|ids| ids.len()).sum();
        let rows = phones.len() + users.len() + indexed + sessions.len() + markers.len();
        phones.clear();
        users.clear();
        index.clear();
        sessions.clear();
        markers.clear();
        Ok(rules::to_u64(rows))
    }
}
