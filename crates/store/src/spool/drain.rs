//! The deliveries: what waits in the outbox is brought to the store, in order for each caller, until it has arrived.

use std::collections::{HashMap, hash_map};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redial_call::{Role, Turn};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::consent::{self, ConsentMode, Keep};
use redial_memory::model::{Choice, SessionDoc};
use redial_memory::summarizer::{Summarizer, SummaryError, SummaryRequest};
use redial_memory::{fold, improve};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::super::archive::{Archive, ArchiveError};
use super::super::directory::{Erased, Memory, ProfileChange};
use super::super::hang_up::{self, HangUp, Written};
use super::super::mirror::Mirror;
use super::super::sqlite::Rows;
use super::super::store::{Mark, MemoryError, ServerId, Store};
use super::super::erasure;
use super::outbox::{self, Entry, Kind, PAUSES, SUMMARY_PAUSES, Taker};
use super::{Finished, Forgotten, PATIENCE, Spool, journal, mark};

/// Deliveries at the same time, each of another lane.
const AT_ONCE: usize = 16;
/// Attempts to have one call summarised by a model, over about a quarter of an hour.
const SUMMARY_TRIES: u32 = 8;
/// How far deliveries may lag behind their rate and still make up for it.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How often it is looked whether something is due when nobody has said so.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often the outbox is swept and erasures elsewhere are looked for.
const CHORES_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the data directory is there, and whether the server has forgotten.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(2);
/// A mark that does not move is renewed this often, so that it never expires.
const MARK_AGAIN: Duration = Duration::from_secs(3600);
/// A clock that is off by less than this was not set: the disk was slow.
const JUMP_MS: u64 = 10_000;
/// How long an entry keeps its lane after its delivery could not be noted: the disk is full or slow, and the store need
/// not be asked again before that has a chance to change.
const AFTER_NOT_NOTED: Duration = Duration::from_secs(1);
/// How often a delivery may die before its entry is put aside: its caller's later calls wait behind it.
const DEATHS: u32 = 5;
/// How often it is said that deliveries wait.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Share of the file's greatest size at which an alarm is raised.
const ALARM_AT: f64 = 0.8;

/// Where entries go.
#[derive(Clone)]
pub struct Sinks {
    /// Sessions and erasures.
    pub store: Arc<dyn Memory>,
    /// Told when a call is over for good.
    pub mirror: Option<Arc<dyn Mirror>>,
    /// Offered each session once; `None`: there is none.
    pub archive: Option<Arc<dyn Archive>>,
    /// Improves what the rules remember of a call; `None`: the rules are all.
    pub summarizer: Option<Arc<dyn Summarizer>>,
    /// How callers agree to being remembered.
    pub consent: ConsentMode,
    /// The calls of this process.
    pub live: Arc<dyn LiveCalls>,
}

impl Sinks {
    /// A store and nothing beside it, with callers who agree by going on.
    pub fn only(store: Arc<dyn Memory>, live: Arc<dyn LiveCalls>) -> Self {
        Self { store, mirror: None, archive: None, summarizer: None, consent: ConsentMode::Announce, live }
    }
}

/// The calls of this process, as far as an erasure concerns them.
pub trait LiveCalls: Send + Sync {
    /// ErasureScope calls are live.
    fn users(&self) -> Vec<UserId>;
    /// Keeps nothing of this user's live calls.
    fn forget(&self, user: &UserId);
}

/// The task that delivers.
pub struct Deliverer {
    spool: Arc<Spool>,
    sinks: Sinks,
    /// Why deliveries wait, and when that was last said.
    said: Mutex<HashMap<String, Instant>>,
    /// Something was delivered since the mark last moved.
    has_news: AtomicBool,
    /// What the clock said at the last sweep, and when that was.
    clock: Arc<Mutex<Option<(u64, Instant)>>>,
}

impl Deliverer {
    /// Delivers from `spool`.
    pub fn new(spool: Arc<Spool>, sinks: Sinks) -> Self {
        Self { spool, sinks, said: Mutex::default(), has_news: AtomicBool::new(true), clock: Arc::default() }
    }

    /// Runs until it is stopped; deliveries under way are finished first.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        // Beside each other: no delivery waits for a chore that a silent server keeps.
        tokio::join!(this.deliver_all(&stop), this.deliver_disk_bypass(&stop), this.tend(&stop));
    }

    /// Delivers what the disk does not take. Beside the rest, which waits for the disk.
    async fn deliver_disk_bypass(self: &Arc<Self>, stop: &CancellationToken) {
        let mut queue = self.spool.disk_bypass.1.lock().await;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(finished) = queue.recv() => {
                    tokio::spawn(Arc::clone(self).carry_disk_bypass(finished));
                }
            }
        }
    }

    /// Tries until the store has the session, or nobody waits for it any more. What follows from a delivery is queued
    /// when the disk has taken the session and it is delivered once more.
    async fn carry_disk_bypass(self: Arc<Self>, finished: Finished) {
        let Finished { caller, session, mut stored } = finished;
        let mut backoff = PAUSES;
        let delivery = async {
            loop {
                match self.deliver_session(caller.clone(), session.clone(), Some(self.spool.instance())).await {
                    Ok(_) => return Ok(()),
                    Err(MemoryError::Unavailable { .. }) => {
                        sleep(backoff.failed()).await;
                    }
                    Err(final_error) => return Err(final_error),
                }
            }
        };
        let delivered = tokio::select! {
            delivered = delivery => delivered,
            () = stored.closed() => return,
        };
        match delivered {
            Ok(()) => _ = stored.send(()),
            Err(error) => error!(
                call.sid = session.chat_id,
                error = &error as &dyn Error,
                "the store does not take a finished call; it is held until the disk does"
            ),
        }
    }

    async fn deliver_all(self: &Arc<Self>, stop: &CancellationToken) {
        let mut server = Server::of(self.sinks.store.as_ref());
        let mut in_flight = InFlight::default();
        let mut deaths: HashMap<i64, u32> = HashMap::new();
        let mut slot = Instant::now();
        loop {
            let mut wake_at = Instant::now() + LOOK_EVERY;
            if let Some(present) = server.present() {
                match self.send_what_is_due(&present, &mut in_flight, &mut slot).await {
                    Ok(next) => {
                        server.is_back = false;
                        wake_at = next.map_or(wake_at, |next| wake_at.min(next));
                    }
                    Err(error) => {
                        warn!(error = &error as &dyn Error, "the outbox cannot be read; it is tried again");
                        wake_at = Instant::now() + Duration::from_secs(1);
                    }
                }
            }
            tokio::select! {
                biased; // repeatable in a simulation
                () = stop.cancelled() => break,
                died = in_flight.one_ended() => if let Some(seq) = died {
                    let times = deaths.entry(seq).or_default();
                    *times += 1;
                    if *times < DEATHS {
                        self.put_off(seq, PAUSES.pause_after(u32::MAX)).await;
                    } else {
                        deaths.remove(&seq);
                        self.dead_letter(seq).await;
                    }
                },
                () = server.changes() => (),
                () = self.spool.wake.notified() => (),
                () = sleep_until(wake_at) => (),
            }
        }
        in_flight.all_ended().await;
    }

    /// Looks around, sweeps, and looks for erasures elsewhere.
    async fn maintain(&self, stop: &CancellationToken) {
        let (mut chores_at, mut marked_at) = (Instant::now(), None);
        loop {
            if let Some(home) = &self.spool.home {
                home.look();
            }
            if Instant::now() >= chores_at {
                self.chores().await;
                chores_at = Instant::now() + CHORES_EVERY;
            }
            if let Err(error) = self.look_at_mark(&mut marked_at).await {
                debug!(error = &error as &dyn Error, "whether the store's server has forgotten cannot be found out");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(LOOK_AROUND_EVERY) => (),
            }
        }
    }

    /// Looks whether the mark at the server is as it was left, and moves it on after deliveries. `marked_at`: when it was
    /// last written.
    async fn look_at_mark(&self, marked_at: &mut Option<Instant>) -> Result<(), MemoryError> {
        let Some(ServerId(server)) = self.sinks.store.server().borrow().clone() else { return Ok(()) };
        // One that is another than before has been told all again, or is about to.
        let known = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let is_known = outbox::server(rows)?.is_none_or(|known| known == server);
                is_known.then(|| mark::read(rows)).transpose()
            })
            .await?;
        let Some(known) = known else { return Ok(()) };
        let found = self.sinks.store.mark(&known.name).await?;
        if found == Mark::None {
            return Ok(());
        }
        let has_forgotten = known.is_contradicted_by(found);
        if has_forgotten {
            // On the disk before the next mark hides it.
            let entries = self.spool.database.ask(PATIENCE, |rows| mark::forgotten(rows)).await?;
            let mark_is_there = found != Mark::Missing;
            warn!(entries, mark_is_there, "the store has forgotten: what was delivered lately is sent again");
            self.spool.wake.notify_one();
        }
        let is_old = marked_at.is_none_or(|at| at.elapsed() > MARK_AGAIN);
        if self.has_news.swap(false, Ordering::Relaxed) || has_forgotten || found == Mark::Missing || is_old {
            let next = known.next();
            let marked = async {
                self.sinks.store.set_mark(&known.name, next).await?;
                self.spool.database.ask(PATIENCE, move |rows| mark::is_at(rows, next)).await
            };
            if let Err(error) = marked.await {
                self.has_news.store(true, Ordering::Relaxed);
                return Err(error);
            }
            *marked_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Starts deliveries for all lanes that have something due, as far as there is room. Answers when to look again.
    async fn send_what_is_due(
        self: &Arc<Self>,
        server: &Present,
        in_flight: &mut InFlight,
        slot: &mut Instant,
    ) -> Result<Option<Instant>, MemoryError> {
        let room = AT_ONCE.saturating_sub(in_flight.count());
        if room == 0 {
            return Ok(None);
        }
        let (Present { id: ServerId(server), is_back }, limit) = (server.clone(), AT_ONCE + 1);
        let taking = server.clone();
        let (due, next, replayed, generation) = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let known = outbox::server(rows)?;
                let is_another = known.as_ref() != Some(&server);
                if is_another {
                    outbox::set_server(rows, &server)?;
                }
                if is_another || is_back {
                    outbox::make_due(rows)?;
                }
                let replayed = if is_another && known.is_some() { mark::forgotten(rows)? } else { 0 };
                let next = outbox::next_due(rows)?.map(|at| at.saturating_sub(rows.now));
                Ok((outbox::due(rows, limit)?, next, replayed, mark::generation(rows)?))
            })
            .await?;
        if replayed > 0 {
            info!(
                entries = replayed,
                "the store's server is another one than before: what was delivered lately is sent again"
            );
        }
        let mut next = next.map(|ms| Instant::now() + Duration::from_millis(ms));
        let due: Vec<Entry> = due.into_iter().filter(|entry| !in_flight.has(entry.seq)).take(room).collect();
        for entry in due {
            let now = Instant::now();
            if *slot > now {
                // Not faster than a returning server can bear.
                next = Some(next.map_or(*slot, |at| at.min(*slot)));
                break;
            }
            // Time that was spent on asking and waking up late is made up for, so that the rate is the one that is set.
            let due_at = now.checked_sub(CATCH_UP).map_or(now, |earliest| earliest.max(*slot));
            *slot = due_at + Duration::from_secs(1) / self.spool.settings.per_second.max(1);
            let taker = Taker { server: taking.clone(), generation };
            in_flight.start(entry.seq, Arc::clone(self).carry(entry, taker));
        }
        Ok(next)
    }

    /// Brings one entry to where it goes, and notes what became of it. `taker`: the server that answers as it starts.
    async fn carry(self: Arc<Self>, mut entry: Entry, taker: Taker) {
        let delivered = self.deliver(&mut entry).await;
        let noted = match delivered {
            Ok(follow_ups) => {
                self.has_news.store(true, Ordering::Relaxed);
                let keep = !self.spool.settings.replay.is_zero() && matches!(entry.kind, Kind::Session | Kind::Erase);
                // Another server meanwhile may not have it, and its replay has left out what was under way.
                let taker = keep.then_some(taker);
                self.spool
                    .database
                    .ask(PATIENCE, move |rows| outbox::delivered(rows, &entry, taker.as_ref(), &follow_ups))
                    .await
            }
            Err(failure @ MemoryError::Unavailable { .. })
                if entry.kind == Kind::Summary && entry.tries + 1 >= SUMMARY_TRIES =>
            {
                warn!(
                    call.sid = entry.sid,
                    error = &failure as &dyn Error,
                    "the summary stays the one that rules made"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| outbox::park(rows, seq, &reason)).await
            }
            Err(failure @ MemoryError::Unavailable { .. }) => {
                self.say_why(&entry, &failure);
                let pause = match entry.kind {
                    Kind::Summary => SUMMARY_PAUSES.pause_after(entry.tries),
                    Kind::Session | Kind::Erase | Kind::EraseNumber | Kind::Archive | Kind::EraseArchived => {
                        PAUSES.pause_after(entry.tries)
                    }
                };
                self.put_off(entry.seq, pause).await;
                return;
            }
            Err(failure @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => {
                metrics::counter!("redial_dead_letters_total").increment(1);
                error!(
                    call.sid = entry.sid,
                    kind = entry.kind.as_str(),
                    error = &failure as &dyn Error,
                    "a delivery is impossible and is put aside; see `redial memory dead`"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| outbox::park(rows, seq, &reason)).await
            }
        };
        self.check_noted(noted).await;
    }

    /// Notes a failed attempt; the next one is not before the pause is over.
    async fn put_off(&self, seq: i64, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let later = move |rows: &mut Rows<'_>| outbox::failed(rows, seq, rows.now.saturating_add(pause_ms));
        let noted = self.spool.database.ask(PATIENCE, later).await;
        self.check_noted(noted).await;
    }

    /// Puts an entry aside whose delivery dies whenever it is tried.
    async fn dead_letter(&self, seq: i64) {
        metrics::counter!("redial_dead_letters_total").increment(1);
        error!(seq, "a delivery dies each time and is put aside; see `redial memory dead`");
        let reason = "its delivery died each time; the log says of what: report it, and retry it after an upgrade";
        let noted = self.spool.database.ask(PATIENCE, move |rows| outbox::park(rows, seq, reason)).await;
        self.check_noted(noted).await;
    }

    async fn check_noted(&self, noted: Result<(), MemoryError>) {
        if let Err(error) = noted {
            // It is delivered again, which changes nothing.
            warn!(error = &error as &dyn Error, "what became of a delivery cannot be noted");
            sleep(AFTER_NOT_NOTED).await;
        }
    }

    /// Warns that deliveries wait, once a minute for each reason: they may be thousands.
    fn say_why(&self, entry: &Entry, failure: &MemoryError) {
        let (sid, kind, now) = (&entry.sid, entry.kind.as_str(), Instant::now());
        // Nobody panics while it is locked.
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.duration_since(*at) < SAY_AGAIN);
        match said.entry(failure.to_string()) {
            hash_map::Entry::Occupied(_) => debug!(
                call.sid = sid,
                kind,
                tries = entry.tries,
                error = failure as &dyn Error,
                "this one waits as well"
            ),
            hash_map::Entry::Vacant(first) => {
                warn!(call.sid = sid, kind, error = failure as &dyn Error, "a delivery waits");
                first.insert(now);
            }
        }
    }

    /// Delivers; what it answers is to be queued next. The entry becomes that of whose call it turned out to be.
    async fn deliver(&self, entry: &mut Entry) -> Result<Vec<Kind>, MemoryError> {
        match entry.kind {
            Kind::Session => {
                let session = session_of(entry)?;
                let may_be_kept = self.may_be_kept(&entry.caller, &session);
                let (written, owner) =
                    self.deliver_session(entry.caller.clone(), session, entry.instance.as_deref()).await?;
                // Who is erased later on is looked for under this name, here as well as there.
                entry.caller.user_id = owner;
                Ok(written.map(|written| self.follow_ups(entry, written, may_be_kept)).unwrap_or_default())
            }
            Kind::Summary => self.improve(&entry.caller.user_id, &session_of(entry)?).await.map(|()| Vec::new()),
            Kind::Erase => {
                let user = std::slice::from_ref(&entry.caller.user_id);
                if entry.body == outbox::ERASED_BEFORE && !self.sinks.store.erased_among(user).await?.is_empty() {
                    return Ok(Vec::new());
                }
                // On the disk before the profile goes that names them.
                for absorbed in erasure::absorbed_by(self.sinks.store.as_ref(), &entry.caller.user_id).await? {
                    self.forget(&absorbed).await?;
                }
                let erased = self.sinks.store.erase(&entry.caller.user_id).await?;
                let Erased { numbers, profiles, sessions, markers, mirrors } = erased;
                info!(numbers, profiles, sessions, markers, mirrors, "a caller is erased");
                Ok(Vec::new())
            }
            Kind::EraseNumber => {
                let scope = erasure::erasure_scope(self.sinks.store.as_ref(), &entry.caller, &older_of(entry)?).await?;
                if let Some(another) = scope.another {
                    info!(user.id = another.as_str(), "an erasure by number spares somebody who has another one now");
                }
                for user in scope.users {
                    self.forget(&user).await?;
                }
                Ok(Vec::new())
            }
            Kind::Archive => self.archive(&entry.caller, session_of(entry)?).await.map(|()| Vec::new()),
            Kind::EraseArchived => {
                if let Some(archive) = &self.sinks.archive {
                    archive.erase(&entry.caller.user_id).await.map_err(archive_failed)?;
                }
                Ok(Vec::new())
            }
        }
    }

    /// Whether anything of a call may be kept for good. Whatever the caller has answered; what they have is looked at when it is
    /// done. A withheld number's calls are nobody's: no erasure would find them.
    fn may_be_kept(&self, caller: &Caller, session: &SessionDoc) -> bool {
        let any = consent::kept(self.sinks.consent, Some(Choice::Yes), fold::is_unremembered(session));
        caller.hash.is_some() && any > Keep::Nothing
    }

    /// What is to be queued once a session is delivered. Of a duplicate too: its first delivery may not have been noted,
    /// and it is harmless when it comes twice. When it is noted that it was queued, only a store that has forgotten the
    /// call has to be told what a model makes of it.
    fn follow_ups(&self, entry: &Entry, written: Written, may_be_kept: bool) -> Vec<Kind> {
        if written == Written::Erased || !may_be_kept {
            return Vec::new();
        }
        let is_forgotten = !entry.followed || matches!(written, Written::Applied { .. });
        let archive = (self.sinks.archive.is_some() && !entry.followed).then_some(Kind::Archive);
        let summary = (self.sinks.summarizer.is_some() && is_forgotten).then_some(Kind::Summary);
        archive.into_iter().chain(summary).collect()
    }

    /// Keeps nothing of a user here, and queues their erasure elsewhere.
    async fn forget(&self, user: &UserId) -> Result<(), MemoryError> {
        self.sinks.live.forget(user);
        self.spool.forget(user).await.map(drop)
    }

    /// Answers how it was written, unless its caller is forgotten, and whose call it turned out to be.
    async fn deliver_session(
        &self,
        mut caller: Caller,
        mut session: SessionDoc,
        instance: Option<&str>,
    ) -> Result<(Option<Written>, UserId), MemoryError> {
        if fold::is_erasure_confirmed(&session) {
            self.forget_whoever_asked(&caller, &session.chat_id).await?;
            info!(call.sid = session.chat_id, "the caller asked to be forgotten, and is");
            return Ok((None, caller.user_id));
        }
        // A repeated delivery goes where the first one went.
        let called_as = std::mem::replace(&mut session.user_id, caller.user_id.as_str().to_owned());
        if let Some(new) = self.split_from(&caller, &called_as, &session).await? {
            info!(call.sid = session.chat_id, "the number has another owner now, who is somebody new");
            session.user_id = new.as_str().to_owned();
            caller.user_id = new;
        }
        let sid = session.chat_id.clone();
        let fold = |profile, session: &SessionDoc| fold::apply_session_under(self.sinks.consent, profile, session);
        // Else who is known would always be a conflict first, and be folded twice.
        let known = match caller.hash {
            Some(_) => self.sinks.store.user(&caller.user_id).await?,
            None => None,
        };
        let base = known.and_then(|known| Some((known.revision, known.profile?)));
        let (written, owner) =
            hang_up::write(self.sinks.store.as_ref(), HangUp { caller, session, base }, fold).await?;
        self.end_mirror(sid, instance).await;
        Ok((Some(written), owner))
    }

    /// Ends the mirror of a call that is over: not that of one that goes on here, or with another instance.
    async fn end_mirror(&self, sid: String, instance: Option<&str>) {
        let (Some(mirror), Some(instance)) = (&self.sinks.mirror, instance) else { return };
        let asked = sid.clone();
        match self.spool.database.ask(PATIENCE, move |rows| journal::is_open(rows, &asked)).await {
            Ok(false) => mirror.end(&sid, instance).await,
            Ok(true) => (),
            Err(error) => debug!(call.sid = sid, error = &error as &dyn Error, "the call's mirror is left to expire"),
        }
    }

    /// Forgets the caller of a session, and the session last. As whom they called is not always who they are: the lookup
    /// may have missed them, or they were joined with another user since; whom the number leads to is asked.
    async fn forget_whoever_asked(&self, caller: &Caller, sid: &str) -> Result<(), MemoryError> {
        let (store, called_as) = (&self.sinks.store, &caller.user_id);
        let owner = match &caller.hash {
            Some(hash) => store.owner(hash).await?.filter(|owner| owner != called_as),
            None => None,
        };
        // An id that was derived from the number may be somebody's who had it once, and is known by another one.
        let is_others = owner.is_some() && !store.numbers(called_as).await?.is_empty();
        for user in owner.iter().chain((!is_others).then_some(called_as)) {
            self.forget(user).await?;
        }
        let sid = sid.to_owned();
        self.spool.database.ask(PATIENCE, move |rows| outbox::drop_session(rows, &sid)).await
    }

    /// The new user of a number whose caller says that somebody else is remembered under it; the old one is left to
    /// expire. `None`: there is nothing to part.
    ///
    /// `called_as`: whose call it was taken for when it ended; `caller` is who it turned out to be when it was delivered
    /// before, if it was.
    async fn split_from(
        &self,
        caller: &Caller,
        called_as: &str,
        session: &SessionDoc,
    ) -> Result<Option<UserId>, MemoryError> {
        // "That's not me", "I'm not Ana": only such calls are looked at more closely.
        let said = session.conversation_history.iter().map(|message| &message.turn);
        let denies = |turn: &Turn| turn.role == Role::Caller && turn.text.to_lowercase().contains("not");
        if !fold::is_disowned(session, None) && !said.into_iter().any(denies) {
            return Ok(None);
        }
        let Some(hash) = &caller.hash else { return Ok(None) };
        let store = &self.sinks.store;
        // Whom the number leads to now: the lookup may have missed them, or the store has forgotten that they were parted.
        let Some(owner) = store.owner(hash).await? else { return Ok(None) };
        let was_delivered = caller.user_id.as_str() != called_as;
        let is_theirs = was_delivered && owner == caller.user_id;
        let stored_as = store.session_entry(&session.chat_id).await?.map(|entry| entry.user_id);
        if is_theirs || stored_as.as_ref() == Some(&owner) {
            return Ok(None);
        }
        let Some(known) = store.user(&owner).await? else { return Ok(None) };
        let name = known.profile.as_ref().and_then(|profile| profile.name.as_ref()).map(|name| name.say.as_str());
        if known.calls == 0 || !fold::is_disowned(session, name) {
            return Ok(None);
        }
        // The same new user again, where there was one.
        let known_as = Some(&caller.user_id).filter(|_| was_delivered);
        let new = match known_as {
            Some(user) if store.erased_among(std::slice::from_ref(user)).await?.is_empty() => user.clone(),
            Some(_) | None => UserId::random_since(session.started_at),
        };
        store.assign(hash, Some(&new)).await?;
        Ok(Some(new))
    }

    /// Lets a model improve what the rules remember of a call.
    async fn improve(&self, user: &UserId, session: &SessionDoc) -> Result<(), MemoryError> {
        let Some(summarizer) = &self.sinks.summarizer else { return Ok(()) };
        let store = &self.sinks.store;
        let Some(known) = store.user(user).await? else { return Ok(()) };
        // Of a profile that cannot be read, nothing could be improved, nor told what the caller has agreed to.
        let Some(present) = known.profile else { return Ok(()) };
        if consent::kept_later(self.sinks.consent, present.consent.as_ref(), session) == Keep::Nothing {
            return Ok(());
        }
        let previous_summary = present.summary.clone();
        let (mut revision, mut profile) = (known.revision, Some(present));
        let request = SummaryRequest { previous_summary, session: session.clone() };
        let draft = match summarizer.summarize(&request).await {
            Ok(draft) => draft,
            Err(SummaryError::NoEvidence) => return Ok(()),
            // What a model answers once, it may not answer again.
            Err(error @ (SummaryError::Unavailable { .. } | SummaryError::Unusable(_))) => {
                let advice = "the summary that rules made stays until the model answers".to_owned();
                return Err(MemoryError::Unavailable { advice, source: Some(error.into()) });
            }
            Err(error @ (SummaryError::Rejected { .. } | SummaryError::Refused)) => {
                return Err(MemoryError::Refused(error.to_string()));
            }
        };
        // Each conflict is another writer's success, so this ends.
        while let Some(known) = profile {
            let (better, refused) = improve::improved(self.sinks.consent, known.clone(), session, &draft);
            for reason in refused {
                metrics::counter!("redial_facts_refused_total", "reason" => reason.as_str()).increment(1);
            }
            if better == known {
                return Ok(());
            }
            match store.change_profile(user, revision, &better).await? {
                ProfileChange::Applied { .. } | ProfileChange::Unknown => return Ok(()),
                ProfileChange::Conflict { revision: present, profile: moved_on } => {
                    (revision, profile) = (present, moved_on);
                }
            }
        }
        Ok(())
    }

    /// Offers a call to the archive, if its caller lets it be kept for good.
    async fn archive(&self, caller: &Caller, mut session: SessionDoc) -> Result<(), MemoryError> {
        // As that of whose call it turned out to be: whoever erases them asks for that name.
        session.user_id = caller.user_id.as_str().to_owned();
        let Some(archive) = self.sinks.archive.as_ref().filter(|_| caller.hash.is_some()) else { return Ok(()) };
        let store = &self.sinks.store;
        if !store.erased_among(std::slice::from_ref(&caller.user_id)).await?.is_empty() {
            return Ok(());
        }
        let consent = match store.user(&caller.user_id).await? {
            None => None,
            Some(known) => match known.profile {
                Some(profile) => profile.consent,
                None => {
                    return Err(MemoryError::WrongShape {
                        key: format!("the profile of {}", caller.user_id.as_str()),
                        advice: "whether the call may be archived cannot be told; upgrade, or repair it, then retry"
                            .to_owned(),
                    });
                }
            },
        };
        if consent::kept_later(self.sinks.consent, consent.as_ref(), &session) == Keep::Nothing {
            return Ok(());
        }
        archive.put(&session).await.map_err(archive_failed)
    }

    /// What is done every few seconds.
    async fn chores(&self) {
        if let Err(error) = self.sweep().await {
            warn!(error = &error as &dyn Error, "the outbox cannot be swept");
        }
        if let Err(error) = self.forget_the_erased().await {
            warn!(error = &error as &dyn Error, "whether callers were erased elsewhere cannot be found out");
        }
    }

    /// Keeps nothing of callers whom another process has erased in the store.
    async fn forget_the_erased(&self) -> Result<(), MemoryError> {
        let mut users = self.spool.database.ask(PATIENCE, |rows| outbox::users(rows)).await?;
        users.extend(self.sinks.live.users());
        if users.is_empty() || self.sinks.store.server().borrow().is_none() {
            return Ok(());
        }
        for user in self.sinks.store.erased_among(&users).await? {
            self.sinks.live.forget(&user);
            match self.spool.purge(&user, None).await {
                Ok(Forgotten { calls, turns, entries, logs }) => {
                    let call_logs = logs.len();
                    info!(calls, turns, entries, call_logs, "a caller was erased elsewhere; nothing is kept here");
                }
                // The others' go all the same, and this one's the next time.
                Err(error) => warn!(error = &error as &dyn Error, "what is left of an erased caller cannot be deleted"),
            }
        }
        Ok(())
    }

    /// What the server took long ago goes while it still answers: one that is away may come back as another one, without
    /// what this one took, however long that takes. Only a file that is too large lets go of it all the same.
    ///
    /// The window is counted in time that has passed, not in what a clock says that may be set.
    async fn sweep(&self) -> Result<(), MemoryError> {
        let clock = Arc::clone(&self.clock);
        let answers = self.sinks.store.server().borrow().clone().map(|ServerId(id)| id);
        let (replay, max) = (self.spool.settings.replay, self.spool.settings.max_bytes);
        let window = u64::try_from(replay.as_millis()).unwrap_or(u64::MAX);
        let figures = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let seen = (rows.now, Instant::now());
                // Here, so that it is followed once, whether or not the answer is waited for. Nobody panics while it is locked.
                let before = clock.lock().unwrap_or_else(PoisonError::into_inner).replace(seen);
                if let Some(jump_ms) = before.and_then(|before| jump(before, seen)) {
                    warn!(
                        jump_ms,
                        "the clock was set; what waits and what was delivered go by the time that has passed"
                    );
                    outbox::follow_clock(rows, jump_ms)?;
                }
                outbox::catch_up_with_clock(rows)?;
                // What another one took is sent to this one first.
                if answers.is_some() && outbox::server(rows)? == answers {
                    outbox::sweep(rows, rows.now.saturating_sub(window))?;
                }
                let figures = outbox::figures(rows)?;
                if figures.bytes > max {
                    outbox::sweep(rows, u64::MAX >> 1)?;
                }
                Ok(figures)
            })
            .await?;
        metrics::gauge!("redial_outbox_waiting").set(figures.waiting as f64);
        metrics::gauge!("redial_outbox_dead").set(figures.dead as f64);
        metrics::gauge!("redial_spool_bytes").set(figures.bytes as f64);
        if figures.bytes as f64 > max as f64 * ALARM_AT {
            error!(
                bytes = figures.bytes,
                limit_bytes = max,
                waiting = figures.waiting,
                "the outbox is filling up: nothing is dropped, but the store must come back or the disk will be full"
            );
        }
        Ok(())
    }
}

/// By how many ms the clock was set between two looks at it, if it was.
fn jump(before: (u64, Instant), now: (u64, Instant)) -> Option<i64> {
    let passed = u64::try_from(now.1.saturating_duration_since(before.1).as_millis()).ok()?;
    let expected = before.0.saturating_add(passed);
    if now.0.abs_diff(expected) < JUMP_MS {
        return None;
    }
    i64::try_from(now.0).ok()?.checked_sub(i64::try_from(expected).ok()?)
}

/// A server that answers.
#[derive(Debug, Clone)]
struct Present {
    id: ServerId,
    /// It has just come back, or is seen for the first time: what waits need not wait any longer.
    is_back: bool,
}

/// Which server answers.
struct Server {
    watch: watch::Receiver<Option<ServerId>>,
    /// Until it has been told to the outbox.
    is_back: bool,
    /// Nobody will ever change it: a store without a server.
    ended: bool,
}

impl Server {
    fn of(store: &(impl Store + ?Sized)) -> Self {
        Self { watch: store.server(), is_back: true, ended: false }
    }

    fn present(&mut self) -> Option<Present> {
        // It may have gone and come back while nobody looked.
        self.is_back |= self.watch.has_changed().unwrap_or(false);
        let id = self.watch.borrow_and_update().clone();
        id.map(|id| Present { id, is_back: self.is_back })
    }

    async fn changes(&mut self) {
        if self.ended {
            std::future::pending().await
        }
        match self.watch.changed().await {
            Ok(()) => self.is_back = true,
            Err(_) => self.ended = true,
        }
    }
}

/// The deliveries under way.
#[derive(Default)]
struct InFlight {
    tasks: JoinSet<()>,
    seqs: HashMap<Id, i64>,
}

impl InFlight {
    fn start(&mut self, seq: i64, delivery: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(delivery);
        self.seqs.insert(task.id(), seq);
    }

    fn count(&self) -> usize {
        self.seqs.len()
    }

    fn has(&self, seq: i64) -> bool {
        self.seqs.values().any(|started| *started == seq)
    }

    /// Waits for one to end; for ever when there is none. Answers the number of one that died without noting anything.
    async fn one_ended(&mut self) -> Option<i64> {
        match self.tasks.join_next_with_id().await {
            Some(Ok((task, ()))) => {
                self.seqs.remove(&task);
                None
            }
            Some(Err(error)) => {
                error!(%error, "a delivery died; it is tried again");
                self.seqs.remove(&error.id())
            }
            None => std::future::pending().await,
        }
    }

    async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn session_of(entry: &Entry) -> Result<SessionDoc, MemoryError> {
    serde_json::from_str(&entry.body).map_err(|_| MemoryError::WrongShape {
        key: format!("outbox entry {}", entry.seq),
        advice: "the document is no session that this version can read; upgrade, then retry it".to_owned(),
    })
}

/// The older hashes of an erasure by number.
fn older_of(entry: &Entry) -> Result<Vec<PhoneHash>, MemoryError> {
    let hashes: Option<Vec<String>> = serde_json::from_str(&entry.body).ok();
    let hashes = hashes.map(|hashes| hashes.iter().map(|hash| PhoneHash::parse(hash)).collect::<Result<_, _>>());
    hashes.and_then(Result::ok).ok_or_else(|| MemoryError::WrongShape {
        key: format!("outbox entry {}", entry.seq),
        advice: "it holds no hashes; erase the person again, by the number".to_owned(),
    })
}

fn archive_failed(error: ArchiveError) -> MemoryError {
    match error {
        ArchiveError::Refused(_) => MemoryError::Refused(error.to_string()),
        ArchiveError::Unavailable { .. } => {
            MemoryError::Unavailable { advice: "look at the archive".to_owned(), source: Some(error.into()) }
        }
    }
}
