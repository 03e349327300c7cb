//! The deliveries: what waits in the outbox is brought to the store, in order for each caller, until it has arrived.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redial_call::{Role, Turn};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::super::archive::{Archive, ArchiveError};
use super::super::consent::ConsentMode;
use super::super::directory::{Memory, ProfileChange};
use super::super::hang_up::{self, HangUp, Written};
use super::super::improve;
use super::super::mirror::Mirror;
use super::super::model::Session;
use super::super::store::{MemoryError, ServerId};
use super::super::summarizer::{Summarizer, SummaryError, SummaryRequest};
use super::super::summary;
use super::outbox::{self, Entry, Kind};
use super::{PATIENCE, Spool};
use crate::identity::{Caller, UserId};

/// Deliveries at the same time, each of another lane.
const AT_ONCE: usize = 16;
/// Attempts to have one call summarised by a model, over about a quarter of an hour.
const SUMMARY_TRIES: u32 = 8;
/// A model costs money and time, so it is asked again this many times later than a store: after 2.5 to 5 s at first.
pub(super) const SUMMARY_PATIENCE: u64 = 250;
/// How often the outbox is swept and erasures elsewhere are looked for.
const CHORES_EVERY: Duration = Duration::from_secs(10);
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

/// The calls of this process, as far as an erasure concerns them.
pub trait LiveCalls: Send + Sync {
    /// Whose calls are live.
    fn users(&self) -> Vec<UserId>;
    /// Keeps nothing of this user's live calls.
    fn forget(&self, user: &UserId);
}

/// The task that delivers.
pub struct Drain {
    spool: Arc<Spool>,
    sinks: Sinks,
    /// Why deliveries wait, and when that was last said.
    said: Mutex<HashMap<String, Instant>>,
}

impl Drain {
    /// Delivers from `spool`.
    pub fn new(spool: Arc<Spool>, sinks: Sinks) -> Self {
        Self { spool, sinks, said: Mutex::default() }
    }

    /// Runs until it is stopped; deliveries under way are finished first.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut server = Server { watch: this.sinks.store.server(), ended: false };
        let mut flights = Flights::default();
        let mut chores_at = Instant::now();
        let mut slot = Instant::now();
        loop {
            if Instant::now() >= chores_at {
                this.chores().await;
                chores_at = Instant::now() + CHORES_EVERY;
            }
            let id = server.present();
            let mut wake_at = chores_at;
            if let Some(id) = id {
                match this.send_what_is_due(&id, &mut flights, &mut slot).await {
                    Ok(next) => wake_at = wake_at.min(next.unwrap_or(chores_at)),
                    Err(error) => {
                        warn!(error = &error as &dyn Error, "the outbox cannot be read; it is tried again");
                        wake_at = Instant::now() + Duration::from_secs(1);
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = flights.one_landed() => (),
                () = server.changes() => (),
                () = this.spool.wake.notified() => (),
                () = sleep_until(wake_at) => (),
            }
        }
        flights.all_landed().await;
    }

    /// Starts deliveries for all lanes that have something due, as far as there is room. Answers when to look again.
    async fn send_what_is_due(
        self: &Arc<Self>,
        server: &ServerId,
        flights: &mut Flights,
        slot: &mut Instant,
    ) -> Result<Option<Instant>, MemoryError> {
        let room = AT_ONCE.saturating_sub(flights.seqs.len());
        if room == 0 {
            return Ok(None);
        }
        let (asked, limit) = (server.0.clone(), AT_ONCE + 1);
        let (due, next, replayed) = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let replayed = match outbox::server(rows)? {
                    Some(known) if known == asked => 0,
                    known => {
                        outbox::set_server(rows, &asked)?;
                        outbox::hurry(rows)?;
                        if known.is_some() { outbox::replay(rows)? } else { 0 }
                    }
                };
                let next = outbox::next_due(rows)?.map(|at| at.saturating_sub(rows.now));
                Ok((outbox::due(rows, limit)?, next, replayed))
            })
            .await?;
        if replayed > 0 {
            info!(entries = replayed, "the store's server is another one than before: the last hour is sent again");
        }
        let mut next = next.map(|ms| Instant::now() + Duration::from_millis(ms));
        let due: Vec<Entry> = due.into_iter().filter(|entry| !flights.seqs.contains(&entry.seq)).take(room).collect();
        for entry in due {
            let now = Instant::now();
            if *slot > now {
                // Not faster than a returning server can bear.
                next = Some(next.map_or(*slot, |at| at.min(*slot)));
                break;
            }
            *slot = now + Duration::from_secs(1) / self.spool.settings.per_second.max(1);
            flights.start(entry.seq, Arc::clone(self).carry(entry, server.clone()));
        }
        Ok(next)
    }

    /// Brings one entry to where it goes, and notes what became of it.
    async fn carry(self: Arc<Self>, entry: Entry, server: ServerId) {
        let delivered = self.deliver(&entry).await;
        let noted = match delivered {
            Ok(follow_ups) => {
                let keep = !self.spool.settings.replay.is_zero() && matches!(entry.kind, Kind::Session | Kind::Erase);
                let to = keep.then_some(server);
                self.spool.database.ask(PATIENCE, move |rows| outbox::delivered(rows, &entry, to, &follow_ups)).await
            }
            Err(failure @ MemoryError::Unavailable { .. })
                if entry.kind == Kind::Summary && entry.tries + 1 >= SUMMARY_TRIES =>
            {
                warn!(
                    session.id = entry.sid,
                    error = &failure as &dyn Error,
                    "the summary stays the one that rules made"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| outbox::park(rows, seq, &reason)).await
            }
            Err(failure @ MemoryError::Unavailable { .. }) => {
                self.say_why(&entry, &failure);
                let pause = match entry.kind {
                    Kind::Summary => hang_up::pause_after(entry.tries) * SUMMARY_PATIENCE,
                    Kind::Session | Kind::Erase | Kind::Archive | Kind::EraseArchived => {
                        hang_up::pause_after(entry.tries)
                    }
                };
                let seq = entry.seq;
                self.spool
                    .database
                    .ask(PATIENCE, move |rows| outbox::failed(rows, seq, rows.now.saturating_add(pause)))
                    .await
            }
            Err(failure @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => {
                metrics::counter!("redial_dead_letters_total").increment(1);
                error!(
                    session.id = ?entry.sid,
                    kind = entry.kind.as_str(),
                    error = &failure as &dyn Error,
                    "a delivery is impossible and is put aside; see `redial memory dead`"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| outbox::park(rows, seq, &reason)).await
            }
        };
        if let Err(error) = noted {
            // It is delivered again, which changes nothing.
            warn!(error = &error as &dyn Error, "a delivery cannot be noted");
        }
    }

    /// Warns that deliveries wait, once a minute for each reason: they may be thousands.
    fn say_why(&self, entry: &Entry, failure: &MemoryError) {
        let (sid, kind, now) = (&entry.sid, entry.kind.as_str(), Instant::now());
        // Nobody panics while it is locked.
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.duration_since(*at) < SAY_AGAIN);
        if said.contains_key(&failure.to_string()) {
            debug!(
                session.id = sid,
                kind,
                tries = entry.tries,
                error = failure as &dyn Error,
                "this one waits as well"
            );
        } else {
            warn!(session.id = sid, kind, error = failure as &dyn Error, "a delivery waits");
            said.insert(failure.to_string(), now);
        }
    }

    /// Delivers; what it answers is to be queued next.
    async fn deliver(&self, entry: &Entry) -> Result<Vec<Kind>, MemoryError> {
        match entry.kind {
            Kind::Session => self.deliver_session(entry.caller.clone(), session_of(entry)?).await,
            Kind::Summary => self.improve(&entry.caller.user_id, &session_of(entry)?).await.map(|()| Vec::new()),
            Kind::Erase => {
                let erased = self.sinks.store.erase(&entry.caller.user_id).await?;
                info!(?erased, "a caller is erased");
                Ok(Vec::new())
            }
            Kind::Archive => {
                if let Some(archive) = &self.sinks.archive {
                    archive.put(&session_of(entry)?).await.map_err(archive_failed)?;
                }
                Ok(Vec::new())
            }
            Kind::EraseArchived => {
                if let Some(archive) = &self.sinks.archive {
                    archive.erase(&entry.caller.user_id).await.map_err(archive_failed)?;
                }
                Ok(Vec::new())
            }
        }
    }

    async fn deliver_session(&self, mut caller: Caller, mut session: Session) -> Result<Vec<Kind>, MemoryError> {
        if summary::is_erasure_confirmed(&session) {
            info!(session.id = session.chat_id, "the caller asked to be forgotten, and is");
            self.sinks.live.forget(&caller.user_id);
            self.spool.forget(&caller.user_id).await?;
            return Ok(Vec::new());
        }
        if let Some(new) = self.split_from(&caller, &session).await? {
            info!(session.id = session.chat_id, "the number has another owner now, who is somebody new");
            session.user_id = new.as_str().to_owned();
            caller.user_id = new;
        }
        let sid = session.chat_id.clone();
        let remembered = !summary::is_unremembered(&session);
        let fold = |profile, session: &Session| summary::fold_under(self.sinks.consent, profile, session);
        let written =
            hang_up::write_once(self.sinks.store.as_ref(), HangUp { caller, session, base: None }, fold).await?;
        if let Some(mirror) = &self.sinks.mirror {
            mirror.end(&sid).await;
        }
        if written == Written::Erased {
            return Ok(Vec::new());
        }
        // Of a duplicate too: its first delivery may not have been noted. Both are harmless when they come twice.
        let archive = self.sinks.archive.is_some().then_some(Kind::Archive);
        let summary = (self.sinks.summarizer.is_some() && remembered).then_some(Kind::Summary);
        Ok(archive.into_iter().chain(summary).collect())
    }

    /// The new user of a number whose caller says that somebody else is remembered under it; the old one is left to
    /// expire. `None`: there is nothing to part.
    async fn split_from(&self, caller: &Caller, session: &Session) -> Result<Option<UserId>, MemoryError> {
        // "That's not me", "I'm not Ana": only such calls are looked at more closely.
        let said = session.conversation_history.iter().map(|message| &message.turn);
        let denies = |turn: &Turn| turn.role == Role::Caller && turn.text.to_lowercase().contains("not");
        if !summary::is_disowned(session, None) && !said.into_iter().any(denies) {
            return Ok(None);
        }
        let Some(hash) = &caller.hash else { return Ok(None) };
        let store = &self.sinks.store;
        let Some(known) = store.user(&caller.user_id).await? else { return Ok(None) };
        let name = known.profile.as_ref().and_then(|profile| profile.name.as_ref()).map(|name| name.say.as_str());
        let is_theirs = store.owner(hash).await?.as_ref() == Some(&caller.user_id);
        if known.calls == 0 || !is_theirs || !summary::is_disowned(session, name) {
            return Ok(None);
        }
        let new = UserId::random();
        store.assign(hash, Some(&new)).await?;
        Ok(Some(new))
    }

    /// Lets a model improve what the rules remember of a call.
    async fn improve(&self, user: &UserId, session: &Session) -> Result<(), MemoryError> {
        let Some(summarizer) = &self.sinks.summarizer else { return Ok(()) };
        let store = &self.sinks.store;
        let Some(known) = store.user(user).await? else { return Ok(()) };
        let (mut revision, mut profile) = (known.revision, known.profile);
        let previous_summary = profile.as_ref().map(|profile| profile.summary.clone()).unwrap_or_default();
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
            let forgotten = self.spool.purge(&user, false).await?;
            info!(?forgotten, "a caller was erased elsewhere; nothing is kept here");
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), MemoryError> {
        let (replay, max) = (self.spool.settings.replay, self.spool.settings.max_bytes);
        let window = u64::try_from(replay.as_millis()).unwrap_or(u64::MAX);
        let figures = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                outbox::sweep(rows, rows.now.saturating_sub(window))?;
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

/// Which server answers.
struct Server {
    watch: watch::Receiver<Option<ServerId>>,
    /// Nobody will ever change it: a store without a server.
    ended: bool,
}

impl Server {
    fn present(&mut self) -> Option<ServerId> {
        self.watch.borrow_and_update().clone()
    }

    async fn changes(&mut self) {
        if self.ended {
            std::future::pending().await
        }
        self.ended = self.watch.changed().await.is_err();
    }
}

/// The deliveries under way.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<i64>,
    seqs: HashSet<i64>,
}

impl Flights {
    fn start(&mut self, seq: i64, delivery: impl Future<Output = ()> + Send + 'static) {
        self.seqs.insert(seq);
        self.tasks.spawn(async move {
            delivery.await;
            seq
        });
    }

    /// Waits for one to end; for ever when there is none.
    async fn one_landed(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(seq)) => {
                self.seqs.remove(&seq);
            }
            // A panic in a delivery: its number is not known any more, so that all are asked again.
            Some(Err(error)) => {
                error!(%error, "a delivery died");
                if self.tasks.is_empty() {
                    self.seqs.clear();
                }
            }
            None => std::future::pending().await,
        }
    }

    async fn all_landed(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn session_of(entry: &Entry) -> Result<Session, MemoryError> {
    serde_json::from_str(&entry.body).map_err(|_| MemoryError::WrongShape {
        key: format!("outbox entry {}", entry.seq),
        advice: "the document is no session that this version can read; upgrade, then retry it".to_owned(),
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
