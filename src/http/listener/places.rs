//! Who may be connected, for how long, and who goes when there is no room for the next.
//!
//! A stranger is whoever has not sent a request that was believed. Strangers share a bounded number of places, and where
//! these are full the one who came first goes: a carrier is done with its request in a moment, so who has been here for
//! longest is the least likely to be one. A call has left these places: how many there are is the affair of
//! [`crate::calls`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redial_outgoing::is_public;
use tokio_util::sync::CancellationToken;

/// How long a client may say nothing at all.
const FIRST_BYTE_LIMIT: Duration = Duration::from_secs(3);
/// How long a client may take for its request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(3);
/// How long a client may take for its request's body, 64 kB at most.
const BODY_LIMIT: Duration = Duration::from_secs(5);
/// How long a client may let an answer stand: a document of the carrier's is a few hundred bytes.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The same for what operators fetch, such as all that is known of a caller.
const LONG_ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long a stranger's connection is kept for another request.
const STRANGER_IDLE_LIMIT: Duration = Duration::from_secs(5);
/// The same for somebody whose requests are believed: longer than proxies keep theirs, so that it is they who close.
const IDLE_LIMIT: Duration = Duration::from_secs(75);
/// How long an upgraded stream may go without its `start`. Its own, shorter limits come first.
const START_LIMIT: Duration = Duration::from_secs(15);
/// Whoever is to go has been looked at, and has had nothing for us for this long. A burst of connections must not push out
/// one whose request is here and was not read yet.
const GRACE: Duration = Duration::from_millis(50);
/// At most one line about lost connections in this time.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The carrier's own limit for a webhook is 15 s.
const WEBHOOK_LIMIT: Duration = Duration::from_secs(10);
/// A check of all that is remembered may take minutes.
const OPERATION_LIMIT: Duration = Duration::from_secs(300);
/// Strangers at once from one address of the internet. Carriers and proxies send hundreds of requests a second from one,
/// each of which is believed some ms later.
const STRANGERS_PER_PEER: usize = 256;
/// Requests of a stranger on one connection; a probe that keeps its connection simply opens another one.
const REQUESTS_OF_STRANGER: u32 = 16;
/// Operators' connections at once.
pub(crate) const OPERATORS: usize = 64;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The client's first byte.
    FirstByte,
    /// The rest of a request's head.
    Head,
    /// The rest of its body.
    Body,
    /// Our answer.
    Handler,
    /// That the client takes the answer.
    Answer,
    /// Another request.
    Idle,
    /// A stream's `start`.
    Start,
    /// The end of a call.
    Call,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte",
            Self::Head => "head",
            Self::Body => "body",
            Self::Handler => "handler",
            Self::Answer => "answer",
            Self::Idle => "idle",
            Self::Start => "start",
            Self::Call => "call",
        }
    }
}

/// What holds for a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Its name in metrics and logs.
    name: &'static str,
    /// Connections at once that are no calls.
    places: usize,
    /// How long an answer may take us.
    handler: Duration,
    /// How long it may take to reach the client.
    answer: Duration,
}

impl Rules {
    /// For the carrier, and for strangers.
    pub(crate) const fn public(places: usize) -> Self {
        Self { name: "public", places, handler: WEBHOOK_LIMIT, answer: ANSWER_LIMIT }
    }

    pub(crate) const fn operators() -> Self {
        Self { name: "operators", places: OPERATORS, handler: OPERATION_LIMIT, answer: LONG_ANSWER_LIMIT }
    }
}

/// The connections of a listener.
#[derive(Debug)]
pub(crate) struct Places {
    rules: Rules,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    /// All connections, calls as well, in the order in which they came.
    entries: BTreeMap<u64, Entry>,
    /// Strangers, by the network that they come from.
    crowds: HashMap<IpAddr, BTreeSet<u64>>,
    calls: usize,
    lost: Lost,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    standing: Standing,
    phase: Phase,
    since: Instant,
    /// Since when the client has not taken all that was written.
    blocked_since: Option<Instant>,
    /// Since when nothing has come that the phase waits for.
    waited_since: Option<Instant>,
    cut: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Believed,
    Call,
}

/// What was lost since it was last told.
#[derive(Debug, Default)]
struct Lost {
    told: Option<Instant>,
    timed_out: BTreeMap<&'static str, u64>,
    shed: u64,
    refused: u64,
    /// The last one's.
    peer: Option<IpAddr>,
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
        table.entries.insert(
            id,
            Entry {
                network,
                standing: Standing::Stranger,
                phase: Phase::FirstByte,
                since: Instant::now(),
                blocked_since: None,
                waited_since: None,
                cut: cut.clone(),
            },
        );
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
            table.entries.iter().filter_map(|(id, entry)| Some((*id, self.overdue(entry, now)?))).collect();
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

    /// The phase in which a connection has been for too long.
    fn overdue(&self, entry: &Entry, now: Instant) -> Option<Phase> {
        let limit = match entry.phase {
            Phase::FirstByte => FIRST_BYTE_LIMIT,
            Phase::Head => HEAD_LIMIT,
            Phase::Body => BODY_LIMIT,
            Phase::Handler => self.rules.handler,
            Phase::Answer => self.rules.answer,
            Phase::Idle if entry.standing == Standing::Stranger => STRANGER_IDLE_LIMIT,
            Phase::Idle => IDLE_LIMIT,
            Phase::Start => START_LIMIT,
            Phase::Call => return None,
        };
        if entry.blocked_since.is_some_and(|since| now.duration_since(since) >= self.rules.answer) {
            return Some(Phase::Answer);
        }
        (now.duration_since(entry.since) >= limit).then_some(entry.phase)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code panics while it holds the lock, and the table is whole between any two of its methods.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        match entry.standing {
            Standing::Stranger => self.leave_crowd(id, entry.network),
            Standing::Call => self.calls -= 1,
            Standing::Believed => (),
        }
        Some(entry)
    }

    fn leave_crowd(&mut self, id: u64, network: IpAddr) {
        if let Some(crowd) = self.crowds.get_mut(&network) {
            crowd.remove(&id);
            if crowd.is_empty() {
                self.crowds.remove(&network);
            }
        }
    }

    /// Ends the oldest stranger of a network. False when there is none that may be ended.
    fn shed_of(&mut self, network: IpAddr, now: Instant) -> bool {
        let crowd = self.crowds.get(&network).into_iter().flatten();
        let oldest = crowd.copied().find(|id| self.entries.get(id).is_some_and(|entry| entry.may_go(now)));
        oldest.is_some_and(|id| self.shed(id))
    }

    /// Ends the oldest stranger. Who is believed is not ended for one who is not, unless they hold most of the `places`: then the
    /// oldest of them that nobody uses goes, else the oldest that is waited for.
    fn shed_oldest(&mut self, places: usize, now: Instant) -> bool {
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

    fn tell(&mut self, rules: Rules, now: Instant) {
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

impl Entry {
    /// A request that is here is answered, also a stranger's: that takes us a moment, and nobody can draw it out.
    fn may_go(&self, now: Instant) -> bool {
        let waits = self.waited_since.or(self.blocked_since).is_some_and(|since| now.duration_since(since) >= GRACE);
        waits && self.standing != Standing::Call && self.phase != Phase::Handler
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

impl Entry {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
        // Of an idle connection nothing is asked.
        self.waited_since = (phase == Phase::Idle).then_some(self.since);
    }
}

/// What counts as one peer: an IPv6 customer has 2^64 addresses.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";

    fn places(count: usize) -> Arc<Places> {
        Places::new(Rules::public(count))
    }

    /// Somebody who comes when all others have waited for a while, and then has nothing to say.
    fn from(places: &Arc<Places>, peer: &str) -> Option<Arc<Place>> {
        let place = places.admit(peer.parse().unwrap(), Instant::now() + GRACE)?;
        place.waits();
        Some(place)
    }

    fn is_cut(place: &Option<Arc<Place>>) -> bool {
        place.as_ref().unwrap().cut().is_cancelled()
    }

    #[test]
    fn when_all_places_are_taken_the_oldest_stranger_goes_and_the_newest_comes_in() {
        let places = places(3);
        let strangers: Vec<_> = (0..3).map(|_| from(&places, LOOPBACK)).collect();
        let newest = from(&places, LOOPBACK);
        assert_eq!(strangers.iter().map(is_cut).collect::<Vec<_>>(), [true, false, false]);
        assert!(!is_cut(&newest));
    }

    #[test]
    fn a_burst_pushes_nobody_out_whose_request_was_not_looked_at() {
        let (places, peer, start) = (places(3), LOOPBACK.parse().unwrap(), Instant::now());
        let burst: Vec<_> = (0..3).map(|_| places.admit(peer, start)).collect();
        assert!(places.admit(peer, start + Duration::from_secs(60)).is_none(), "nobody was looked at yet");
        burst[1].as_ref().unwrap().waits();
        assert!(places.admit(peer, start).is_none(), "its request may be on its way");
        let next = places.admit(peer, Instant::now() + GRACE);
        assert_eq!(burst.iter().map(is_cut).collect::<Vec<_>>(), [false, true, false]);
        assert!(next.is_some());
    }

    #[test]
    fn who_is_believed_or_about_to_be_answered_stays_while_there_are_strangers() {
        let places = places(3);
        let [believed, asking, silent] = [(); 3].map(|()| from(&places, LOOPBACK));
        believed.as_ref().unwrap().believe();
        believed.as_ref().unwrap().enter(Phase::Idle);
        asking.as_ref().unwrap().enter(Phase::Handler);
        let next = from(&places, LOOPBACK);
        assert_eq!([is_cut(&believed), is_cut(&asking), is_cut(&silent)], [false, false, true]);
        next.as_ref().unwrap().enter(Phase::Handler);
        assert!(from(&places, LOOPBACK).is_none() && !is_cut(&believed), "a stranger waits for one who is believed");
        // Unless those have most of the places.
        next.as_ref().unwrap().believe();
        next.as_ref().unwrap().enter(Phase::Idle);
        let last = from(&places, LOOPBACK);
        assert!(is_cut(&believed) && !is_cut(&asking) && !is_cut(&next), "the oldest of the believed goes last");
        last.as_ref().unwrap().enter(Phase::Handler);
        assert!(from(&places, LOOPBACK).is_none(), "all are being answered");
    }

    #[test]
    fn calls_take_nobodys_place_and_are_never_ended() {
        let places = places(2);
        let calls: Vec<_> =
            (0..10).map(|_| from(&places, LOOPBACK)).inspect(|call| call.as_ref().unwrap().begin_call()).collect();
        let strangers: Vec<_> = (0..100).map(|_| from(&places, LOOPBACK)).collect();
        places.sweep(Instant::now() + Duration::from_secs(3600));
        assert!(!calls.iter().any(is_cut));
        assert!(strangers.iter().all(is_cut));
        calls[0].as_ref().unwrap().leave();
        assert_eq!(places.lock().calls, 9);
    }

    #[test]
    fn one_address_of_the_internet_pushes_out_only_its_own() {
        let places = places(1024);
        let other = from(&places, "8.8.8.8");
        let crowd: Vec<_> = (0..2000).map(|_| from(&places, "1.1.1.1")).collect();
        assert_eq!(crowd.iter().filter(|place| !is_cut(place)).count(), STRANGERS_PER_PEER);
        assert!(!is_cut(&other));
        // A whole /64 is one.
        let crowd: Vec<_> = (0..2000).map(|n| from(&places, &format!("2606:4700::{n:x}"))).collect();
        assert_eq!(crowd.iter().filter(|place| !is_cut(place)).count(), STRANGERS_PER_PEER);
        // Behind a proxy there is one address, and it may have all places.
        for proxy in ["127.0.0.1", "10.0.0.7", "::ffff:172.17.0.1", "fd00::7"] {
            let places = self::places(1024);
            let crowd: Vec<_> = (0..1024).map(|_| from(&places, proxy)).collect();
            assert!(!crowd.iter().any(is_cut), "{proxy}");
        }
    }

    #[test]
    fn each_phase_has_its_deadline() {
        let second = Duration::from_secs(1);
        for (phase, limit) in [
            (Phase::FirstByte, FIRST_BYTE_LIMIT),
            (Phase::Head, HEAD_LIMIT),
            (Phase::Body, BODY_LIMIT),
            (Phase::Handler, WEBHOOK_LIMIT),
            (Phase::Answer, ANSWER_LIMIT),
            (Phase::Idle, STRANGER_IDLE_LIMIT),
            (Phase::Start, START_LIMIT),
        ] {
            let places = places(10);
            let place = from(&places, LOOPBACK);
            place.as_ref().unwrap().enter(phase);
            let entered = Instant::now();
            places.sweep(entered + limit - second);
            assert!(!is_cut(&place), "{phase:?}");
            places.sweep(entered + limit);
            assert!(is_cut(&place), "{phase:?}");
        }
    }

    #[test]
    fn a_client_that_reads_a_little_now_and_then_is_not_kept() {
        let places = places(10);
        let place = from(&places, LOOPBACK);
        let connection = place.as_ref().unwrap();
        connection.blocked();
        let blocked = Instant::now();
        // One answer after the other begins, and none is taken whole.
        for phase in [Phase::Answer, Phase::Body, Phase::Handler, Phase::Answer] {
            connection.enter(phase);
            connection.blocked();
        }
        places.sweep(blocked + ANSWER_LIMIT);
        assert!(is_cut(&place));
    }

    #[test]
    fn an_entry_that_is_over_leaves_nothing_behind() {
        let places = places(4);
        let all: Vec<_> = (0..4).map(|_| from(&places, LOOPBACK)).collect();
        all[1].as_ref().unwrap().believe();
        all[2].as_ref().unwrap().begin_call();
        assert!(places.make_room(Instant::now() + GRACE));
        for place in all.iter().flatten() {
            place.leave();
            place.leave();
        }
        let table = places.lock();
        assert!(table.entries.is_empty() && table.crowds.is_empty() && table.calls == 0, "{table:?}");
    }
}
