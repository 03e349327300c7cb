//! The deliveries: what waits in the outbox is brought to the store, in order for each caller, until it has arrived.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::directory::Memory;
use super::super::hang_up::{self, HangUp, Written};
use super::super::mirror::Mirror;
use super::super::model::Session;
use super::super::store::{MemoryError, ServerId};
use super::super::summary;
use super::outbox::{self, Entry, Kind};
use super::{PATIENCE, Spool};
use crate::identity::UserId;

/// Deliveries at the same time, each of another lane.
const AT_ONCE: usize = 16;
/// How often the outbox is swept and erasures elsewhere are looked for.
const CHORES_EVERY: Duration = Duration::from_secs(10);
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
        let (server, limit) = (server.0.clone(), AT_ONCE + 1);
        let (due, next, replayed) = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let replayed = match outbox::server(rows)? {
                    Some(known) if known == server => 0,
                    known => {
                        outbox::set_server(rows, &server)?;
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
            flights.start(entry.seq, Arc::clone(self).carry(entry));
        }
        Ok(next)
    }

    /// Brings one entry to where it goes, and notes what became of it.
    async fn carry(self: Arc<Self>, entry: Entry) {
        let delivered = self.deliver(&entry).await;
        let noted = match delivered {
            Ok(follow_ups) => {
                let keep = !self.spool.settings.replay.is_zero() && matches!(entry.kind, Kind::Session | Kind::Erase);
                self.spool.database.ask(PATIENCE, move |rows| outbox::delivered(rows, &entry, keep, &follow_ups)).await
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
                let pause = hang_up::pause_after(entry.tries);
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
            let forgotten = self.spool.purge(&user, None).await?;
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
