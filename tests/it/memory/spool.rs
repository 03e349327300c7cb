//! Journal and outbox, over a store that does as it is told.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{LATEST_MS, Message, Metadata, Profile, SessionDoc};
use redial_store::archive::{Archive, ArchiveError};
use redial_store::directory::{
    Directory, Erased, Figures, Listing, Memory, Page, ProfileChange, SessionEntry, UserEntry,
};
use redial_store::mirror::{LiveCall, Mirror, Mirrored, Shown};
use redial_store::spool::{Deliverer, Entry, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use redial_store::{clock, resume};
use redial_supervision::jitter;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::disk::SmallDisk;

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
        let entry = (commit.user_id.as_str().to_owned(), commit.session.chat_id.clone());
        self.committed.lock().unwrap().push(entry);
        drop(self.answering.lock().await);
        Ok(Outcome::Applied { revision: 1 })
    }

    async fn load_session(&self, sid: &str) -> Result<Option<SessionDoc>, MemoryError> {
        Ok(self.sessions.lock().unwrap().iter().find(|session| session.chat_id == sid).cloned())
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

    async fn sessions(&self, _: Page) -> Result<Listing<String>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn session_entry(&self, _: &str) -> Result<Option<SessionEntry>, MemoryError> {
        Ok(None)
    }

    async fn clear_session(&self, _: &str) -> Result<bool, MemoryError> {
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
            start_ms,
            end_ms: start_ms + 500,
        },
    }
}

fn open_call(user: &str, sid: &str) -> OpenCall {
    let (sid, parameters, turns, summary) = (sid.to_owned(), Vec::new(), Vec::new(), String::new());
    OpenCall { sid, caller: caller(user), started_at: 1_763_690_000_000, parameters, turns, summary }
}

fn session(user: &str, sid: &str, turns: Vec<Message>) -> SessionDoc {
    SessionDoc {
        chat_id: sid.to_owned(),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_sessions_arrive_in_order_and_nobody_waits_for_another() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_stuck", away);
    let bed = Bed::open(dir.path(), &store);
    for n in 0..20 {
        for user in ["u_stuck", "u_free"] {
            drop(bed.spool.close(&caller(user), session(user, &format!("{user}.{n}"), Vec::new())));
        }
    }
    let expected = |user: &str| (0..20).map(|n| format!("{user}.{n}")).collect::<Vec<_>>();
    eventually("all of the free one's", async || store.of("u_free") == expected("u_free")).await;
    assert!(store.of("u_stuck").is_empty());
    store.heal("u_stuck");
    eventually("all of the stuck one's", async || store.of("u_stuck") == expected("u_stuck")).await;
    assert!(bed.spool.delivered(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_survives_the_process() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    {
        let spool = Bed::idle(dir.path());
        spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    }
    let _bed = Bed::open(dir.path(), &store);
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_gets_the_last_hour_again() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    eventually("the session arrives", async || store.of("u_a").len() == 1).await;
    store.server.send_replace(None);
    bed.spool.close(&caller("u_a"), session("u_a", "CA2", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(store.of("u_a").len(), 1, "nothing is sent while no server answers");
    store.server.send_replace(Some(ServerId("one".to_owned())));
    eventually("the same server gets what it misses", async || store.of("u_a") == ["CA1", "CA2"]).await;
    store.server.send_replace(Some(ServerId("two".to_owned())));
    eventually("another one gets all", async || store.of("u_a") == ["CA1", "CA2", "CA1", "CA2"]).await;
}

/// Long enough for whatever does not wait for anything.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_back_gets_at_once_what_waits() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    store.fail("u_a", away);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let waits = bed.spool.waiting(1).await.unwrap().remove(0);
    assert!(waits.tries > 9, "by now it is tried every 5 to 10 s: {}", waits.tries);
    store.server.send_replace(None);
    store.heal("u_a");
    a_moment().await;
    store.server.send_replace(Some(ServerId("one".to_owned())));
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_server_took_goes_to_the_present_one_as_well() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let answering = store.answering.lock().await;
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1"], "it is taken, and not yet answered");
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    drop(answering);
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1", "CA1"]);
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.delivered), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_kept_for_the_next_server_however_long_none_answers() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    store.server.send_replace(None);
    tokio::time::sleep(3 * HOUR).await;
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1", "CA1"]);
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(bed.spool.figures().await.unwrap().delivered, 1);
    tokio::time::sleep(HOUR).await;
    assert_eq!(bed.spool.figures().await.unwrap().delivered, 0, "the server that took it answers all the while");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_an_hour_neither_ends_the_window_nor_makes_it_longer() {
    const HOUR: Duration = Duration::from_secs(3600);
    for jump_ms in [3_600_000_i64, -3_600_000] {
        let (dir, store, skew) = (TempDir::new().unwrap(), Told::new(), Arc::new(AtomicI64::new(0)));
        let bed = Bed::deliver(Bed::spool_on(Bed::skewed_database(dir.path(), &skew), dir.path()), &store);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        a_moment().await;
        assert_eq!(store.of("u_a"), ["CA1"]);
        tokio::time::sleep(Duration::from_secs(30)).await;
        skew.fetch_add(jump_ms, Ordering::Relaxed);
        tokio::time::sleep(HOUR / 2).await;
        store.server.send_replace(Some(ServerId("two".to_owned())));
        a_moment().await;
        assert_eq!(store.of("u_a"), ["CA1", "CA1"], "after a jump of {jump_ms} ms");
        tokio::time::sleep(HOUR / 2).await;
        skew.fetch_add(-2 * jump_ms, Ordering::Relaxed);
        tokio::time::sleep(HOUR / 3).await;
        assert_eq!(bed.spool.figures().await.unwrap().delivered, 1, "after a jump of {jump_ms} ms");
        tokio::time::sleep(HOUR / 3).await;
        assert_eq!(bed.spool.figures().await.unwrap().delivered, 0, "after a jump of {jump_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_keeps_nothing_waiting_for_longer() {
    for jump_ms in [3_600_000_i64, -3_600_000] {
        let (dir, store, skew) = (TempDir::new().unwrap(), Told::new(), Arc::new(AtomicI64::new(0)));
        let bed = Bed::deliver(Bed::spool_on(Bed::skewed_database(dir.path(), &skew), dir.path()), &store);
        store.fail("u_a", away);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        // An erasure that is to wait for some seconds, and a delivery that is on its way.
        bed.spool.forget_later_elsewhere(&UserId::parse("u_b").unwrap(), Duration::from_secs(5)).await.unwrap();
        let answering = store.answering.lock().await;
        bed.spool.close(&caller("u_c"), session("u_c", "CA3", Vec::new())).await.unwrap();
        a_moment().await;
        skew.fetch_add(jump_ms, Ordering::Relaxed);
        drop(answering);
        store.heal("u_a");
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!((store.of("u_a"), store.of("u_c")), (vec!["CA1".to_owned()], vec!["CA3".to_owned()]));
        assert_eq!(*store.erased.lock().unwrap(), [UserId::parse("u_b").unwrap()]);
        assert_eq!(bed.spool.figures().await.unwrap().waiting, 0, "after a jump of {jump_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_too_large_once_keeps_what_is_delivered_later() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::deliver(Bed::spool_of(Bed::timed_database(dir.path()), dir.path(), 1_000_000), &store);
    store.server.send_replace(None);
    let words = "I need a plumber. ".repeat(1000);
    for n in 0..100 {
        let session = session("u_a", &format!("CA{n}"), vec![message(1, &words)]);
        bed.spool.close(&caller("u_a"), session).await.unwrap();
    }
    assert!(bed.spool.figures().await.unwrap().bytes > 1_000_000);
    store.server.send_replace(Some(ServerId("one".to_owned())));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!((store.of("u_a").len(), figures.delivered), (100, 0), "it is too large, so what is delivered goes");
    bed.spool.close(&caller("u_a"), session("u_a", "CA", vec![message(1, "Hello")])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!(figures.delivered, 1, "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn an_erasure_is_sent_again_although_it_was_heard_of_meanwhile() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let user = UserId::parse("u_a").unwrap();
    bed.spool.forget(&user).await.unwrap();
    a_moment().await;
    // A call that was on the line all the while, and is noted only now.
    bed.spool.begin(open_call("u_a", "CA1"));
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(bed.spool.figures().await.unwrap().open_calls, 0, "the store was asked who is erased");
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!(*store.erased.lock().unwrap(), [user.clone(), user]);
}

/// A call log in the spool's directory, noted and written.
async fn log_of(spool: &Spool, dir: &Path, user: &str, sid: &str) -> std::path::PathBuf {
    let file = dir.join("calls").join(format!("{sid}.ndjson"));
    std::fs::create_dir_all(dir.join("calls")).unwrap();
    std::fs::write(&file, "words").unwrap();
    spool.logged(sid, &caller(user));
    spool.held(&caller(user).user_id).await.unwrap();
    file
}

#[tokio::test(start_paused = true)]
async fn the_call_logs_of_a_caller_who_was_erased_elsewhere_go() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let log = log_of(&bed.spool, dir.path(), "u_a", "CA1").await;
    let others = log_of(&bed.spool, dir.path(), "u_b", "CA2").await;
    // What is there in its place cannot be deleted, at first.
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    store.erased.lock().unwrap().push(caller("u_a").user_id);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(bed.spool.held(&caller("u_a").user_id).await.unwrap().logs, ["CA1"]);
    std::fs::remove_dir(&log).unwrap();
    std::fs::write(&log, "words").unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!log.exists() && others.exists());
    assert!(bed.spool.held(&caller("u_a").user_id).await.unwrap().logs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_log_is_that_of_whose_call_it_turned_out_to_be() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    log_of(&bed.spool, dir.path(), "u_derived", "CA1").await;
    store.map("u_derived", "u_ana");
    bed.spool.close(&caller("u_derived"), session("u_derived", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(bed.spool.held(&caller("u_ana").user_id).await.unwrap().logs, ["CA1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_of_an_absorbed_user_is_the_other_ones() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let spool = Bed::idle(dir.path());
    let (ana, into) = (caller("u_ana").user_id, caller("u_into").user_id);
    spool.begin(open_call("u_ana", "CA1"));
    spool.turn("CA1", message(1, "Hello")).await.unwrap();
    spool.close(&caller("u_ana"), session("u_ana", "CA2", Vec::new())).await.unwrap();
    log_of(&spool, dir.path(), "u_ana", "CA2").await;
    spool.rename(&ana, &into).await.unwrap();
    let held = spool.held(&into).await.unwrap();
    assert_eq!((held.turns.len(), held.entries.len(), held.logs.len()), (1, 1, 1));
    assert_eq!(spool.held(&ana).await.unwrap(), redial_store::spool::Held::default());
    let _bed = Bed::deliver(spool, &store);
    eventually("it is delivered as the other one's", async || store.of("u_into") == ["CA2"]).await;
}

/// What is said by a caller who has everything deleted.
fn asks_to_be_forgotten() -> Vec<Message> {
    let asks_back = message(2, "I can do that. Shall I delete everything that is kept about you?").turn;
    let asks_back = Message { turn: Turn { role: Role::Agent, ..asks_back } };
    vec![message(1, "Please delete my data."), asks_back, message(3, "Yes, please.")]
}

#[tokio::test(start_paused = true)]
async fn a_caller_whom_the_lookup_missed_is_forgotten_as_whom_the_number_leads_to() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (derived, ana) = (caller("u_derived"), UserId::parse("u_ana").unwrap());
    store.owners.lock().unwrap().insert(derived.hash.clone().unwrap(), ana.clone());
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&derived, session("u_derived", "CA1", asks_to_be_forgotten())).await.unwrap();
    a_moment().await;
    let mut erased = store.erased.lock().unwrap().clone();
    erased.sort();
    assert_eq!(erased, [ana, derived.user_id]);
}

#[tokio::test(start_paused = true)]
async fn who_is_known_by_another_number_is_not_forgotten_with_the_caller() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (derived, bob) = (caller("u_derived"), UserId::parse("u_bob").unwrap());
    store.owners.lock().unwrap().extend([
        (derived.hash.clone().unwrap(), bob.clone()),
        (PhoneHash::parse("hanother").unwrap(), derived.user_id.clone()),
    ]);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&derived, session("u_derived", "CA1", asks_to_be_forgotten())).await.unwrap();
    a_moment().await;
    assert_eq!(*store.erased.lock().unwrap(), [bob]);
    assert!(bed.spool.held(&derived.user_id).await.unwrap().entries.is_empty(), "what was said is not kept");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_parted_from_its_user_stays_so_when_the_store_forgets_it_and_when_it_does_not() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (ana, other) = (caller("u_ana"), |id: &UserId| *id != caller("u_ana").user_id);
    let number = ana.hash.clone().unwrap();
    let leads_to = || store.owners.lock().unwrap().get(&number).cloned().unwrap();
    store.owners.lock().unwrap().insert(number.clone(), ana.user_id.clone());
    store.calls.lock().unwrap().insert(ana.user_id.clone(), 3);
    let bed = Bed::timed(dir.path(), &store);
    let said = vec![message(1, "That's not me."), message(2, "I have a cat.")];
    bed.spool.close(&ana, session("u_ana", "CA1", said)).await.unwrap();
    a_moment().await;
    let new = leads_to();
    assert!(other(&new));
    assert_eq!(store.of(new.as_str()), ["CA1"]);
    // Another server, from before the call.
    store.owners.lock().unwrap().insert(number.clone(), ana.user_id.clone());
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!((leads_to(), store.of(new.as_str()).len()), (new.clone(), 2));
    // One that has all of it.
    store.calls.lock().unwrap().insert(new.clone(), 1);
    store.server.send_replace(Some(ServerId("three".to_owned())));
    a_moment().await;
    assert_eq!((leads_to(), store.of(new.as_str()).len()), (new, 3));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_dies_keeps_nobody_else_waiting_and_is_tried_again() {
    fn dies() -> MemoryError {
        panic!("a delivery dies, as the test wants it");
    }
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", dies);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    bed.spool.close(&caller("u_b"), session("u_b", "CA2", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(store.of("u_b"), ["CA2"]);
    store.heal("u_a");
    a_moment().await;
    assert!(store.of("u_a").is_empty(), "not at once, as it would most likely die again");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(store.of("u_a"), ["CA1"]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_dies_each_time_is_put_aside() {
    fn dies() -> MemoryError {
        panic!("a delivery dies, as the test wants it");
    }
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", dies);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let dead = bed.spool.dead(10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.sid.as_str()).collect::<Vec<_>>(), ["CA1"]);
    assert!(dead[0].reason.contains("died"), "{}", dead[0].reason);
    assert!(bed.spool.waiting(1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_noticed_over_a_restart() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    {
        let bed = Bed::open(dir.path(), &store);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        assert!(bed.spool.delivered(Duration::from_secs(5)).await);
    }
    store.server.send_replace(Some(ServerId("two".to_owned())));
    let _bed = Bed::open(dir.path(), &store);
    // Both may do it, the one that is about to stop and the new one; the second time changes nothing.
    eventually("the session is sent again", async || store.of("u_a").len() >= 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_put_aside_and_can_be_tried_again() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", too_large);
    let bed = Bed::open(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    eventually("it is put aside", async || bed.spool.dead(10).await.unwrap().len() == 1).await;
    let dead = bed.spool.dead(10).await.unwrap().remove(0);
    assert_eq!((dead.sid.as_str(), dead.kind.as_str()), ("CA1", "session"));
    assert!(dead.reason.contains("too large"), "{}", dead.reason);
    store.heal("u_a");
    bed.spool.close(&caller("u_a"), session("u_a", "CA2", Vec::new())).await.unwrap();
    eventually("the queue goes on", async || store.of("u_a") == ["CA2"]).await;
    assert!(bed.spool.retry_dead(dead.seq).await.unwrap());
    eventually("it arrives", async || store.of("u_a") == ["CA2", "CA1"]).await;
    assert!(!bed.spool.retry_dead(dead.seq).await.unwrap(), "it is not there any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_instances_calls_are_finished_and_a_living_ones_are_not() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    dead.turn("CA1", message(1, "I need a plumber")).await.unwrap();
    let living = Bed::idle(dir.path());
    living.begin(open_call("u_b", "CA2"));
    living.turn("CA2", message(1, "Hello")).await.unwrap();
    drop(dead);
    let bed = Bed::open(dir.path(), &store);
    eventually("its writer has ended", async || !bed.spool.finish_orphans().await.unwrap().is_empty()).await;
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
    assert!(store.of("u_b").is_empty());
    assert_eq!(bed.spool.figures().await.unwrap().open_calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_somebody_else_asks_for_is_finished_all_the_same() {
    let dir = TempDir::new().unwrap();
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    dead.turn("CA1", message(1, "I need a plumber")).await.unwrap();
    drop(dead);
    let spool = Bed::idle(dir.path());
    assert_eq!(spool.resume("CA1", caller("u_b").hash.as_ref()).await.unwrap(), None);
    eventually("it is finished", async || spool.finish_orphans().await.unwrap() == ["CA1"]).await;
}

/// The sessions that wait, each with what was said in it.
async fn said(spool: &Spool) -> Vec<Vec<String>> {
    let waiting = spool.waiting(10).await.unwrap();
    let sessions = waiting.iter().map(|entry| serde_json::from_str::<SessionDoc>(&entry.body).unwrap());
    let said =
        |session: SessionDoc| session.conversation_history.into_iter().map(|message| message.turn.text).collect();
    sessions.map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_instance_has_of_a_call_is_kept_when_the_call_goes_on_without_it() {
    let dir = TempDir::new().unwrap();
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    for (id, text) in [(1, "Hello"), (2, "I need a plumber")] {
        dead.turn("CA1", message(id, text)).await.unwrap();
    }
    drop(dead);
    let (spool, later) = (Bed::idle(dir.path()), 1_763_690_009_000);
    spool.begin(OpenCall { started_at: later, ..open_call("u_a", "CA1") });
    let again = Message { turn: Turn { start_ms: 400, ..message(1, "A plumber, please").turn } };
    spool.turn("CA1", again.clone()).await.unwrap();
    let session = SessionDoc { started_at: later, ..session("u_a", "CA1", vec![again]) };
    spool.close(&caller("u_a"), session).await.unwrap();
    assert_eq!(said(&spool).await, [vec!["Hello", "I need a plumber"], vec!["A plumber, please"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_another_instance_has_taken_up_stays_open_there() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (Bed::idle(dir.path()), Bed::idle(dir.path()));
    one.begin(open_call("u_a", "CA1"));
    one.turn("CA1", message(1, "Hello")).await.unwrap();
    let taken_up = other.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    other.begin(taken_up);
    other.turn("CA1", message(2, "Are you there?")).await.unwrap();
    one.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    assert_eq!(other.figures().await.unwrap().open_calls, 1);
    other.turn("CA1", message(3, "A plumber, please")).await.unwrap();
    // Whatever whoever closes it knows of it.
    other.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    assert_eq!(said(&other).await, [vec!["Hello"], vec!["Hello", "Are you there?", "A plumber, please"]]);
}

/// Counts what it is offered.
#[derive(Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl Archive for Shelf {
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError> {
        self.0.lock().unwrap().push(session.chat_id.clone());
        Ok(())
    }

    async fn get(&self, _: &str) -> Result<Option<SessionDoc>, ArchiveError> {
        Ok(None)
    }

    async fn erase(&self, _: &UserId) -> Result<u64, ArchiveError> {
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn the_archive_is_offered_a_session_once_however_often_it_is_delivered() {
    let (dir, store, shelf) = (TempDir::new().unwrap(), Told::new(), Arc::new(Shelf::default()));
    let only = Sinks::only(Arc::clone(&store) as Arc<dyn Memory>, Arc::new(NoCalls));
    let sinks = Sinks { archive: Some(Arc::clone(&shelf) as _), ..only };
    let bed = Bed::deliver_to(Bed::spool_on(Bed::timed_database(dir.path()), dir.path()), sinks);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(*shelf.0.lock().unwrap(), ["CA1"]);
    for server in ["two", "three"] {
        store.server.send_replace(Some(ServerId(server.to_owned())));
        a_moment().await;
    }
    assert_eq!(store.of("u_a"), ["CA1", "CA1", "CA1"]);
    assert_eq!(*shelf.0.lock().unwrap(), ["CA1"]);
}

/// Notes which calls are over, and whose they were. Knows of others what it is told.
#[derive(Default)]
struct Ended(Mutex<Vec<(String, String)>>, Mutex<Option<Load>>);

type Load = fn() -> Result<Option<Mirrored>, MemoryError>;

#[async_trait]
impl Mirror for Ended {
    async fn begin(&self, _: &LiveCall, _: &[Message], _: u64) -> Shown {
        Shown::Ours
    }

    async fn turn(&self, _: &str, _: &str, _: &Message, _: u64) -> Shown {
        Shown::Ours
    }

    async fn load(&self, _: &str) -> Result<Option<Mirrored>, MemoryError> {
        let told = *self.1.lock().unwrap();
        told.map_or(Ok(None), |told| told())
    }

    async fn end(&self, sid: &str, instance: &str) {
        self.0.lock().unwrap().push((sid.to_owned(), instance.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_ends_with_the_call_of_the_instance_that_has_it() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Arc::new(Ended::default()));
    let (one, other) = (Bed::idle(dir.path()), Bed::idle(dir.path()));
    one.begin(open_call("u_a", "CA1"));
    one.turn("CA1", message(1, "Hello")).await.unwrap();
    let taken_up = other.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    other.begin(taken_up);
    other.turn("CA1", message(2, "Are you there?")).await.unwrap();
    let only = Sinks::only(Arc::clone(&store) as Arc<dyn Memory>, Arc::new(NoCalls));
    let sinks = Sinks { mirror: Some(Arc::clone(&mirror) as _), ..only };
    let [first, bed] = [one, other].map(|spool| Bed::deliver_to(spool, sinks.clone()));
    first.spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    eventually("the first copy arrives", async || bed.spool.figures().await.unwrap().delivered == 1).await;
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    assert!(bed.spool.delivered(Duration::from_secs(5)).await);
    let ended = mirror.0.lock().unwrap().clone();
    // Both may have delivered it.
    assert!(!ended.is_empty() && ended.iter().all(|(_, instance)| instance == bed.spool.instance()), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_mirrored_turns_is_taken_up_with_them() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let spool = Bed::idle(dir.path());
    *mirror.1.lock().unwrap() = Some(|| {
        let Caller { user_id, hash } = caller("u_a");
        let (session_id, instance, summary) = ("CA1".to_owned(), "other".to_owned(), "I need a plumber.".to_owned());
        let call = LiveCall { session_id, user_id, hash, started_at: 1, instance, summary };
        Ok(Some(Mirrored { call, messages: vec![message(80, "Tomorrow")], turns: 80 }))
    });
    let found = resume::find(&spool, store.as_ref(), Some(&mirror), "CA1", &caller("u_a")).await.unwrap().unwrap();
    assert_eq!((found.summary.as_str(), found.turns), ("I need a plumber.", vec![message(80, "Tomorrow")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_a_call_here_and_elsewhere_is_taken_up_together() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let (spool, ana) = (Bed::idle(dir.path()), caller("u_a"));
    // An earlier copy in the outbox, as it was when the call left this instance.
    let first = session("u_a", "CA1", vec![message(1, "Hello"), message(2, "I need a plumber")]);
    spool.close(&ana, first).await.unwrap();
    let found = async || {
        let found = resume::find(&spool, store.as_ref(), Some(&mirror), "CA1", &ana).await.unwrap().unwrap();
        (found.turns.iter().map(|message| message.turn.id.0).collect::<Vec<_>>(), found.summary)
    };
    let nothing = String::new();
    assert_eq!(found().await, (vec![1, 2], nothing.clone()));
    // What was said with another instance, which has died: the newest of it.
    *mirror.1.lock().unwrap() = Some(|| {
        let Caller { user_id, hash } = caller("u_a");
        let (session_id, instance, summary) = ("CA1".to_owned(), "other".to_owned(), "A plumber.".to_owned());
        let call = LiveCall { session_id, user_id, hash, started_at: 1_763_690_000_000, instance, summary };
        Ok(Some(Mirrored { call, messages: vec![message(2, "I need a plumber"), message(3, "On Friday")], turns: 3 }))
    });
    assert_eq!(found().await, (vec![1, 2, 3], nothing.clone()), "no summary, as all of it is there");
    // And what a third one has written when it let the call go.
    let third = session("u_a", "CA1", vec![message(1, "Hello"), message(4, "Or on Monday")]);
    store.sessions.lock().unwrap().push(third);
    store.owners.lock().unwrap().insert(ana.hash.clone().unwrap(), ana.user_id.clone());
    assert_eq!(found().await, (vec![1, 2, 3, 4], nothing));
    // Another caller's under the same id is not told, wherever it is.
    let bea = resume::find(&spool, store.as_ref(), Some(&mirror), "CA1", &caller("u_b")).await;
    assert_eq!(bea.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_that_two_instances_have_given_one_number_are_both_kept() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    let later = |id, text| Message { turn: Turn { start_ms: 90_000, ..message(id, text).turn } };
    let turns = vec![message(1, "Hello"), message(2, "I need a plumber"), later(2, "On Friday")];
    spool.begin(OpenCall { turns, ..open_call("u_a", "CA1") });
    // A longer version of one of them, and a new turn.
    spool.turn("CA1", message(2, "I need a plumber, please")).await.unwrap();
    spool.turn("CA1", later(3, "Goodbye")).await.unwrap();
    let found = spool.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    let words: Vec<_> = found.turns.iter().map(|message| message.turn.text.as_str()).collect();
    assert_eq!(words, ["Hello", "I need a plumber, please", "On Friday", "Goodbye"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_cannot_be_read_keeps_nobody_from_the_finished_sessions() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let (spool, ana) = (Bed::idle(dir.path()), caller("u_a"));
    *mirror.1.lock().unwrap() = Some(|| Err(away()));
    let asked = async || resume::find(&spool, store.as_ref(), Some(&mirror), "CA1", &ana).await;
    assert!(matches!(asked().await, Err(MemoryError::Unavailable { .. })));
    store.sessions.lock().unwrap().push(session("u_a", "CA1", vec![message(1, "Hello")]));
    assert_eq!(asked().await.unwrap().unwrap().turns, [message(1, "Hello")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_taken_up_by_its_caller_only() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    drop(spool.turn("CA1", message(1, "I need a plumber")));
    let hash = caller("u_a").hash;
    let found = spool.resume("CA1", hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns, [message(1, "I need a plumber")]);
    assert_eq!(found.started_at, 1_763_690_000_000);
    assert_eq!(spool.resume("CA1", caller("u_b").hash.as_ref()).await.unwrap(), None);
    assert_eq!(spool.resume("CA1", None).await.unwrap(), None);
    assert_eq!(spool.resume("CA9", hash.as_ref()).await.unwrap(), None);
    spool.close(&caller("u_a"), session("u_a", "CA1", found.turns.clone())).await.unwrap();
    let again = spool.resume("CA1", hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(again.turns, found.turns, "a closed call is found in the outbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_reported_and_never_served() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    for id in 1..=3 {
        spool.turn("CA1", message(id, "I need a plumber")).await.unwrap();
    }
    spool.close(&caller("u_b"), session("u_b", "CA2", vec![message(1, "Hello")])).await.unwrap();
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    file.execute("UPDATE turn SET doc = replace(doc, 'plumber', 'Plumber') WHERE id = 2", []).unwrap();
    file.execute("UPDATE outbox SET body = replace(body, 'Hello', 'Jello')", []).unwrap();
    let found = spool.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.iter().map(|message| message.turn.id.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(spool.waiting(10).await.unwrap(), Vec::<Entry>::new());
    let mut dead: Vec<_> = spool.dead(10).await.unwrap().into_iter().map(|dead| (dead.kind, dead.sid)).collect();
    dead.sort();
    assert_eq!(dead, [("session".to_owned(), "CA2".to_owned()), ("turn".to_owned(), "CA1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let store = Told::new();
    let bed = Bed::open(disk.path(), &store);
    bed.spool.begin(open_call("u_a", "CA1"));
    bed.spool.turn("CA1", message(1, "before")).await.unwrap();
    disk.fill();
    let words = "meanwhile ".repeat(300);
    let mut acks: Vec<_> = (2..50).map(|id| bed.spool.turn("CA1", message(id, &words))).collect();
    eventually("the journal is degraded", async || bed.spool.is_degraded()).await;
    assert!(acks[47].try_recv().is_err(), "nothing is acknowledged that is not on the disk");
    disk.free();
    for ack in acks {
        tokio::time::timeout(Duration::from_secs(10), ack).await.expect("the disk is tried again").unwrap();
    }
    assert!(!bed.spool.is_degraded());
    let found = bed.spool.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.len(), 49);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", found.turns)).await.unwrap();
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_another_process_keeps_the_file_locked() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn("CA1", message(1, "before")).await.unwrap();
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ack = spool.turn("CA1", message(2, "meanwhile"));
    eventually("the journal is degraded", async || spool.is_degraded()).await;
    other.execute_batch("COMMIT").unwrap();
    tokio::time::timeout(Duration::from_secs(10), ack).await.expect("the file is tried again").unwrap();
    let found = spool.resume("CA1", caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_does_not_take_goes_to_the_store_as_it_would_from_there() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stored = bed.spool.deliver_at_once(caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")]));
    tokio::time::timeout(Duration::from_secs(10), stored).await.expect("no disk is needed").unwrap();
    assert_eq!(store.of("u_a"), ["CA1"]);
    // Who asks to be forgotten is not written down for it.
    let forgotten = bed.spool.deliver_at_once(caller("u_b"), session("u_b", "CA2", asks_to_be_forgotten()));
    other.execute_batch("COMMIT").unwrap();
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("the disk takes it").unwrap();
    eventually("they are erased", async || store.erased.lock().unwrap().len() == 1).await;
    assert!(store.of("u_b").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_forgotten_caller_stays() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn("CA1", message(1, "xylophone lessons")).await.unwrap();
    spool.close(&caller("u_a"), session("u_a", "CA2", vec![message(1, "xylophone repair")])).await.unwrap();
    spool.close(&caller("u_b"), session("u_b", "CA3", vec![message(1, "a trumpet")])).await.unwrap();
    let forgotten = spool.forget(&UserId::parse("u_a").unwrap()).await.unwrap();
    assert_eq!((forgotten.calls, forgotten.turns, forgotten.entries), (1, 1, 1));
    // What is still under way for this user finds nothing to be added to.
    spool.turn("CA1", message(2, "xylophone mallets")).await.unwrap();
    spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(2, "xylophone mallets")])).await.unwrap();
    for file in ["redial.sqlite", "redial.sqlite-wal"] {
        let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("xylophone"), "{file}");
    }
    let waiting: Vec<_> = spool.waiting(10).await.unwrap().into_iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(waiting, ["session", "erase", "erase_archived"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_never_takes_is_put_aside_alone_and_nothing_waits_behind_it() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    // All of it in one batch: the disk takes nothing for a while, and that is waited for.
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    bed.spool.begin(open_call("u_a", "CA0"));
    eventually("the journal is degraded", async || bed.spool.is_degraded()).await;
    let mut acks = Vec::new();
    for n in 1..=9 {
        let (user, sid) = (format!("u_{n}"), format!("CA{n}"));
        // As a mirror that has lost its mind would have it.
        let started_at = match n {
            4 => (1 << 63) + 5,
            6 => LATEST_MS + 1, // the file would take it, and nobody could read it
            _ => 1_763_690_000_000,
        };
        bed.spool.begin(OpenCall { started_at, turns: vec![message(1, "Hello")], ..open_call(&user, &sid) });
        acks.push(bed.spool.turn(&sid, message(2, "I need a plumber")));
    }
    acks.push(bed.spool.close(&caller("u_0"), session("u_0", "CA10", vec![message(1, "Hello")])));
    other.execute_batch("COMMIT").unwrap();
    for ack in acks {
        tokio::time::timeout(Duration::from_secs(20), ack).await.expect("nobody waits for the offender").unwrap();
    }
    assert!(!bed.spool.is_degraded(), "the disk is as it should be");
    eventually("an unrelated session arrives", async || store.of("u_0") == ["CA10"]).await;
    for n in [1, 2, 3, 5, 7, 8, 9] {
        let found = bed.spool.resume(&format!("CA{n}"), caller(&format!("u_{n}")).hash.as_ref()).await.unwrap();
        assert_eq!(found.map(|call| call.turns.len()), Some(2), "CA{n}");
    }
    let dead = bed.spool.dead(10).await.unwrap();
    let aside: Vec<_> =
        dead.iter().map(|dead| (dead.kind.as_str(), dead.sid.as_str(), dead.user_id.as_str())).collect();
    assert_eq!(aside, [("call", "CA4", "u_4"), ("call", "CA6", "u_6")]);
    assert!(
        dead.iter().all(|dead| dead.body.contains("Hello") && dead.reason.contains("report it, then drop it")),
        "{dead:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_time_is_beyond_the_calendar_takes_nobody_along() {
    let dir = TempDir::new().unwrap();
    {
        let dead = Bed::idle(dir.path());
        for sid in ["CA1", "CA2"] {
            dead.begin(open_call("u_a", sid));
            dead.turn(sid, message(1, "I need a plumber")).await.unwrap();
        }
    }
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    let doc = r#"{"role":"user","content":"Beyond","id":2,"start_ms":9,"end_ms":9223372036854775813}"#;
    let crc = crc32fast::hash(doc.as_bytes());
    file.execute("INSERT INTO turn (sid, id, doc, crc) VALUES ('CA1', 2, ?1, ?2)", rusqlite::params![doc, crc])
        .unwrap();
    drop(file);
    let spool = Bed::idle(dir.path());
    let mut finished = Vec::new();
    eventually("both are finished", async || {
        finished.extend(spool.finish_orphans().await.unwrap());
        finished.len() == 2
    })
    .await;
    assert_eq!(said(&spool).await, [vec!["I need a plumber"], vec!["I need a plumber"]]);
    let dead = spool.dead(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].kind.as_str(), dead[0].body.as_str()), (1, "turn", doc));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_no_text_fail_no_look_at_all_others() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn("CA1", message(1, "Hello")).await.unwrap();
    for (user, sid) in [("u_a", "CA2"), ("u_b", "CA3"), ("u_c", "CA4")] {
        spool.close(&caller(user), session(user, sid, vec![message(1, "Hello")])).await.unwrap();
        spool.logged(sid, &caller(user));
    }
    spool.held(&caller("u_a").user_id).await.unwrap();
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    for damage in [
        "UPDATE outbox SET uid = CAST(x'755fff' AS TEXT), tries = -1, next_at = -1 WHERE sid = 'CA3'",
        "UPDATE log SET uid = CAST(x'755fff' AS TEXT) WHERE sid = 'CA3'",
        "UPDATE log SET sid = CAST(x'ff' AS TEXT), uid = 'u_a' WHERE sid = 'CA4'",
        "INSERT INTO dead VALUES (-9, CAST(x'ff' AS TEXT), CAST(x'fe' AS TEXT), NULL, CAST(x'fd' AS TEXT),
                                  CAST(x'fc' AS TEXT), CAST(x'fb' AS TEXT), -1)",
    ] {
        file.execute(damage, []).unwrap();
    }
    let held = spool.held(&caller("u_a").user_id).await.unwrap();
    assert_eq!((held.turns.len(), held.entries.len(), held.logs), (1, 1, vec!["CA2".to_owned()]));
    assert_eq!(spool.waiting(10).await.unwrap().len(), 2);
    let dead = spool.dead(10).await.unwrap();
    let shown: Vec<_> = dead.iter().map(|dead| (dead.user_id.as_str(), dead.sid.as_str())).collect();
    assert_eq!(shown, [("hex:fe", "hex:fd"), ("hex:755fff", "CA3")]);
    assert!(spool.retry_dead(-9).await.is_err(), "nobody knows what it is");
    assert!(spool.drop_dead(-9).await.unwrap());
    let forgotten = spool.forget(&caller("u_a").user_id).await.unwrap();
    assert_eq!((forgotten.calls, forgotten.turns, forgotten.entries), (1, 1, 1));
}
