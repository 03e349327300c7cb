//! Journal and outbox, over a store that does as it is told.

mod disk;
mod instances;
mod order;
mod people;
mod servers;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::clock;
use redial_store::directory::{
    Directory, Erased, Figures, Listing, Memory, Page, ProfileChange, SessionEntry, UserEntry,
};
use redial_store::spool::{Deliverer, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use redial_supervision::jitter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A store that notes what it is given, in order, and fails for whom it is told to.
struct Told {
    server: watch::Sender<Option<ServerId>>,
    committed: Mutex<Vec<(String, String)>>,
    fails: Mutex<HashMap<String, fn() -> MemoryError>>,
    /// Whoever holds it keeps the answers to commits back.
    answering: tokio::sync::Mutex<()>,
    /// Who was erased here, in order.
    erased: Mutex<Vec<UserId>>,
    /// Whom a commit is told to go to instead.
    mapped: Mutex<HashMap<String, UserId>>,
    /// Who is known, and by how many calls.
    calls: Mutex<HashMap<UserId, u64>>,
    /// What is found of finished sessions.
    sessions: Mutex<Vec<SessionDoc>>,
    /// Whom numbers lead to.
    owners: Mutex<HashMap<PhoneHash, UserId>>,
}

impl Told {
    fn new() -> Arc<Self> {
        let (server, _) = watch::channel(Some(ServerId("one".to_owned())));
        Arc::new(Self {
            server,
            committed: Mutex::default(),
            fails: Mutex::default(),
            answering: tokio::sync::Mutex::default(),
            erased: Mutex::default(),
            mapped: Mutex::default(),
            calls: Mutex::default(),
            sessions: Mutex::default(),
            owners: Mutex::default(),
        })
    }

    fn fail(&self, user: &str, error: fn() -> MemoryError) {
        self.fails.lock().unwrap().insert(user.to_owned(), error);
    }

    /// Says of a user's numbers that they are another one's.
    fn map(&self, user: &str, owner: &str) {
        self.mapped.lock().unwrap().insert(user.to_owned(), UserId::parse(owner).unwrap());
    }

    fn heal(&self, user: &str) {
        self.fails.lock().unwrap().remove(user);
    }

    /// The sessions of a user, in the order in which they came.
    fn of(&self, user: &str) -> Vec<String> {
        let committed = self.committed.lock().unwrap();
        committed.iter().filter(|(uid, _)| uid == user).map(|(_, sid)| sid.clone()).collect()
    }
}

#[async_trait]
impl Store for Told {
    async fn begin_call(&self, _: &Caller) -> Result<Known, MemoryError> {
        unreachable!("the outbox starts no call")
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        tokio::task::yield_now().await;
        let fails = self.fails.lock().unwrap().get(commit.user_id.as_str()).copied();
        if let Some(error) = fails {
            return Err(error());
        }
        if let Some(user_id) = self.mapped.lock().unwrap().get(commit.user_id.as_str()).cloned() {
            return Ok(Outcome::Mapped { user_id });
        }
        let entry = (commit.user_id.as_str().to_owned(), commit.session.session_id.to_string());
        self.committed.lock().unwrap().push(entry);
        drop(self.answering.lock().await);
        Ok(Outcome::Applied { revision: 1 })
    }

    async fn load_session(&self, sid: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        Ok(self.sessions.lock().unwrap().iter().find(|session| session.session_id == *sid).cloned())
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        unreachable!("the outbox asks for nobody's health")
    }

    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        self.server.subscribe()
    }
}

const OPERATORS: &str = "the outbox asks nothing of this kind";

#[async_trait]
impl Directory for Told {
    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        self.committed.lock().unwrap().retain(|(uid, _)| uid != user.as_str());
        self.erased.lock().unwrap().push(user.clone());
        Ok(Erased::default())
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        let erased = self.erased.lock().unwrap();
        Ok(users.iter().filter(|user| erased.contains(user)).cloned().collect())
    }

    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        Ok(self.owners.lock().unwrap().get(hash).cloned())
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        let mut owners = self.owners.lock().unwrap();
        Ok(match user {
            Some(user) => owners.insert(hash.clone(), user.clone()),
            None => owners.remove(hash),
        })
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        let owners = self.owners.lock().unwrap();
        Ok(owners.iter().filter(|(_, owner)| *owner == user).map(|(hash, _)| hash.clone()).collect())
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        let calls = self.calls.lock().unwrap().get(user).copied();
        let (user_id, profile, sessions) = (user.clone(), Some(Profile::default()), Vec::new());
        let (revision, last_call_at, expires_in) = (1, None, None);
        Ok(calls.map(|calls| UserEntry { user_id, profile, revision, calls, last_call_at, sessions, expires_in }))
    }

    async fn users(&self, _: Page) -> Result<Listing<UserId>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn sessions(&self, _: Page) -> Result<Listing<SessionId>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn session_entry(&self, _: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        Ok(None)
    }

    async fn clear_session(&self, _: &SessionId) -> Result<bool, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn change_profile(&self, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn merge_users(&self, _: &UserId, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        unreachable!("{OPERATORS}")
    }
}

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

/// A spool in a directory, delivering to a store until it is dropped.
struct Bed {
    spool: Arc<Spool>,
    stop: CancellationToken,
}

impl Bed {
    fn open(dir: &Path, store: &Arc<Told>) -> Self {
        Self::deliver(Self::idle(dir), store)
    }

    /// On tokio's clock, which a test may have paused; with pauses that are the same at every run.
    fn timed(dir: &Path, store: &Arc<Told>) -> Self {
        Self::deliver(Self::spool_on(Self::timed_database(dir), dir), store)
    }

    fn timed_database(dir: &Path) -> Database {
        jitter::repeatable(1);
        let began = tokio::time::Instant::now();
        let clock = Arc::new(move || 1_763_690_000_000 + began.elapsed().as_millis() as u64);
        Database::open_inline(&dir.join("redial.sqlite"), clock, Duration::ZERO).unwrap()
    }

    /// The same, on a machine whose clock is off by so many ms.
    fn skewed_database(dir: &Path, skew: &Arc<AtomicI64>) -> Database {
        jitter::repeatable(1);
        let (began, skew) = (tokio::time::Instant::now(), Arc::clone(skew));
        let right = move || 1_763_690_000_000 + began.elapsed().as_millis() as u64;
        let clock = Arc::new(move || right().saturating_add_signed(skew.load(Ordering::Relaxed)));
        Database::open_inline(&dir.join("redial.sqlite"), clock, Duration::ZERO).unwrap()
    }

    fn deliver(spool: Arc<Spool>, store: &Arc<Told>) -> Self {
        Self::deliver_to(spool, Sinks::only(Arc::clone(store) as Arc<dyn Memory>, Arc::new(NoCalls)))
    }

    fn deliver_to(spool: Arc<Spool>, sinks: Sinks) -> Self {
        let stop = CancellationToken::new();
        tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
        Self { spool, stop }
    }

    /// A spool that delivers nothing.
    fn idle(dir: &Path) -> Arc<Spool> {
        Self::spool_on(Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap(), dir)
    }

    fn spool_on(database: Database, dir: &Path) -> Arc<Spool> {
        Self::spool_of(database, dir, SpoolSettings::default().max_bytes)
    }

    fn spool_of(database: Database, dir: &Path, max_bytes: u64) -> Arc<Spool> {
        let settings = SpoolSettings { per_second: 100_000, max_bytes, ..SpoolSettings::default() };
        Arc::new(Spool::open(Arc::new(database), Some(dir), settings).unwrap())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn caller(user: &str) -> Caller {
    Caller { user_id: UserId::parse(user).unwrap(), hash: Some(PhoneHash::parse(&format!("h{user}")).unwrap()) }
}

fn message(id: u32, text: &str) -> Message {
    let (cut, never_sent, start_ms) = (String::new(), String::new(), u64::from(id) * 1000);
    let text = text.to_owned();
    Message {
        turn: Turn {
            id: TurnId(id),
            role: Role::Caller,
            via: Via::Voice,
            text,
            cut,
            never_sent,
            acts: Vec::new(),
            start_ms,
            end_ms: start_ms + 500,
        },
    }
}

fn open_call(user: &str, sid: &str) -> OpenCall {
    let (sid, parameters, turns, summary) = (sid.to_owned(), Vec::new(), Vec::new(), String::new());
    OpenCall {
        session_id: sid.parse().unwrap(),
        caller: caller(user),
        started_at: 1_763_690_000_000,
        parameters,
        turns,
        summary,
    }
}

fn session(user: &str, sid: &str, turns: Vec<Message>) -> SessionDoc {
    SessionDoc {
        session_id: sid.parse().unwrap(),
        conversation_history: turns,
        last_update: String::new(),
        metadata: Metadata::default(),
        v: 1,
        user_id: user.to_owned(),
        started_at: 1_763_690_000_000,
        ended_at: 1_763_690_060_000,
        end_reason: "caller_hung_up".to_owned(),
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn away() -> MemoryError {
    MemoryError::Unavailable { advice: "start it".to_owned(), source: None }
}

fn too_large() -> MemoryError {
    MemoryError::Refused("the document is too large".to_owned())
}

/// Long enough for whatever does not wait for anything.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// The sessions that wait, each with what was said in it.
async fn said(spool: &Spool) -> Vec<Vec<String>> {
    let waiting = spool.waiting(10).await.unwrap();
    let sessions = waiting.iter().map(|entry| serde_json::from_str::<SessionDoc>(&entry.body).unwrap());
    let said =
        |session: SessionDoc| session.conversation_history.into_iter().map(|message| message.turn.text).collect();
    sessions.map(said).collect()
}

/// What is said by a caller who has everything deleted.
fn asks_to_be_forgotten() -> Vec<Message> {
    let asks_back = message(2, "I can do that. Shall I delete everything that is kept about you?").turn;
    let asks_back = Message { turn: Turn { role: Role::Agent, ..asks_back } };
    vec![message(1, "Please delete my data."), asks_back, message(3, "Yes, please.")]
}
