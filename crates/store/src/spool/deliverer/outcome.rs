//! One delivery, and what is noted of how it went.

use std::collections::hash_map;
use std::error::Error;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, error, warn};

use super::super::entry::{Entry, Kind};
use super::super::outbox::{self, Taker};
use super::super::pauses::{PAUSES, SUMMARY_PAUSES};
use super::super::{PATIENCE, dead};
use super::Deliverer;
use crate::sqlite::Rows;
use crate::store::MemoryError;

/// Attempts to have one call summarised by a model, over about a quarter of an hour.
const SUMMARY_TRIES: u32 = 8;

/// How long an entry keeps its lane after its delivery could not be noted: the disk is full or slow, and the store need
/// not be asked again before that has a chance to change.
const AFTER_NOT_NOTED: Duration = Duration::from_secs(1);

/// How often it is said that deliveries wait.
const SAY_AGAIN: Duration = Duration::from_secs(60);

impl Deliverer {
    /// Brings one entry to where it goes, and notes what became of it. `taker`: the server that answers as it starts.
    pub(super) async fn carry(self: Arc<Self>, mut entry: Entry, taker: Taker) {
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
                    call.sid = entry.sid(),
                    error = &failure as &dyn Error,
                    "the summary stays the one that rules made"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| dead::park(rows, seq, &reason)).await
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
                    call.sid = entry.sid(),
                    kind = entry.kind.as_str(),
                    error = &failure as &dyn Error,
                    "a delivery is impossible and is put aside; see `redial memory dead`"
                );
                let (seq, reason) = (entry.seq, failure.to_string());
                self.spool.database.ask(PATIENCE, move |rows| dead::park(rows, seq, &reason)).await
            }
        };
        self.check_noted(noted).await;
    }

    /// Notes a failed attempt; the next one is not before the pause is over.
    pub(super) async fn put_off(&self, seq: i64, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let later = move |rows: &mut Rows<'_>| outbox::failed(rows, seq, rows.now.saturating_add(pause_ms));
        let noted = self.spool.database.ask(PATIENCE, later).await;
        self.check_noted(noted).await;
    }

    /// Puts an entry aside whose delivery dies whenever it is tried.
    pub(super) async fn dead_letter(&self, seq: i64) {
        metrics::counter!("redial_dead_letters_total").increment(1);
        error!(seq, "a delivery dies each time and is put aside; see `redial memory dead`");
        let reason = "its delivery died each time; the log says of what: report it, and retry it after an upgrade";
        let noted = self.spool.database.ask(PATIENCE, move |rows| dead::park(rows, seq, reason)).await;
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
        let (sid, kind, now) = (entry.sid(), entry.kind.as_str(), Instant::now());
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
}
