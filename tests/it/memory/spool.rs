//! Journal and outbox, over a store that does as it is told.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redial::identity::{Caller, PhoneHash, UserId};
use redial::memory::clock;
use redial::memory::directory::{
    Directory, Erased, Figures, Listing, Memory, Page, ProfileChange, SessionEntry, UserEntry,
};
use redial::memory::jitter;
use redial::memory::model::{Message, Metadata, Profile, Session};
use redial::memory::spool::{Drain, Entry, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial::memory::sqlite::Database;
use redial::memory::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use redial_call::{Role, Turn, TurnId, Via};
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
        })
    }

    fn fail(&self, user: &str, error: fn() -> MemoryError) {
        self.fails.lock().unwrap().insert(user.to_owned(), error);
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
        let entry = (commit.user_id.as_str().to_owned(), commit.session.chat_id.clone());
        self.committed.lock().unwrap().push(entry);
        drop(self.answering.lock().await);
        Ok(Outcome::Applied { revision: 1 })
    }

    async fn load_session(&self, _: &str) -> Result<Option<Session>, MemoryError> {
        unreachable!("the outbox reads no session")
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

    async fn owner(&self, _: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn assign(&self, _: &PhoneHash, _: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn numbers(&self, _: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn user(&self, _: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        Ok(None) // an erasure asks whom it is about
    }

    async fn users(&self, _: Page) -> Result<Listing<UserId>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn sessions(&self, _: Page) -> Result<Listing<String>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn session_entry(&self, _: &str) -> Result<Option<SessionEntry>, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn clear_session(&self, _: &str) -> Result<bool, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn change_profile(&self, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
        unreachable!("{OPERATORS}")
    }

    async fn absorb(&self, _: &UserId, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
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
        jitter::repeatable(1);
        let began = tokio::time::Instant::now();
        let clock = Arc::new(move || 1_763_690_000_000 + began.elapsed().as_millis() as u64);
        let database = Database::open_inline(&dir.join("redial.sqlite"), clock, Duration::ZERO).unwrap();
        Self::deliver(Self::spool_on(database, dir), store)
    }

    fn deliver(spool: Arc<Spool>, store: &Arc<Told>) -> Self {
        let stop = CancellationToken::new();
        let sinks = Sinks::only(Arc::clone(store) as Arc<dyn Memory>, Arc::new(NoCalls));
        tokio::spawn(Drain::new(Arc::clone(&spool), sinks).run(stop.clone()));
        Self { spool, stop }
    }

    /// A spool that delivers nothing.
    fn idle(dir: &Path) -> Arc<Spool> {
        Self::spool_on(Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap(), dir)
    }

    fn spool_on(database: Database, dir: &Path) -> Arc<Spool> {
        let settings = SpoolSettings { per_second: 100_000, ..SpoolSettings::default() };
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
    let (parameters, turns) = (Vec::new(), Vec::new());
    OpenCall { sid: sid.to_owned(), caller: caller(user), started_at: 1_763_690_000_000, parameters, turns }
}

fn session(user: &str, sid: &str, turns: Vec<Message>) -> Session {
    Session {
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
