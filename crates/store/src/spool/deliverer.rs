//! The deliveries: what waits in the outbox is brought to the store, in order for each caller, until it has arrived.
//!
//! | module | holds |
//! | --- | --- |
//! | `sinks` | where entries go |
//! | `server`, `in_flight` | which server answers; the deliveries under way |
//! | `outcome` | one delivery, and what is noted of how it went |
//! | `delivery` | what is done with an entry of each kind |
//! | `session`, `owner` | a session goes to the store; whose it is |
//! | `summary`, `archive` | what a model makes of it; what is kept for good |
//! | `maintenance`, `forgetful_server` | what is done every few seconds; whether the server has forgotten |
//! | `disk_bypass` | what the disk does not take |

mod archive;
mod delivery;
mod disk_bypass;
mod forgetful_server;
mod in_flight;
mod maintenance;
mod outcome;
mod owner;
mod server;
mod session;
mod sinks;
mod summary;

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::in_flight::InFlight;
use self::server::{Present, Server};
pub use self::sinks::{LiveCalls, Sinks};
use super::entry::Entry;
use super::outbox::{self, Taker};
use super::pauses::PAUSES;
use super::{PATIENCE, Spool, mark, replay};
use crate::store::{MemoryError, ServerId};

/// Deliveries at the same time, each of another lane.
const AT_ONCE: usize = 16;
/// How far deliveries may lag behind their rate and still make up for it.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How often it is looked whether something is due when nobody has said so.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often a delivery may die before its entry is put aside: its caller's later calls wait behind it.
const DEATHS: u32 = 5;

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
        tokio::join!(this.deliver_all(&stop), this.deliver_disk_bypass(&stop), this.maintain(&stop));
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
                let known = mark::server(rows)?;
                let is_another = known.as_ref() != Some(&server);
                if is_another {
                    mark::set_server(rows, &server)?;
                }
                if is_another || is_back {
                    outbox::make_due(rows)?;
                }
                let replayed = if is_another && known.is_some() { replay::forgotten(rows)? } else { 0 };
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
}
