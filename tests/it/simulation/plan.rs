//! What happens in one history, drawn from its seed before it begins. Times are in ms since then.

use std::time::Duration;

use redial::identity::{Caller, PhoneHash, UserId};
use redial::memory::model::Session;

use crate::memory::session;

/// Calls of one history.
const CALLS: usize = 60;
/// Who makes them.
const CALLERS: u64 = 12;
/// Calls end, and faults begin, until then.
const BUSY_MS: u64 = 20_000;
/// Two calls of one caller end at least this far apart, so that their order is beyond doubt.
const APART_MS: u64 = 50;

/// One history.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which they end.
    pub(super) calls: Vec<PlannedCall>,
    /// In the order in which they begin.
    pub(super) faults: Vec<Fault>,
    /// Share of messages at which the link breaks, until all faults are over; what is under way is lost then.
    pub(super) loss: f64,
    /// No message takes longer.
    pub(super) slowest: Duration,
}

#[derive(Debug)]
pub(super) struct PlannedCall {
    pub(super) caller: Caller,
    pub(super) begins_at: u64,
    pub(super) ends_at: u64,
    /// What the gateway has to write when it ends.
    pub(super) session: Session,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) what: Trouble,
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
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut faults = one_by_one(&mut dice, 1..=4, |_| Trouble::ServerCrash);
        faults.extend(one_by_one(&mut dice, 0..=3, |_| Trouble::GatewayCrash));
        faults.extend(one_by_one(&mut dice, 1..=5, |dice| NETWORK[dice.below(4) as usize]));
        faults.sort_by_key(|fault| fault.begins_at);
        let loss = 0.02 * dice.below(101) as f64 / 100.0;
        let slowest = Duration::from_millis(1 + dice.below(200));
        Self { calls: calls(seed, &mut dice), faults, loss, slowest }
    }

    /// When the last fault is over and the last call has ended.
    pub(super) fn quiet_from(&self) -> u64 {
        let faults = self.faults.iter().map(|fault| fault.ends_at);
        faults.chain(self.calls.iter().map(|call| call.ends_at)).max().unwrap_or(0)
    }

    /// The callers, and the sessions of each in their order.
    pub(super) fn callers(&self) -> Vec<(&Caller, Vec<&Session>)> {
        let mut callers: Vec<(&Caller, Vec<&Session>)> = Vec::new();
        for call in &self.calls {
            match callers.iter_mut().find(|(caller, _)| caller.user_id == call.caller.user_id) {
                Some((_, sessions)) => sessions.push(&call.session),
                None => callers.push((&call.caller, vec![&call.session])),
            }
        }
        callers
    }
}

/// Faults of which each is over before the next begins; a third of them is short.
fn one_by_one(
    dice: &mut Dice,
    count: std::ops::RangeInclusive<u64>,
    what: impl Fn(&mut Dice) -> Trouble,
) -> Vec<Fault> {
    let count = count.start() + dice.below(count.end() - count.start() + 1);
    let share = BUSY_MS / count.max(1);
    let fault = |n: u64, dice: &mut Dice| {
        let begins_at = n * share + dice.below(share / 2);
        let longest = if dice.below(3) == 0 { 50 } else { share / 2 };
        Fault { what: what(dice), begins_at, ends_at: begins_at + 1 + dice.below(longest) }
    };
    (0..count).map(|n| fault(n, dice)).collect()
}

fn calls(seed: u64, dice: &mut Dice) -> Vec<PlannedCall> {
    let mut calls: Vec<PlannedCall> = Vec::new();
    while calls.len() < CALLS {
        let who = dice.below(CALLERS);
        let ends_at = 600 + dice.below(BUSY_MS);
        let begins_at = ends_at - 300 - dice.below(300);
        // Histories that run at once in one process share nothing, and so no user ids.
        let id = format!("{seed}x{who}");
        let user_id = UserId::parse(&format!("u_{id}")).unwrap();
        let near = |call: &PlannedCall| call.caller.user_id == user_id && call.ends_at.abs_diff(ends_at) < APART_MS;
        if calls.iter().any(near) {
            continue;
        }
        let caller = Caller { user_id, hash: Some(PhoneHash::parse(&format!("hash{id}")).unwrap()) };
        let said = ["hello", "it is me", "goodbye"];
        let said = &said[..1 + dice.below(3) as usize];
        let session = session(&format!("CA{:02}", calls.len()), &caller, said, 1_790_000_000_000 + ends_at);
        calls.push(PlannedCall { caller, begins_at, ends_at, session });
    }
    calls.sort_by_key(|call| call.ends_at);
    calls
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
}
