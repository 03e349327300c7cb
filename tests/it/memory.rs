//! The stores: one conformance suite over all of them, and what each must do on its own.

mod afterwards;
mod archive;
mod conformance;
mod directory;
mod expiry;
pub(crate) mod flips;
mod interleavings;
mod largest;
mod spool;
mod sqlite;
mod strangers;
mod summarizer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::merge_copies::merge_copies;
use redial_memory::model::{Episode, Message, Metadata, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::clock::Clock;
use redial_store::directory::Memory;
use redial_store::hang_up::{self, HangUp, Written};
use redial_store::process::ProcessStore;
use redial_store::redis::{Layout, RedisOptions, RedisStore};
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::{Commit, Known, Outcome, Store};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::cluster::RedisCluster;
use crate::support::indexed;
use crate::support::redis::RedisServer;

/// A store under test, and what it needs to live.
struct Bench {
    store: Arc<dyn Memory>,
    /// Unix ms. Only the local stores go by it.
    time: Arc<AtomicU64>,
    _directory: Option<TempDir>,
    _server: Option<RedisServer>,
    _cluster: Option<RedisCluster>,
}

impl Bench {
    fn process(settings: StoreSettings) -> Self {
        let (clock, time) = clock();
        Self::of(Arc::new(ProcessStore::with_clock(settings, clock)), time)
    }

    fn sqlite(settings: StoreSettings) -> Self {
        let (clock, time) = clock();
        let directory = TempDir::new().unwrap();
        let store = SqliteStore::open_with_clock(&file_in(&directory), settings, clock).unwrap();
        // The suite is about what is stored, on machines that may be busy with other tests.
        let store = store.begin_call_within(Duration::from_secs(20));
        Self { _directory: Some(directory), ..Self::of(Arc::new(store), time) }
    }

    async fn redis(settings: StoreSettings) -> Self {
        let (_, time) = clock();
        let server = RedisServer::start().await;
        let store = RedisStore::connect(&SecretString::from(server.url()), settings).unwrap();
        let store = store.begin_call_within(Duration::from_secs(20));
        store.health().await.unwrap();
        Self { _server: Some(server), ..Self::of(Arc::new(store), time) }
    }

    /// One server with the keys of a cluster.
    async fn tagged(settings: StoreSettings) -> Self {
        let (_, time) = clock();
        let server = RedisServer::start().await;
        let options = RedisOptions { layout: Some(Layout::Tagged), ..RedisOptions::default() };
        let store = RedisStore::connect_with(&SecretString::from(server.url()), settings, options).unwrap();
        let store = store.begin_call_within(Duration::from_secs(20));
        store.health().await.unwrap();
        Self { _server: Some(server), ..Self::of(Arc::new(store), time) }
    }

    async fn cluster(settings: StoreSettings) -> Self {
        let (_, time) = clock();
        let cluster = RedisCluster::start().await;
        let store = RedisStore::connect(&SecretString::from(cluster.url()), settings).unwrap();
        let store = store.begin_call_within(Duration::from_secs(20));
        store.health().await.unwrap();
        Self { _cluster: Some(cluster), ..Self::of(Arc::new(store), time) }
    }

    fn of(store: Arc<dyn Memory>, time: Arc<AtomicU64>) -> Self {
        Self { store, time, _directory: None, _server: None, _cluster: None }
    }

    async fn known(&self, caller: &Caller) -> Known {
        self.store.begin_call(caller).await.unwrap()
    }

    /// The sessions in the index of whom a call start has found, newest first.
    async fn indexed(&self, known: &Known) -> Vec<SessionId> {
        indexed(self.store.as_ref(), &known.user_id).await
    }

    /// A whole call: it begins, and its hang-up is written.
    async fn call(&self, caller: &Caller, sid: &str) -> Written {
        self.hang_up(caller, session(sid, caller, &["hello"], NOON)).await
    }

    /// Writes a session as the gateway does.
    async fn hang_up(&self, caller: &Caller, session: SessionDoc) -> Written {
        let known = self.known(caller).await;
        let hang_up = HangUp { caller: caller.clone(), session, base: Some((known.revision, known.profile)) };
        hang_up::write(self.store.as_ref(), hang_up, fold).await.unwrap().0
    }

    fn advance_ms(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }
}

/// 2026-01-05 12:00 UTC, the moment at which the tests begin.
const NOON: u64 = 1_767_614_400_000;

/// A clock that stands still until it is moved.
fn clock() -> (Clock, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(NOON));
    let told = Arc::clone(&time);
    (Arc::new(move || told.load(Ordering::SeqCst)), time)
}

fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join("data").join("memory.db")
}

/// Settings under which an index that is trimmed wrongly shows it soon.
fn settings() -> StoreSettings {
    StoreSettings { keep_sessions: 3, ..StoreSettings::default() }
}

pub(crate) fn caller(name: &str) -> Caller {
    Caller {
        user_id: UserId::parse(&format!("u_{name}")).unwrap(),
        hash: Some(PhoneHash::parse(&format!("hash-of-{name}")).unwrap()),
    }
}

fn withheld(name: &str) -> Caller {
    Caller { user_id: UserId::parse(&format!("anon_{name}")).unwrap(), hash: None }
}

/// A session in which the caller said `said`.
pub(crate) fn session(sid: &str, caller: &Caller, said: &[&str], ended_at: u64) -> SessionDoc {
    let turn = |(n, text): (usize, &&str)| Turn {
        id: TurnId(u32::try_from(n).unwrap()),
        role: Role::Caller,
        via: Via::Voice,
        text: (*text).to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts: Vec::new(),
        start_ms: 0,
        end_ms: 900,
    };
    SessionDoc {
        session_id: sid.parse().unwrap(),
        conversation_history: said.iter().enumerate().map(turn).map(|turn| Message { turn }).collect(),
        last_update: "2026-01-05T12:00:00.000Z".to_owned(),
        metadata: Metadata::default(),
        v: SCHEMA_VERSION,
        user_id: caller.user_id.as_str().to_owned(),
        started_at: ended_at.saturating_sub(60_000),
        ended_at,
        end_reason: "caller_hung_up".to_owned(),
    }
}

/// Adds the call to the profile, once.
pub(crate) fn fold(mut profile: Profile, session: &SessionDoc) -> Profile {
    if !profile.episodes.iter().any(|episode| episode.session_id == session.session_id) {
        profile.episodes.push(Episode {
            session_id: session.session_id.clone(),
            at: session.ended_at,
            s: "said hello".to_owned(),
            open: Vec::new(),
            topic: None,
        });
    }
    profile
}

/// What is known of a caller whose lookup failed.
fn unknown(caller: &Caller) -> Known {
    Known {
        user_id: caller.user_id.clone(),
        created: false,
        calls: 0,
        last_call_at: None,
        profile: Profile::default(),
        revision: 0,
    }
}

/// A commit of `session`, with the profile that was read in `base` folded.
pub(crate) fn commit(caller: &Caller, session: SessionDoc, base: &Known) -> Commit {
    Commit {
        caller: caller.clone(),
        user_id: base.user_id.clone(),
        profile: fold(base.profile.clone(), &session),
        session,
        base_revision: base.revision,
        replaces: None,
        number_has_moved: false,
    }
}

/// Writes a commit as another process would that knows nothing of this one's order, until it is done.
async fn settle(store: &dyn Store, mut commit: Commit) -> Outcome {
    loop {
        match store.commit_session(&commit).await.unwrap() {
            Outcome::Conflict { revision, profile } => {
                assert_ne!(revision, commit.base_revision);
                commit.profile = fold(profile, &commit.session);
                commit.base_revision = revision;
            }
            Outcome::Differs { stored, digest } => {
                commit.session = merge_copies(&commit.session, &stored.expect("no document expires in this test"));
                commit.replaces = Some(digest);
            }
            done => return done,
        }
    }
}

pub(crate) fn episodes(profile: &Profile) -> Vec<&str> {
    profile.episodes.iter().map(|episode| episode.session_id.as_str()).collect()
}

fn is_applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}
