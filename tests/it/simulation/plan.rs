//! What happens in one history, drawn from its seed before it begins. Times are in ms since then.

use std::time::Duration;

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::Message;

use crate::support::toy_redis::Restart;

/// Calls of one history.
const CALLS: usize = 60;
/// Who makes them.
const CALLERS: u64 = 12;
/// Calls end, and faults begin, until then.
const BUSY_MS: u64 = 20_000;
/// Two calls of one caller end at least this far apart, so that their order is beyond doubt.
const APART_MS: u64 = 50;
/// The Unix time in ms at which every history begins.
pub(super) const EPOCH_MS: u64 = 1_790_000_000_000;

/// What kind of world the histories are lived in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// The server keeps what it was given.
    Keeps,
    /// The server has forgotten everything whenever it starts again.
    Forgets,
    /// Two gateways, each with a journal and an outbox of its own, take the calls of the same callers. In every other
    /// history the server forgets.
    TwoGateways,
    /// As `Forgets`, and nothing is sent again.
    ForgetsForGood,
}

impl Family {
    pub(super) fn gateways(self) -> usize {
        if self == Self::TwoGateways { 2 } else { 1 }
    }

    pub(super) fn restart(self, seed: u64) -> Restart {
        match self {
            Self::Keeps => Restart::Keeps,
            Self::Forgets | Self::ForgetsForGood => Restart::Forgets,
            Self::TwoGateways if seed.is_multiple_of(2) => Restart::Keeps,
            Self::TwoGateways => Restart::Forgets,
        }
    }

    /// How long deliveries are kept to be sent again.
    pub(super) fn replay(self) -> Duration {
        if self == Self::ForgetsForGood { Duration::ZERO } else { Duration::from_secs(3600) }
    }
}

/// One history.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) callers: Vec<Caller>,
    /// In the order in which they end.
    pub(super) calls: Vec<PlannedCall>,
    pub(super) erasures: Vec<Erasure>,
    /// In the order in which they begin.
    pub(super) faults: Vec<Fault>,
    /// Share of messages at which the link breaks, until all faults are over; what is under way is lost then.
    pub(super) loss: f64,
    /// No message takes longer.
    pub(super) slowest: Duration,
    /// No write to a gateway's disk takes longer.
    pub(super) slowest_disk: Duration,
}

#[derive(Debug)]
pub(super) struct PlannedCall {
    pub(super) sid: String,
    /// Whose call, by number.
    pub(super) caller: usize,
    /// Which gateway the carrier brings it to.
    pub(super) gateway: usize,
    pub(super) begins_at: u64,
    /// What is said, each with the time at which it has been.
    pub(super) turns: Vec<(u64, Message)>,
    pub(super) ends_at: u64,
    /// Whether the carrier brings it back when its gateway dies, how much later, and to which gateway.
    pub(super) comes_back: Option<(u64, usize)>,
}

/// A caller is forgotten, by order of somebody at one gateway. No call of theirs begins after that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Erasure {
    pub(super) caller: usize,
    pub(super) gateway: usize,
    pub(super) at: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) what: Trouble,
    /// Which gateway, or whose network. A crash of the server concerns all.
    pub(super) gateway: usize,
    pub(super) begins_at: u64,
    pub(super) ends_at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    ServerCrash,
    GatewayCrash,
    /// Everything between the two is lost.
    Partition,
    RequestsLost,
    RepliesLost,
    /// Everything is held back, and comes at once when it is over.
    Clogged,
}

impl Trouble {
    pub(super) fn is_of_network(self) -> bool {
        NETWORK.contains(&self)
    }
}

const NETWORK: [Trouble; 4] = [Trouble::Partition, Trouble::RequestsLost, Trouble::RepliesLost, Trouble::Clogged];

impl Plan {
    pub(super) fn of(family: Family, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let gateways = family.gateways();
        let mut faults = one_by_one(&mut dice, gateways, 1..=4, |_| Trouble::ServerCrash);
        faults.extend(one_by_one(&mut dice, gateways, 0..=3, |_| Trouble::GatewayCrash));
        faults.extend(one_by_one(&mut dice, gateways, 1..=5, |dice| NETWORK[dice.below(4) as usize]));
        faults.sort_by_key(|fault| fault.begins_at);
        let loss = 0.02 * dice.below(101) as f64 / 100.0;
        let slowest = Duration::from_millis(1 + dice.below(200));
        let slowest_disk = Duration::from_millis([0, 4, 20][dice.below(3) as usize]);
        // Histories that run at once in one process share nothing, and so no user ids.
        let caller = |who| {
            let id = format!("{family:?}{seed}x{who}");
            let hash = PhoneHash::parse(&format!("hash{id}")).unwrap();
            Caller { user_id: UserId::parse(&format!("u_{id}")).unwrap(), hash: Some(hash) }
        };
        let callers = (0..CALLERS).map(caller).collect();
        let mut calls = calls(&mut dice, gateways);
        let erasures = erasures(&mut dice, gateways);
        calls.retain(|call| !erasures.iter().any(|it| it.caller == call.caller && it.at < call.begins_at));
        Self { callers, calls, erasures, faults, loss, slowest, slowest_disk }
    }

    /// When the last fault is over, the last call has ended and the last caller is to be forgotten.
    pub(super) fn quiet_from(&self) -> u64 {
        let faults = self.faults.iter().map(|fault| fault.ends_at);
        let erasures = self.erasures.iter().map(|erasure| erasure.at);
        faults.chain(erasures).chain(self.calls.iter().map(|call| call.ends_at)).max().unwrap_or(0)
    }

    pub(super) fn is_erased(&self, caller: usize) -> bool {
        self.erasures.iter().any(|erasure| erasure.caller == caller)
    }

    pub(super) fn caller_of(&self, call: &PlannedCall) -> &Caller {
        &self.callers[call.caller]
    }
}

/// Faults of which each is over before the next begins; a third of them is short.
fn one_by_one(
    dice: &mut Dice,
    gateways: usize,
    count: std::ops::RangeInclusive<u64>,
    what: impl Fn(&mut Dice) -> Trouble,
) -> Vec<Fault> {
    let count = count.start() + dice.below(count.end() - count.start() + 1);
    let share = BUSY_MS / count.max(1);
    let fault = |n: u64, dice: &mut Dice| {
        let begins_at = n * share + dice.below(share / 2);
        let longest = if dice.below(3) == 0 { 50 } else { share / 2 };
        let gateway = dice.one_of(gateways);
        Fault { what: what(dice), gateway, begins_at, ends_at: begins_at + 1 + dice.below(longest) }
    };
    (0..count).map(|n| fault(n, dice)).collect()
}

fn calls(dice: &mut Dice, gateways: usize) -> Vec<PlannedCall> {
    let mut calls: Vec<PlannedCall> = Vec::new();
    while calls.len() < CALLS {
        let caller = dice.below(CALLERS) as usize;
        let ends_at = 600 + dice.below(BUSY_MS);
        let begins_at = ends_at - 300 - dice.below(300);
        let near = |call: &PlannedCall| call.caller == caller && call.ends_at.abs_diff(ends_at) < APART_MS;
        if calls.iter().any(near) {
            continue;
        }
        let count = 1 + dice.below(4);
        let lasts = ends_at - begins_at;
        let said_at = |n: u64| begins_at + lasts * (n + 1) / (count + 1);
        let comes_back = (dice.below(2) == 0).then(|| (100 + dice.below(5000), dice.one_of(gateways)));
        calls.push(PlannedCall {
            sid: format!("CA{:02}", calls.len()),
            caller,
            gateway: dice.one_of(gateways),
            begins_at,
            turns: (0..count).map(|n| (said_at(n), message(n as u32))).collect(),
            ends_at,
            comes_back,
        });
    }
    calls.sort_by_key(|call| call.ends_at);
    calls
}

/// A caller's and the agent's turn by turns.
fn message(n: u32) -> Message {
    let (role, text) = match n % 2 {
        0 => (Role::Caller, format!("I am calling about order {n}")),
        _ => (Role::Agent, format!("I have noted number {n}")),
    };
    let start_ms = u64::from(n) * 1000;
    let (cut, never_sent) = (String::new(), String::new());
    let turn = Turn {
        id: TurnId(n),
        role,
        via: Via::Voice,
        text,
        cut,
        never_sent,
        acts: Vec::new(),
        start_ms,
        end_ms: start_ms + 900,
    };
    Message { turn }
}

/// In every third history, up to two callers are forgotten.
fn erasures(dice: &mut Dice, gateways: usize) -> Vec<Erasure> {
    let count = if dice.below(3) == 0 { 1 + dice.below(2) } else { 0 };
    let first = dice.below(CALLERS);
    let erasure = |n: u64, dice: &mut Dice| Erasure {
        caller: ((first + n) % CALLERS) as usize,
        gateway: dice.one_of(gateways),
        at: BUSY_MS / 4 + dice.below(BUSY_MS / 2),
    };
    (0..count).map(|n| erasure(n, dice)).collect()
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    /// A number below `limit`, which is not 0; the bias of the remainder is of no matter here.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn one_of(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }
}
