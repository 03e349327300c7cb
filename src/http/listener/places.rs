//! Who may be connected, for how long, and who goes when there is no room for the next.
//!
//! A stranger is whoever has not sent a request that was believed. Strangers share a bounded number of places, and where
//! these are full the one who came first goes: a carrier is done with its request in a moment, so who has been here for
//! longest is the least likely to be one. A call has left these places: how many there are is the affair of
//! [`crate::calls`].

mod entry;
mod phase;
mod table;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redial_outgoing::is_public;
use tokio_util::sync::CancellationToken;

use self::entry::{Entry, Standing};
pub(crate) use self::phase::{OPERATORS, Phase, Rules};
use self::table::Table;
use super::peer::network;

/// Strangers at once from one address of the internet. Carriers and proxies send hundreds of requests a second from one,
/// each of which is believed some ms later.
const STRANGERS_PER_PEER: usize = 256;
/// Requests of a stranger on one connection; a probe that keeps its connection simply opens another one.
const REQUESTS_OF_STRANGER: u32 = 16;

/// The connections of a listener.
#[derive(Debug)]
pub(crate) struct Places {
    rules: Rules,
    table: Mutex<Table>,
}

impl Places {
    pub(crate) fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self { rules, table: Mutex::default() })
    }

    /// A place for a new connection. `None` when all are taken by others who must not be disturbed now.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Arc<Place>> {
        let network = network(peer);
        let mut table = self.lock();
        // Behind a proxy all clients have its address, which is usually none of the internet.
        let crowd = table.crowds.get(&network).map_or(0, BTreeSet::len);
        let has_room = !(is_public(network) && crowd >= STRANGERS_PER_PEER && !table.shed_of(network, now))
            && (table.entries.len() - table.calls < self.rules.places || table.shed_oldest(self.rules.places, now));
        if !has_room {
            return None;
        }
        let id = table.next_id;
        table.next_id += 1;
        let cut = CancellationToken::new();
        table.crowds.entry(network).or_default().insert(id);
        table.entries.insert(id, Entry::new(network, cut.clone()));
        Some(Arc::new(Place {
            places: Arc::clone(self),
            id,
            cut,
            is_call: AtomicBool::new(false),
            asked: AtomicU32::new(0),
        }))
    }

    /// The process has no file for a connection: one that is less likely to be needed goes. False when there is none.
    pub(crate) fn make_room(&self, now: Instant) -> bool {
        self.lock().shed_oldest(self.rules.places, now)
    }

    /// Counts a connection that no place was found for.
    pub(crate) fn refused(&self, peer: IpAddr) {
        let mut table = self.lock();
        table.lost.refused += 1;
        table.lost.peer = Some(peer);
        metrics::counter!("redial_connections_shed_total").increment(1);
    }

    /// Ends the connections that have waited for longer than they may, and tells what was lost, now and then.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut table = self.lock();
        let overdue: Vec<(u64, Phase)> =
            table.entries.iter().filter_map(|(id, entry)| Some((*id, entry.overdue(self.rules, now)?))).collect();
        for (id, phase) in overdue {
            let Some(entry) = table.remove(id) else { continue };
            entry.cut.cancel();
            metrics::counter!("redial_connections_timed_out_total", "phase" => phase.as_str()).increment(1);
            // That a connection is not used again is no loss.
            if phase != Phase::Idle {
                *table.lost.timed_out.entry(phase.as_str()).or_default() += 1;
                table.lost.peer = Some(entry.network);
            }
        }
        metrics::gauge!("redial_connections", "listener" => self.rules.name).set(table.entries.len() as f64);
        table.tell(self.rules, now);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code panics while it holds the lock, and the table is whole between any two of its methods.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
    cut: CancellationToken,
    /// Its media passes without a look at the table.
    is_call: AtomicBool,
    /// Requests that were not believed.
    asked: AtomicU32,
}

impl Place {
    /// Counts a request that was not believed. True: it was the last one that a connection has.
    pub(super) fn has_asked_enough(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS_OF_STRANGER
    }

    /// Fires when the connection is to end at once; never for a call.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// The connection waits for something else now.
    pub(super) fn enter(&self, phase: Phase) {
        self.update(|entry| entry.enter(phase));
    }

    /// Nothing more is here from the client.
    pub(super) fn waits(&self) {
        self.update(|entry| {
            entry.waited_since.get_or_insert_with(Instant::now);
        });
    }

    /// Something came from the client.
    pub(super) fn heard(&self) {
        self.update(|entry| {
            if matches!(entry.phase, Phase::FirstByte | Phase::Idle) {
                entry.enter(Phase::Head);
            }
        });
    }

    /// The body is here.
    pub(super) fn body_ended(&self) {
        self.update(|entry| {
            if entry.phase == Phase::Body {
                entry.enter(Phase::Handler);
            }
        });
    }

    /// The client does not take what is written.
    pub(super) fn blocked(&self) {
        self.update(|entry| {
            entry.blocked_since.get_or_insert_with(Instant::now);
        });
    }

    /// The client has taken all that was written.
    pub(super) fn flushed(&self) {
        self.update(|entry| {
            entry.blocked_since = None;
            if entry.phase == Phase::Answer {
                entry.enter(Phase::Idle);
            }
        });
    }

    /// A request of this connection is believed: it is no stranger's.
    pub(super) fn believe(&self) {
        let mut table = self.places.lock();
        let Some(entry) = table.entries.get_mut(&self.id) else { return };
        if entry.standing == Standing::Stranger {
            entry.standing = Standing::Believed;
            let network = entry.network;
            table.leave_crowd(self.id, network);
        }
    }

    /// The connection is a call's: it has no deadline here, and nobody's place.
    pub(crate) fn begin_call(&self) {
        self.believe();
        let mut table = self.places.lock();
        let Some(entry) = table.entries.get_mut(&self.id) else { return };
        if entry.standing == Standing::Believed {
            entry.standing = Standing::Call;
            entry.enter(Phase::Call);
            table.calls += 1;
            self.is_call.store(true, Ordering::Relaxed);
        }
    }

    /// The connection is over.
    pub(super) fn leave(&self) {
        self.places.lock().remove(self.id);
    }

    /// True from [`Place::begin_call`] on, if there was a place then: nobody cuts it any more.
    pub(super) fn is_call(&self) -> bool {
        self.is_call.load(Ordering::Relaxed)
    }

    fn update(&self, change: impl FnOnce(&mut Entry)) {
        if self.is_call() {
            return;
        }
        if let Some(entry) = self.places.lock().entries.get_mut(&self.id) {
            change(entry);
        }
    }
}

#[cfg(test)]
mod tests;
