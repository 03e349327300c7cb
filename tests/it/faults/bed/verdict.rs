//! What is stored, compared with what was acknowledged and hung up.

use std::collections::{BTreeMap, BTreeSet};

use redial_call::Role;
use redial_memory::model::SessionDoc;

use super::caller::{Ended, keys};
use super::contents::Contents;
use super::outbox::Outbox;
use super::{Bed, Instance};
use crate::support::process::Acknowledged;

/// What was found; all lists are to be empty.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Turns that the gateway had said to be kept.
    pub(crate) acknowledged: usize,
    /// Hang-ups that the profiles count, over all callers.
    pub(crate) counted: u64,
    /// Turns and sessions that are missing.
    pub(crate) lost: Vec<String>,
    /// Turns and calls that are there twice, or out of order.
    pub(crate) duplicated: Vec<String>,
    /// Calls whose stream the gateway closed.
    pub(crate) dropped: Vec<String>,
    /// Whatever else must not be.
    wrong: Vec<String>,
}

impl Verdict {
    /// Looks everywhere.
    pub(super) async fn of(bed: &Bed) -> Self {
        let contents = Contents::of(&mut bed.redis.raw().await).await;
        let acknowledged: Acknowledged =
            bed.instances.iter().flat_map(|instance| instance.process.acknowledged()).collect();
        let mut verdict = Self { acknowledged: acknowledged.len(), ..Self::default() };
        verdict.look_at_sessions(&contents.sessions(), &acknowledged, &bed.ended);
        verdict.look_at_counts(&contents, &bed.ended);
        let outbox = bed.outbox();
        verdict.expect(outbox == Outbox::default(), || format!("left behind: {outbox:?}"));
        let endless = contents.without_ttl();
        verdict.expect(endless.is_empty(), || format!("keys without TTL: {endless:?}"));
        let numbers: BTreeSet<&str> = bed.ended.iter().map(|ended| &ended.number[ended.number.len() - 10..]).collect();
        verdict.look_for(&numbers, "Redis", contents.text().as_bytes());
        for Instance { process, dir } in &bed.instances {
            verdict.look_for(&numbers, "the log", process.log().as_bytes());
            verdict.look_for(&numbers, "the metrics", process.metrics().await.as_bytes());
            for file in ["redial.sqlite", "redial.sqlite-wal"] {
                // No write-ahead log is no place for a number.
                let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
                verdict.look_for(&numbers, file, &bytes);
            }
        }
        verdict
    }

    /// Fails the test unless all is well.
    pub(super) fn assert(&self, log: &str) {
        assert!(self.acknowledged > 0, "no turn was kept: nothing was tried");
        let well = [&self.lost, &self.duplicated, &self.dropped, &self.wrong].iter().all(|list| list.is_empty());
        assert!(well, "{self:#?}\n{log}");
    }

    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Each call is one session; what the gateway had acknowledged is in it, as it was pressed, in order, once.
    fn look_at_sessions(&mut self, sessions: &BTreeMap<String, SessionDoc>, kept: &Acknowledged, ended: &[Ended]) {
        for (sid, turn) in kept {
            let there = sessions
                .get(sid)
                .is_some_and(|session| session.conversation_history.iter().any(|m| u64::from(m.turn.id.0) == *turn));
            if !there {
                self.lost.push(format!("turn {turn} of {sid}"));
            }
        }
        for call in ended {
            if call.dropped {
                self.dropped.push(call.sid.clone());
            }
            let Some(session) = sessions.get(&call.sid) else {
                self.lost.push(format!("session {}", call.sid));
                continue;
            };
            let turns = || session.conversation_history.iter().map(|message| &message.turn);
            if !turns().map(|turn| turn.id.0).is_sorted_by(|a, b| a < b) {
                let ids: Vec<u32> = turns().map(|turn| turn.id.0).collect();
                self.duplicated.push(format!("turns of {}: {ids:?}", call.sid));
            }
            let said: String =
                turns().filter(|turn| turn.role == Role::Caller).map(|turn| turn.text.as_str()).collect();
            let pressed = keys(call.turns);
            let whole = if call.cut_off { pressed.starts_with(&said) } else { said == pressed };
            self.expect(whole, || format!("{}: {pressed} was pressed, {said} is stored", call.sid));
        }
        self.expect(sessions.len() == ended.len(), || format!("{} sessions, {} calls", sessions.len(), ended.len()));
    }

    /// Each hang-up is counted once, and is in one index.
    fn look_at_counts(&mut self, contents: &Contents, ended: &[Ended]) {
        self.counted = contents.profiles().values().map(|(calls, _)| calls).sum();
        let hung_up = ended.len() as u64;
        if self.counted > hung_up {
            self.duplicated.push(format!("{} calls counted for {hung_up}", self.counted));
        }
        if self.counted < hung_up {
            self.lost.push(format!("{} calls counted for {hung_up}", self.counted));
        }
        let callers: BTreeSet<&str> = ended.iter().map(|ended| ended.number.as_str()).collect();
        let users = contents.profiles().len();
        self.expect(users == callers.len(), || format!("{users} users for {} numbers", callers.len()));
        let mut indexed: Vec<String> = contents.indexes().into_values().flatten().collect();
        indexed.sort_unstable();
        let mut sids: Vec<String> = ended.iter().map(|ended| ended.sid.clone()).collect();
        sids.sort_unstable();
        self.expect(indexed == sids, || format!("{} calls in the indexes of {hung_up}", indexed.len()));
    }

    /// No number is in `bytes`: ten digits, as they are or with the country's 1 before them.
    fn look_for(&mut self, numbers: &BTreeSet<&str>, place: &str, bytes: &[u8]) {
        let digits = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        for (at, window) in bytes.windows(10).enumerate() {
            if window[0] != b'4' || !str::from_utf8(window).is_ok_and(|text| numbers.contains(text)) {
                continue;
            }
            // Ten digits in the middle of a longer number are a time.
            let before = at.checked_sub(1);
            let country = before.filter(|before| bytes[*before] == b'1').map_or(before, |before| before.checked_sub(1));
            if !country.is_some_and(digits) && !digits(at + 10) {
                self.wrong.push(format!("{} is in {place}", String::from_utf8_lossy(window)));
                return;
            }
        }
    }
}
