//! Two callers' memories never meet, whatever the order of calls, failures and operators' doings.
//!
//! Every caller says words that nobody else says. They are looked for in what others are answered and in what is stored
//! of others; and everywhere, once their speaker was erased.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::directory::{
    Directory, Erased, Figures, Listing, Memory, Page, ProfileChange, SessionEntry, UserEntry,
};
use redial_store::mirror::{LiveCall, Mirror};
use redial_store::process::ProcessStore;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Deliverer, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::{Database, SqliteStore};
use redial_store::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use redial_store::{clock, rekey, resume};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::indexed;
use crate::support::redis::RedisServer;

/// The first two may be linked by an operator, and are one from then on. The last one withholds the number.
const CALLERS: usize = 5;
const WITHHELD: usize = 4;
const LINKED: (usize, usize) = (0, 1);

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Up,
    /// Nothing reaches it.
    Down,
    /// It does what it is asked, and nobody hears of it.
    Mute,
}

impl Line {
    const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Mute];
}

/// A store behind a line that fails.
struct Flaky {
    inner: Arc<dyn Memory>,
    line: AtomicU8,
    server: watch::Sender<Option<ServerId>>,
    lives: AtomicU8,
}

impl Flaky {
    fn new(inner: Arc<dyn Memory>) -> Arc<Self> {
        let (server, _) = watch::channel(Some(ServerId("life 0".to_owned())));
        Arc::new(Self { inner, line: AtomicU8::new(0), server, lives: AtomicU8::new(0) })
    }

    fn line(&self) -> Line {
        Line::ALL[usize::from(self.line.load(Ordering::SeqCst))]
    }

    fn put(&self, line: Line) {
        self.line.store(line as u8, Ordering::SeqCst);
        let life = self.lives.load(Ordering::SeqCst);
        self.server.send_replace((line != Line::Down).then(|| ServerId(format!("life {life}"))));
    }

    /// Another server answers, so that what was delivered lately is sent again.
    fn change_server(&self) {
        self.lives.fetch_add(1, Ordering::SeqCst);
        self.put(self.line());
    }

    async fn ask<T>(&self, work: impl Future<Output = Result<T, MemoryError>> + Send) -> Result<T, MemoryError> {
        let away = || MemoryError::Unavailable { advice: "the line is down".to_owned(), source: None };
        match self.line() {
            Line::Up => work.await,
            Line::Down => Err(away()),
            Line::Mute => work.await.and(Err(away())),
        }
    }
}

#[async_trait]
impl Store for Flaky {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        self.ask(self.inner.begin_call(caller)).await
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        self.ask(self.inner.commit_session(commit)).await
    }

    async fn load_session(&self, sid: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        self.ask(self.inner.load_session(sid)).await
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        self.ask(self.inner.health()).await
    }

    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        self.server.subscribe()
    }
}

#[async_trait]
impl Directory for Flaky {
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        self.ask(self.inner.owner(hash)).await
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        self.ask(self.inner.assign(hash, user)).await
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        self.ask(self.inner.numbers(user)).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        self.ask(self.inner.user(user)).await
    }

    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError> {
        self.ask(self.inner.users(page)).await
    }

    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError> {
        self.ask(self.inner.sessions(page)).await
    }

    async fn change_profile(&self, user: &UserId, base: u64, to: &Profile) -> Result<ProfileChange, MemoryError> {
        self.ask(self.inner.change_profile(user, base, to)).await
    }

    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base: u64,
        to: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        self.ask(self.inner.merge_users(absorbed, into, base, to)).await
    }

    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        self.ask(self.inner.erase(user)).await
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        self.ask(self.inner.erased_among(users)).await
    }

    async fn session_entry(&self, sid: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        self.ask(self.inner.session_entry(sid)).await
    }

    async fn clear_session(&self, sid: &SessionId) -> Result<bool, MemoryError> {
        self.ask(self.inner.clear_session(sid)).await
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        self.ask(self.inner.figures()).await
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        self.ask(self.inner.clear()).await
    }
}

/// The gateway is not told that its callers were erased: what it still holds must not come back all the same.
struct Deaf;

impl LiveCalls for Deaf {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A call begins; the former one of the same caller, if it is still live, hangs up first.
    Call {
        who: usize,
    },
    /// A stream begins that claims to go on with the last call of `whose`, as the carrier would say.
    TakeUp {
        who: usize,
        whose: usize,
    },
    Speak {
        who: usize,
    },
    HangUp {
        who: usize,
    },
    Put(Line),
    ChangeServer,
    /// An operator says that the second caller's number is the first one's too.
    Link,
    Unlink {
        who: usize,
    },
    /// The number is known under an older hash only, as after a change of the pepper.
    Rekey {
        who: usize,
    },
    Erase {
        who: usize,
    },
    /// The gateway dies and another one takes over.
    Crash,
    /// Nobody has come back to the calls that a dead one has left.
    Finish,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..CALLERS;
    prop_oneof![
        6 => who.clone().prop_map(|who| Step::Call { who }),
        3 => (who.clone(), who.clone()).prop_map(|(who, whose)| Step::TakeUp { who, whose }),
        8 => who.clone().prop_map(|who| Step::Speak { who }),
        5 => who.clone().prop_map(|who| Step::HangUp { who }),
        2 => prop::sample::select(&Line::ALL[..]).prop_map(Step::Put),
        1 => Just(Step::ChangeServer),
        1 => Just(Step::Link),
        1 => who.clone().prop_map(|who| Step::Unlink { who }),
        1 => who.clone().prop_map(|who| Step::Rekey { who }),
        2 => who.prop_map(|who| Step::Erase { who }),
        1 => Just(Step::Crash),
        1 => Just(Step::Finish),
    ]
}

/// A live call, as its gateway holds it.
struct Live {
    sid: String,
    caller: Caller,
    messages: Vec<Message>,
}

/// A word that one caller has said.
struct Mark {
    word: String,
    who: usize,
    sid: String,
}

/// The journal and the outbox of one life of the gateway.
struct Life {
    spool: Arc<Spool>,
    stop: CancellationToken,
    delivering: JoinHandle<()>,
}

/// Which kind of store is under test.
enum Kind<'a> {
    Process,
    Sqlite,
    Redis(&'a RedisServer),
}

struct World<'a> {
    kind: Kind<'a>,
    dir: TempDir,
    database: Arc<Database>,
    store: Arc<Flaky>,
    mirror: Option<Arc<dyn Mirror>>,
    life: Life,
    live: [Option<Live>; CALLERS],
    last: [Option<String>; CALLERS],
    sids: BTreeSet<String>,
    marks: Vec<Mark>,
    /// Who was answered with which user id.
    users: BTreeMap<UserId, usize>,
    linked: bool,
    /// Words of callers who were erased since.
    erased: Vec<String>,
    /// The store has not heard of an erasure yet.
    owes_an_erasure: bool,
}

impl<'a> World<'a> {
    async fn new(kind: Kind<'a>) -> Self {
        let dir = TempDir::new().unwrap();
        let settings = StoreSettings::default();
        let database = Arc::new(match kind {
            Kind::Process => Database::open_in_memory(clock::system()).unwrap(),
            Kind::Sqlite | Kind::Redis(_) => {
                Database::open(&dir.path().join("redial.sqlite"), clock::system()).unwrap()
            }
        });
        let (store, mirror): (Arc<dyn Memory>, Option<Arc<dyn Mirror>>) = match &kind {
            Kind::Process => (Arc::new(ProcessStore::new(settings)), None),
            Kind::Sqlite => {
                let store = SqliteStore::on(Arc::clone(&database), settings);
                (Arc::new(store.begin_call_within(Duration::from_secs(20))), None)
            }
            Kind::Redis(server) => {
                let () = redis::cmd("FLUSHALL").query_async(&mut server.raw().await).await.unwrap();
                let store = RedisStore::connect(&server.url().into(), settings).unwrap();
                let store = Arc::new(store.begin_call_within(Duration::from_secs(20)));
                while store.health().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                (Arc::clone(&store) as Arc<dyn Memory>, Some(store))
            }
        };
        let store = Flaky::new(store);
        let locks = (!matches!(kind, Kind::Process)).then_some(&dir);
        let life = Self::begin_life(&database, locks, &store, mirror.clone());
        Self {
            kind,
            dir,
            database,
            store,
            mirror,
            life,
            live: [const { None }; CALLERS],
            last: [const { None }; CALLERS],
            sids: BTreeSet::new(),
            marks: Vec::new(),
            users: BTreeMap::new(),
            linked: false,
            erased: Vec::new(),
            owes_an_erasure: false,
        }
    }

    fn begin_life(
        database: &Arc<Database>,
        dir: Option<&TempDir>,
        store: &Arc<Flaky>,
        mirror: Option<Arc<dyn Mirror>>,
    ) -> Life {
        let settings = SpoolSettings { per_second: 100_000, ..SpoolSettings::default() };
        let spool = Arc::new(Spool::open(Arc::clone(database), dir.map(TempDir::path), settings).unwrap());
        let stop = CancellationToken::new();
        let sinks = Sinks { mirror, ..Sinks::only(Arc::clone(store) as Arc<dyn Memory>, Arc::new(Deaf)) };
        let delivering = tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
        Life { spool, stop, delivering }
    }

    fn caller(&self, who: usize) -> Caller {
        if who == WITHHELD {
            let user_id = UserId::parse(&format!("anon_{}", self.sids.len())).unwrap();
            return Caller { user_id, hash: None };
        }
        Caller { user_id: UserId::parse(&format!("u_{who}")).unwrap(), hash: Some(hash("now", who)) }
    }

    fn spool(&self) -> &Spool {
        &self.life.spool
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Call { who } => {
                self.hang_up(who).await;
                let sid = format!("CA{}", self.sids.len());
                self.begin(who, sid, None).await;
            }
            Step::TakeUp { who, whose } => {
                let Some(sid) = self.last[whose].clone() else { return };
                self.hang_up(who).await;
                // A stream of this call that is live gives way.
                for other in 0..CALLERS {
                    if self.live[other].as_ref().is_some_and(|live| live.sid == sid) {
                        self.hang_up(other).await;
                    }
                }
                let asks = self.caller(who);
                let mirror = self.mirror.as_deref().filter(|_| self.store.line() == Line::Up);
                // When it cannot be found out, the call goes on without its history.
                let found = resume::find(self.spool(), self.store.as_ref(), mirror, &sid.parse().unwrap(), &asks)
                    .await
                    .ok()
                    .flatten();
                if let Some(found) = &found {
                    self.check(&format!("{found:?}"), who, "a call that is taken up");
                }
                self.begin(who, sid, found).await;
            }
            Step::Speak { who } => self.speak(who).await,
            Step::HangUp { who } => self.hang_up(who).await,
            Step::Put(line) => self.put(line).await,
            Step::ChangeServer => self.store.change_server(),
            Step::Link => {
                let (one, other) = (hash("now", LINKED.0), hash("now", LINKED.1));
                if let Ok(Some(user)) = self.store.inner.owner(&one).await {
                    self.linked = true;
                    self.store.inner.assign(&other, Some(&user)).await.unwrap();
                }
            }
            Step::Unlink { who } if who != WITHHELD => {
                self.store.inner.assign(&hash("now", who), None).await.unwrap();
            }
            Step::Rekey { who } if who != WITHHELD => {
                if let Some(user) = self.store.inner.assign(&hash("now", who), None).await.unwrap() {
                    self.store.inner.assign(&hash("old", who), Some(&user)).await.unwrap();
                }
            }
            Step::Unlink { .. } | Step::Rekey { .. } => (),
            Step::Erase { who } => self.erase(who).await,
            Step::Crash => self.crash().await,
            Step::Finish => _ = self.spool().finish_orphans().await.unwrap(),
        }
    }

    async fn put(&mut self, line: Line) {
        if line != Line::Down && self.owes_an_erasure {
            // Until it is delivered, the store knows what it knew.
            self.settle().await;
            self.check_the_erased().await;
        }
        self.store.put(line);
        if line == Line::Down {
            // What is on its way still arrives.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the gateway does when a stream starts.
    async fn begin(&mut self, who: usize, sid: String, before: Option<OpenCall>) {
        let mut caller = before.as_ref().map_or_else(|| self.caller(who), |call| call.caller.clone());
        let messages = before.map(|call| call.turns).unwrap_or_default();
        let open = OpenCall {
            session_id: sid.clone().parse().unwrap(),
            caller: caller.clone(),
            started_at: 1_763_690_000_000,
            parameters: Vec::new(),
            turns: messages.clone(),
            summary: String::new(),
        };
        self.spool().begin(open);
        let older = if who == WITHHELD { Vec::new() } else { vec![hash("old", who)] };
        if let Ok(known) = rekey::begin_call_migrating(self.store.as_ref(), caller.clone(), &older).await {
            self.check(&format!("{known:?}"), who, "a call start");
            for sid in indexed(self.store.as_ref(), &known.user_id).await {
                let session = self.store.inner.load_session(&sid).await.unwrap();
                self.check(&format!("{session:?}"), who, "the list of recent sessions");
            }
            caller.user_id = known.user_id;
            self.spool().found(&sid.parse().unwrap(), &caller);
        }
        self.users.insert(caller.user_id.clone(), who);
        if let Some(mirror) = self.mirror.as_deref().filter(|_| self.store.line() != Line::Down) {
            let call = LiveCall {
                session_id: sid.clone().parse().unwrap(),
                user_id: caller.user_id.clone(),
                hash: caller.hash.clone(),
                started_at: 1_763_690_000_000,
                instance: self.spool().instance().to_owned(),
                summary: String::new(),
            };
            mirror.begin(&call, &messages, messages.len() as u64).await;
        }
        self.sids.insert(sid.clone());
        self.last[who] = Some(sid.clone());
        self.live[who] = Some(Live { sid, caller, messages });
    }

    async fn speak(&mut self, who: usize) {
        let word = word(self.marks.len());
        let Some(live) = &mut self.live[who] else { return };
        let id = u32::try_from(live.messages.len() + 1).unwrap();
        let message = Message {
            turn: Turn {
                id: TurnId(id),
                role: Role::Caller,
                via: Via::Voice,
                text: format!("My name is {word}. I need a plumber for {word}."),
                cut: String::new(),
                never_sent: String::new(),
                acts: Vec::new(),
                start_ms: u64::from(id) * 1000,
                end_ms: u64::from(id) * 1000 + 500,
            },
        };
        live.messages.push(message.clone());
        let sid = live.sid.clone();
        self.life.spool.turn(&sid.parse().unwrap(), message.clone()).await.unwrap();
        if let Some(mirror) = self.mirror.as_deref().filter(|_| self.store.line() != Line::Down) {
            mirror.turn(&sid.parse().unwrap(), self.spool().instance(), &message, u64::from(id)).await;
        }
        self.marks.push(Mark { word, who, sid });
    }

    async fn hang_up(&mut self, who: usize) {
        let Some(Live { sid, caller, messages }) = self.live[who].take() else { return };
        let ended_at = 1_763_690_060_000 + self.marks.len() as u64;
        let session = SessionDoc {
            session_id: sid.parse().unwrap(),
            conversation_history: messages,
            last_update: String::new(),
            metadata: Metadata::default(),
            v: SCHEMA_VERSION,
            user_id: caller.user_id.as_str().to_owned(),
            started_at: 1_763_690_000_000,
            ended_at,
            end_reason: "caller_hung_up".to_owned(),
        };
        self.spool().close(&caller, session).await.unwrap();
    }

    /// The gateway is gone, and the next one is there.
    async fn crash(&mut self) {
        self.live = [const { None }; CALLERS];
        self.life.stop.cancel();
        (&mut self.life.delivering).await.unwrap();
        let dir = (!matches!(self.kind, Kind::Process)).then_some(&self.dir);
        let life = Self::begin_life(&self.database, dir, &self.store, self.mirror.clone());
        // With its last handle the former life's lock goes.
        self.life = life;
    }

    /// Erases whoever the number belongs to, or as whom the caller is known while that cannot be asked.
    async fn erase(&mut self, who: usize) {
        if self.store.line() != Line::Down {
            self.settle().await;
        }
        let user = match (&self.live[who], self.store.inner.owner(&hash("now", who)).await.unwrap()) {
            (_, Some(owner)) if who != WITHHELD => owner,
            (Some(live), _) => live.caller.user_id.clone(),
            (None, _) => self.caller(who).user_id,
        };
        let theirs = self.homes(&user).await;
        let owner = self.users.get(&user).map(|who| self.group(*who));
        let words = self.marks.iter().filter(|mark| theirs.contains(&mark.sid) && owner == Some(self.group(mark.who)));
        self.erased.extend(words.map(|mark| mark.word.clone()).collect::<Vec<_>>());
        self.spool().forget(&user).await.unwrap();
        self.owes_an_erasure = true;
        if self.store.line() != Line::Down {
            self.settle().await;
            self.check_the_erased().await;
        }
    }

    /// The calls that are held as a user's, wherever they are.
    async fn homes(&self, user: &UserId) -> BTreeSet<String> {
        let mut theirs = BTreeSet::new();
        let (waiting, dead) = (self.spool().waiting(1000).await.unwrap(), self.spool().dead(1000).await.unwrap());
        for sid in &self.sids {
            let stored = self.store.inner.load_session(&sid.parse().unwrap()).await.unwrap();
            let live = self.live.iter().flatten().find(|live| live.sid == *sid).map(|live| live.caller.user_id.clone());
            let queued: Vec<UserId> = waiting
                .iter()
                .filter(|entry| entry.session_id.as_ref() == Some(&sid.parse().unwrap()))
                .map(|entry| entry.caller.user_id.clone())
                .collect();
            let mut homes = stored.iter().map(|session| session.user_id.clone()).collect::<BTreeSet<_>>();
            homes.extend(queued.iter().chain(&live).map(|user| user.as_str().to_owned()));
            homes.extend(dead.iter().filter(|dead| dead.session_id == *sid).map(|dead| dead.user_id.clone()));
            // Two copies may be two users' until they are delivered; then only one user's words are all to go.
            if homes.len() == 1 && homes.contains(user.as_str()) {
                theirs.insert(sid.clone());
            }
        }
        theirs
    }

    /// Heals the line and waits until everything is where it belongs.
    async fn settle(&mut self) {
        self.store.put(Line::Up);
        assert!(self.spool().delivered(Duration::from_secs(20)).await, "the outbox is stuck");
        self.owes_an_erasure = false;
    }

    /// Whoever may know what a caller has said: the caller, and whom an operator says they are.
    fn group(&self, who: usize) -> usize {
        if self.linked && who == LINKED.1 { LINKED.0 } else { who }
    }

    fn check(&self, text: &str, who: usize, place: &str) {
        let text = text.to_lowercase();
        for mark in self.marks.iter().filter(|mark| text.contains(&mark.word.to_lowercase())) {
            assert_eq!(
                self.group(mark.who),
                self.group(who),
                "{} of caller {} is told to {who} in {place}",
                mark.word,
                mark.who
            );
            assert!(!self.erased.contains(&mark.word), "{} was erased and is told in {place}", mark.word);
        }
    }

    /// What is stored of each user.
    async fn check_profiles(&self) {
        for (user, who) in &self.users {
            let entry = self.store.inner.user(user).await.unwrap();
            self.check(&format!("{entry:?}"), *who, "a profile");
        }
    }

    /// Every byte that is kept anywhere.
    async fn check_the_erased(&self) {
        let mut kept = Vec::new();
        for user in self.users.keys() {
            kept.push((format!("{user:?}"), format!("{:?}", self.store.inner.user(user).await.unwrap()).into_bytes()));
        }
        for sid in &self.sids {
            kept.push((
                sid.clone(),
                format!("{:?}", self.store.inner.load_session(&sid.parse().unwrap()).await.unwrap()).into_bytes(),
            ));
        }
        for file in ["redial.sqlite", "redial.sqlite-wal"] {
            kept.push((file.to_owned(), std::fs::read(self.dir.path().join(file)).unwrap_or_default()));
        }
        if let Kind::Redis(server) = &self.kind {
            kept.extend(server.everything().await);
        }
        for (place, bytes) in kept {
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            for word in &self.erased {
                assert!(!text.contains(&word.to_lowercase()), "{word} was erased and is in {place}");
            }
        }
    }

    async fn end(mut self) {
        for who in 0..CALLERS {
            self.hang_up(who).await;
        }
        self.spool().finish_orphans().await.unwrap();
        self.settle().await;
        self.check_profiles().await;
        for who in 0..CALLERS {
            let sid = format!("CA-last-{who}");
            self.begin(who, sid, None).await;
        }
        self.check_the_erased().await;
        self.life.stop.cancel();
    }
}

fn hash(when: &str, who: usize) -> PhoneHash {
    PhoneHash::parse(&format!("{when}-hash-{who}")).unwrap()
}

/// The `n`th name that nobody else has: all of one length, so that none is part of another.
fn word(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("Zq{}{}x", letter(n / 26), letter(n))
}

async fn run(kind: Kind<'_>, steps: Vec<Step>) {
    let mut world = World::new(kind).await;
    for step in steps {
        world.run(step).await;
        if world.store.line() == Line::Up {
            world.check_profiles().await;
        }
    }
    world.end().await;
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..40)
}

/// `STRANGERS=1000` for more histories than the 64 of a normal run.
fn cases() -> ProptestConfig {
    let cases = std::env::var("STRANGERS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

#[test]
fn callers_never_meet_in_this_process() {
    let runtime = runtime();
    proptest!(cases(), |(steps in steps())| runtime.block_on(run(Kind::Process, steps)));
}

#[test]
fn callers_never_meet_in_sqlite() {
    let runtime = runtime();
    proptest!(cases(), |(steps in steps())| runtime.block_on(run(Kind::Sqlite, steps)));
}

#[test]
fn callers_never_meet_in_redis() {
    let runtime = runtime();
    let server = runtime.block_on(RedisServer::start());
    proptest!(cases(), |(steps in steps())| runtime.block_on(run(Kind::Redis(&server), steps)));
}

/// What the properties have found once.
const FOUND: [&[Step]; 2] = [
    // The calls of a number that was linked meanwhile are another user's, and go with that one.
    &[
        Step::Call { who: 0 },
        Step::Call { who: 1 },
        Step::Speak { who: 1 },
        Step::Link,
        Step::HangUp { who: 1 },
        Step::Erase { who: 0 },
    ],
    // A stranger who claims a dead gateway's call is not told of it; nor when claiming it once more as the own one.
    &[
        Step::Call { who: 2 },
        Step::Speak { who: 2 },
        Step::Crash,
        Step::TakeUp { who: 3, whose: 2 },
        Step::Crash,
        Step::TakeUp { who: 3, whose: 3 },
    ],
];

#[test]
fn what_was_found_once_is_not_found_again() {
    let runtime = runtime();
    let server = runtime.block_on(RedisServer::start());
    for steps in FOUND {
        runtime.block_on(async {
            run(Kind::Process, steps.to_vec()).await;
            run(Kind::Sqlite, steps.to_vec()).await;
            run(Kind::Redis(&server), steps.to_vec()).await;
        });
    }
}

/// The search finds what is there: without it the properties above would hold of nothing.
#[test]
fn what_a_caller_said_is_found_in_their_own_memory() {
    runtime().block_on(async {
        let mut world = World::new(Kind::Sqlite).await;
        for step in [Step::Call { who: 2 }, Step::Speak { who: 2 }, Step::HangUp { who: 2 }] {
            world.run(step).await;
        }
        world.settle().await;
        let known = world.store.begin_call(&world.caller(2)).await.unwrap();
        assert!(format!("{:?}", known.profile).contains(&word(0)), "{:?}", known.profile);
        assert_eq!(world.homes(&known.user_id).await, BTreeSet::from(["CA0".to_owned()]));
        world.users.insert(known.user_id, 3);
        let met = tokio::spawn(async move { world.check_profiles().await }).await;
        assert!(met.is_err(), "a stranger who is told would not be noticed");
    });
}
