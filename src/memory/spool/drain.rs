//! The deliveries: what waits in the outbox is brought to the store, in order for each caller, until it has arrived.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::directory::Memory;
use super::super::hang_up::{self, HangUp, Written};
use super::super::mirror::Mirror;
use super::super::model::Session;
use super::super::sqlite::Rows;
use super::super::store::{MemoryError, ServerId, Store};
use super::super::summary;
use super::outbox::{self, Entry, Kind};
use super::{PATIENCE, Spool};
use crate::identity::UserId;

/// Deliveries at the same time, each of another lane.
const AT_ONCE: usize = 16;
/// How often it is looked whether something is due when nobody has said so.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often the outbox is swept and erasures elsewhere are looked for.
const CHORES_EVERY: Duration = Duration::from_secs(10);
/// How long an entry keeps its lane after its delivery could not be noted: the disk is full or slow, and the store need
/// not be asked again before that has a chance to change.
const AFTER_NOT_NOTED: Duration = Duration::from_secs(1);
/// Share of the file's greatest size at which an alarm is raised.
const ALARM_AT: f64 = 0.8;

/// Where entries go.
#[derive(Clone)]
pub struct Sinks {
    /// Sessions and erasures.
    pub store: Arc<dyn Memory>,
    /// Told when a call is over for good.
    pub mirror: Option<Arc<dyn Mirror>>,
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
}

impl Drain {
    /// Delivers from `spool`.
    pub fn new(spool: Arc<Spool>, sinks: Sinks) -> Self {
        Self { spool, sinks }
    }

    /// Runs until it is stopped; deliveries under way are finished first.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        // Beside each other: no delivery waits for a chore that a silent server keeps.
        tokio::join!(this.deliver_all(&stop), this.tend(&stop));
    }

    async fn deliver_all(self: &Arc<Self>, stop: &CancellationToken) {
        let mut server = Server::of(self.sinks.store.as_ref());
        let mut flights = Flights::default();
        let mut slot = Instant::now();
        loop {
            let mut wake_at = Instant::now() + LOOK_EVERY;
            if let Some(present) = server.present() {
                match self.send_what_is_due(&present, &mut flights, &mut slot).await {
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
                died = flights.one_landed() => if let Some(seq) = died {
                    self.put_off(seq, hang_up::pause_after(u32::MAX)).await;
                },
                () = server.changes() => (),
                () = self.spool.wake.notified() => (),
                () = sleep_until(wake_at) => (),
            }
        }
        flights.all_landed().await;
    }

    /// Sweeps, and looks for erasures elsewhere.
    async fn tend(&self, stop: &CancellationToken) {
        loop {
            self.chores().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(CHORES_EVERY) => (),
            }
        }
    }

    /// Starts deliveries for all lanes that have something due, as far as there is room. Answers when to look again.
    async fn send_what_is_due(
        self: &Arc<Self>,
        server: &Present,
        flights: &mut Flights,
        slot: &mut Instant,
    ) -> Result<Option<Instant>, MemoryError> {
        let room = AT_ONCE.saturating_sub(flights.count());
        if room == 0 {
            return Ok(None);
        }
        let (Present { id: ServerId(server), is_back }, limit) = (server.clone(), AT_ONCE + 1);
        let taking = server.clone();
        let (due, next, replayed) = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let known = outbox::server(rows)?;
                let is_another = known.as_ref() != Some(&server);
                if is_another {
                    outbox::set_server(rows, &server)?;
                }
                if is_another || is_back {
                    outbox::hurry(rows)?;
                }
                let replayed = if is_another && known.is_some() { outbox::replay(rows)? } else { 0 };
                let next = outbox::next_due(rows)?.map(|at| at.saturating_sub(rows.now));
                Ok((outbox::due(rows, limit)?, next, replayed))
            })
            .await?;
        if replayed > 0 {
            info!(entries = replayed, "the store's server is another one than before: the last hour is sent again");
        }
        let mut next = next.map(|ms| Instant::now() + Duration::from_millis(ms));
        let due: Vec<Entry> = due.into_iter().filter(|entry| !flights.has(entry.seq)).take(room).collect();
        for entry in due {
            let now = Instant::now();
            if *slot > now {
                // Not faster than a returning server can bear.
                next = Some(next.map_or(*slot, |at| at.min(*slot)));
                break;
            }
            *slot = now + Duration::from_secs(1) / self.spool.settings.per_second.max(1);
            flights.start(entry.seq, Arc::clone(self).carry(entry, taking.clone()));
        }
        Ok(next)
    }

    /// Brings one entry to where it goes, and notes what became of it. `server`: the one that answers as it starts.
    async fn carry(self: Arc<Self>, entry: Entry, server: String) {
        let delivered = self.deliver(&entry).await;
        let noted = match delivered {
            Ok(follow_ups) => {
                let keep = !self.spool.settings.replay.is_zero() && matches!(entry.kind, Kind::Session | Kind::Erase);
                // Another server meanwhile may not have it, and its replay has left out what was under way.
                let taker = keep.then_some(server);
                self.spool
                    .database
                    .ask(PATIENCE, move |rows| outbox::delivered(rows, &entry, taker.as_deref(), &follow_ups))
                    .await
            }
            Err(failure @ MemoryError::Unavailable { .. }) => {
                if entry.tries == 0 {
                    warn!(
                        session.id = entry.sid,
                        kind = entry.kind.as_str(),
                        error = &failure as &dyn Error,
                        "a delivery waits"
                    );
                }
                self.put_off(entry.seq, hang_up::pause_after(entry.tries)).await;
                return;
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
        self.check_noted(noted).await;
    }

    /// Notes a failed attempt; the next one is not before `pause_ms` are over.
    async fn put_off(&self, seq: i64, pause_ms: u64) {
        let later = move |rows: &mut Rows<'_>| outbox::failed(rows, seq, rows.now.saturating_add(pause_ms));
        let noted = self.spool.database.ask(PATIENCE, later).await;
        self.check_noted(noted).await;
    }

    async fn check_noted(&self, noted: Result<(), MemoryError>) {
        if let Err(error) = noted {
            // It is delivered again, which changes nothing.
            warn!(error = &error as &dyn Error, "what became of a delivery cannot be noted");
            sleep(AFTER_NOT_NOTED).await;
        }
    }

    /// Delivers; what it answers is to be queued next.
    async fn deliver(&self, entry: &Entry) -> Result<Vec<Kind>, MemoryError> {
        match entry.kind {
            Kind::Session => {
                let session: Session = serde_json::from_str(&entry.body).map_err(|_| MemoryError::WrongShape {
                    key: format!("outbox entry {}", entry.seq),
                    advice: "the document is no session that this version can read; upgrade, then retry it".to_owned(),
                })?;
                let hang_up = HangUp { caller: entry.caller.clone(), session, base: None };
                let written = hang_up::write_once(self.sinks.store.as_ref(), hang_up, summary::fold).await?;
                if let Some(mirror) = &self.sinks.mirror {
                    mirror.end(&entry.sid).await;
                }
                Ok(match written {
                    Written::Applied { .. } => self.follow_ups(),
                    Written::Duplicate | Written::Erased => Vec::new(),
                })
            }
            Kind::Erase => {
                let erased = self.sinks.store.erase(&entry.caller.user_id).await?;
                info!(?erased, "a caller is erased");
                Ok(Vec::new())
            }
            Kind::EraseArchived | Kind::Summary | Kind::Archive => Ok(Vec::new()),
        }
    }

    fn follow_ups(&self) -> Vec<Kind> {
        Vec::new()
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
struct Flights {
    tasks: JoinSet<()>,
    seqs: HashMap<Id, i64>,
}

impl Flights {
    fn start(&mut self, seq: i64, delivery: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(delivery);
        self.seqs.insert(task.id(), seq);
    }

    fn count(&self) -> usize {
        self.seqs.len()
    }

    fn has(&self, seq: i64) -> bool {
        self.seqs.values().any(|flying| *flying == seq)
    }

    /// Waits for one to end; for ever when there is none. Answers the number of one that died without noting anything.
    async fn one_landed(&mut self) -> Option<i64> {
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

    async fn all_landed(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
