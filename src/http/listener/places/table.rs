//! The connections of a listener: who goes for the next one, and what is told of those that went.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::entry::{Entry, Standing};
use super::phase::{Phase, Rules};

/// At most one line about lost connections in this time.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// All connections of a listener, and what became of others.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) next_id: u64,
    /// All connections, calls as well, in the order in which they came.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Strangers, by the network that they come from.
    pub(super) crowds: HashMap<IpAddr, BTreeSet<u64>>,
    pub(super) calls: usize,
    pub(super) lost: Lost,
}

/// What was lost since it was last told.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) told: Option<Instant>,
    pub(super) timed_out: BTreeMap<&'static str, u64>,
    pub(super) shed: u64,
    pub(super) refused: u64,
    /// The last one's.
    pub(super) peer: Option<IpAddr>,
}

impl Table {
    pub(super) fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        match entry.standing {
            Standing::Stranger => self.leave_crowd(id, entry.network),
            Standing::Call => self.calls -= 1,
            Standing::Believed => (),
        }
        Some(entry)
    }

    pub(super) fn leave_crowd(&mut self, id: u64, network: IpAddr) {
        if let Some(crowd) = self.crowds.get_mut(&network) {
            crowd.remove(&id);
            if crowd.is_empty() {
                self.crowds.remove(&network);
            }
        }
    }

    /// Ends the oldest stranger of a network. False when there is none that may be ended.
    pub(super) fn shed_of(&mut self, network: IpAddr, now: Instant) -> bool {
        let crowd = self.crowds.get(&network).into_iter().flatten();
        let oldest = crowd.copied().find(|id| self.entries.get(id).is_some_and(|entry| entry.may_go(now)));
        oldest.is_some_and(|id| self.shed(id))
    }

    /// Ends the oldest stranger. Who is believed is not ended for one who is not, unless they hold most of the `places`: then the
    /// oldest of them that nobody uses goes, else the oldest that is waited for.
    pub(super) fn shed_oldest(&mut self, places: usize, now: Instant) -> bool {
        let oldest = |is_it: fn(&Entry) -> bool| {
            self.entries.iter().find(|(_, entry)| entry.may_go(now) && is_it(entry)).map(|(id, _)| *id)
        };
        // On a busy machine others may only have been looked at late; who does not take an answer is at fault for sure.
        let unread = oldest(|entry| entry.standing == Standing::Stranger && entry.blocked_since.is_some());
        let id = unread.or_else(|| oldest(|entry| entry.standing == Standing::Stranger)).or_else(|| {
            let believed = self.entries.values().filter(|entry| entry.standing == Standing::Believed).count();
            (believed * 2 > places).then(|| oldest(|entry| entry.phase == Phase::Idle).or_else(|| oldest(|_| true)))?
        });
        id.is_some_and(|id| self.shed(id))
    }

    fn shed(&mut self, id: u64) -> bool {
        let Some(entry) = self.remove(id) else { return false };
        entry.cut.cancel();
        self.lost.shed += 1;
        self.lost.peer = Some(entry.network);
        metrics::counter!("redial_connections_shed_total").increment(1);
        true
    }

    pub(super) fn tell(&mut self, rules: Rules, now: Instant) {
        let lost = &self.lost;
        let is_quiet = lost.timed_out.is_empty() && lost.shed == 0 && lost.refused == 0;
        if is_quiet || lost.told.is_some_and(|told| now.duration_since(told) < REPORT_EVERY) {
            return;
        }
        let count = |phase: Phase| lost.timed_out.get(phase.as_str()).copied().unwrap_or_default();
        tracing::warn!(
            listener = rules.name,
            places = rules.places,
            open = self.entries.len(),
            calls = self.calls,
            shed = lost.shed,
            refused = lost.refused,
            first_byte = count(Phase::FirstByte),
            head = count(Phase::Head),
            body = count(Phase::Body),
            handler = count(Phase::Handler),
            answer = count(Phase::Answer),
            start = count(Phase::Start),
            last_peer = lost.peer.map(tracing::field::display),
            "connections are ended: shed for others, refused, or by what they were waited for too long"
        );
        self.lost = Lost { told: Some(now), ..Lost::default() };
    }
}
