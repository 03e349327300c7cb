//! Memory that lasts as long as the process: for tests, and for trying Redial out with nothing installed.

mod directory;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;

use super::clock::{self, Clock, SWEEP_EVERY_MS};
use super::rules::{self, Marker, Records, SessionRecord, UserRecord, Writing};
use super::settings::StoreSettings;
use super::store::{Commit, Health, Known, MemoryError, Outcome, Store};

/// A [`Store`] in this process's memory. A restart forgets everybody.
///
/// It holds as many callers as call within the TTLs, and frees the expired ones hourly, along with an operation.
pub struct ProcessStore {
    settings: StoreSettings,
    clock: Clock,
    tables: Mutex<Tables>,
}

impl ProcessStore {
    /// An empty store.
    pub fn new(settings: StoreSettings) -> Self {
        Self::with_clock(settings, clock::system())
    }

    /// An empty store that tells the time by `clock`.
    pub fn with_clock(settings: StoreSettings, clock: Clock) -> Self {
        Self { settings, clock, tables: Mutex::default() }
    }

    /// Runs one operation as a whole: nobody else sees the tables meanwhile.
    fn transact<T>(&self, work: impl FnOnce(&mut View<'_>) -> Result<T, MemoryError>) -> Result<T, MemoryError> {
        let now = (self.clock)();
        let mut tables = lock(&self.tables);
        if now >= tables.next_sweep_at {
            tables.sweep(now);
        }
        work(&mut View { tables: &mut tables, now })
    }
}

#[async_trait]
impl Store for ProcessStore {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        self.transact(|view| rules::begin_call(view, &self.settings, view.now, caller))
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        let writing = Writing::prepare(commit)?;
        self.transact(|view| rules::commit(view, &self.settings, view.now, &writing))
    }

    async fn load_session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        self.transact(|view| rules::load_session(view, session_id))
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        let asked = Instant::now();
        drop(lock(&self.tables));
        Ok(Health { kind: "process", latency_ms: asked.elapsed().as_secs_f64() * 1000.0, findings: Vec::new() })
    }
}

/// No rule panics half-way through its writes, so the tables are whole even after a panic elsewhere.
fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Tables {
    phones: HashMap<PhoneHash, Expiring<UserId>>,
    users: HashMap<UserId, Expiring<UserRecord>>,
    /// Session ids by their end; lives and dies with `users`.
    index: HashMap<UserId, BTreeSet<(u64, SessionId)>>,
    sessions: HashMap<SessionId, Expiring<SessionRecord>>,
    markers: HashMap<SessionId, Expiring<Marker>>,
    gone: HashMap<UserId, Expiring<()>>,
    next_sweep_at: u64,
}

impl Tables {
    fn sweep(&mut self, now: u64) {
        self.phones.retain(|_, row| row.is_alive(now));
        self.users.retain(|_, row| row.is_alive(now));
        self.index.retain(|user, _| self.users.contains_key(user));
        self.sessions.retain(|_, row| row.is_alive(now));
        self.markers.retain(|_, row| row.is_alive(now));
        self.gone.retain(|_, row| row.is_alive(now));
        self.next_sweep_at = now.saturating_add(SWEEP_EVERY_MS);
    }
}

struct Expiring<T> {
    value: T,
    /// Unix ms.
    expires_at: u64,
}

impl<T> Expiring<T> {
    fn is_alive(&self, now: u64) -> bool {
        now < self.expires_at
    }

    fn alive(&self, now: u64) -> Option<&T> {
        self.is_alive(now).then_some(&self.value)
    }
}

/// The tables as of `now`.
struct View<'a> {
    tables: &'a mut Tables,
    now: u64,
}

impl Records for View<'_> {
    fn is_gone(&self, user: &UserId) -> Result<bool, MemoryError> {
        Ok(self.tables.gone.get(user).is_some_and(|row| row.is_alive(self.now)))
    }

    fn user_of(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        Ok(self.tables.phones.get(hash).and_then(|row| row.alive(self.now)).cloned())
    }

    fn put_mapping(&mut self, hash: &PhoneHash, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        self.tables.phones.insert(hash.clone(), Expiring { value: user.clone(), expires_at });
        Ok(())
    }

    fn user(&self, user: &UserId) -> Result<Option<UserRecord>, MemoryError> {
        Ok(self.tables.users.get(user).and_then(|row| row.alive(self.now)).cloned())
    }

    fn put_user(&mut self, user: &UserId, record: &UserRecord, expires_at: u64) -> Result<(), MemoryError> {
        self.tables.users.insert(user.clone(), Expiring { value: record.clone(), expires_at });
        Ok(())
    }

    fn keep_user(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        if let Some(row) = self.tables.users.get_mut(user) {
            row.expires_at = expires_at;
        }
        Ok(())
    }

    fn put_index_entry(&mut self, user: &UserId, session_id: &SessionId, ended_at: u64) -> Result<(), MemoryError> {
        let index = self.tables.index.entry(user.clone()).or_default();
        index.retain(|(_, known)| known != session_id);
        index.insert((ended_at, session_id.clone()));
        Ok(())
    }

    fn trim_index(&mut self, user: &UserId, keep: usize) -> Result<(), MemoryError> {
        let Tables { index, sessions, .. } = &mut *self.tables;
        let Some(index) = index.get_mut(user) else { return Ok(()) };
        let mut over = index.len().saturating_sub(keep);
        index.retain(|(_, session_id)| {
            let beyond = over > 0;
            over = over.saturating_sub(1);
            !beyond || sessions.get(session_id).is_some_and(|row| row.is_alive(self.now))
        });
        Ok(())
    }

    fn clear_index(&mut self, user: &UserId) -> Result<(), MemoryError> {
        self.tables.index.remove(user);
        Ok(())
    }

    fn session(&self, session_id: &SessionId) -> Result<Option<SessionRecord>, MemoryError> {
        Ok(self.tables.sessions.get(session_id).and_then(|row| row.alive(self.now)).cloned())
    }

    fn put_session(
        &mut self,
        session_id: &SessionId,
        record: &SessionRecord,
        expires_at: u64,
    ) -> Result<(), MemoryError> {
        self.tables.sessions.insert(session_id.clone(), Expiring { value: record.clone(), expires_at });
        Ok(())
    }

    fn marker(&self, session_id: &SessionId) -> Result<Option<Marker>, MemoryError> {
        Ok(self.tables.markers.get(session_id).and_then(|row| row.alive(self.now)).cloned())
    }

    fn put_marker(&mut self, session_id: &SessionId, marker: &Marker, expires_at: u64) -> Result<(), MemoryError> {
        self.tables.markers.insert(session_id.clone(), Expiring { value: marker.clone(), expires_at });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn ana() -> Caller {
        Caller { user_id: UserId::parse("u_ana").unwrap(), hash: Some(PhoneHash::parse("hash").unwrap()) }
    }

    #[tokio::test]
    async fn what_has_expired_takes_no_space() {
        let time = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&time);
        let settings = StoreSettings::default();
        let ttl_ms = settings.profile_ttl.unwrap().as_secs() * 1000;
        let store = ProcessStore::with_clock(settings, Arc::new(move || told.load(Ordering::SeqCst)));
        store.begin_call(&ana()).await.unwrap();
        assert_eq!(lock(&store.tables).phones.len(), 1);
        time.store(ttl_ms, Ordering::SeqCst);
        assert_eq!(store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);
        assert_eq!(lock(&store.tables).phones.len(), 0);
    }

    #[tokio::test]
    async fn an_erased_caller_comes_back_as_somebody_new() {
        let store = ProcessStore::new(StoreSettings::default());
        store.begin_call(&ana()).await.unwrap();
        lock(&store.tables).gone.insert(ana().user_id, Expiring { value: (), expires_at: rules::NEVER });
        let anew = store.begin_call(&ana()).await.unwrap();
        assert!(anew.created);
        assert_ne!(anew.user_id, ana().user_id);
        let again = store.begin_call(&ana()).await.unwrap();
        assert_eq!((again.created, again.user_id), (false, anew.user_id));
    }
}
