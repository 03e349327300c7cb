//! Two gateways over one Redis, each with a disk of its own, and what their disks hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use redial_call::{Role, Turn};
use redial_memory::model::{Message, SessionDoc};
use redis::AsyncTypedCommands as _;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::faults::bed::contents::Contents;
use crate::faults::bed::outbox::Outbox;
use crate::support::line::Wire;
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

const PEPPER: &str = "6d0f2c1b9a8e7d6c5b4a39281706f5e4d3c2b1a0998877665544332211000fed";
/// All that waits is delivered by then, however slow the machine.
const DRAIN_LIMIT: Duration = Duration::from_secs(90);

/// Instances behind the two URLs that a number has.
pub(super) struct Gateways {
    pub(super) redis: RedisServer,
    pub(super) both: [(GatewayProcess, TempDir); 2],
}

impl Gateways {
    /// Calls of a gateway that was killed wait this long, in s, to be taken up again.
    pub(super) async fn start(resume_grace_s: &str) -> Self {
        let redis = RedisServer::start().await;
        let url = redis.url();
        let vars = [
            ("REDIS_URL", url.as_str()),
            ("MEMORY_PHONE_PEPPER", PEPPER),
            ("MEMORY_CONSENT", "implicit"), // the keys that are pressed here mean nothing
            ("RESUME_GRACE_SECONDS", resume_grace_s),
            ("TEST_HAND_OVER", "1"),
            ("TEST_LISTENS", "1"),
            ("MAX_CALLS_PER_CALLER", "10"),
            ("RUST_LOG", "info,redial_store::spool=debug"),
        ];
        let mut both = Vec::new();
        for _ in 0..2 {
            let dir = TempDir::new().unwrap();
            let process = GatewayProcess::start(dir.path(), &vars).await;
            process.ready().await;
            both.push((process, dir));
        }
        let Ok(both) = both.try_into() else { unreachable!("two were started") };
        Self { redis, both }
    }

    pub(super) fn wire(&self, at: usize) -> Wire {
        self.both[at].0.wire()
    }

    pub(super) fn dir(&self, at: usize) -> &Path {
        self.both[at].1.path()
    }

    /// What callers have said in each call that is open in a gateway's journal.
    pub(super) fn journal(&self, at: usize) -> BTreeMap<String, Vec<String>> {
        journal(self.dir(at))
    }

    /// Waits until callers' words of these calls are in the mirror.
    pub(super) async fn mirrored(&self, said: &BTreeMap<String, Vec<String>>) {
        let mut raw = self.redis.raw().await;
        let deadline = Instant::now() + Duration::from_secs(20);
        for (sid, said) in said {
            loop {
                let list = raw.lrange(format!("conversation:messages:{sid}"), 0, -1).await.unwrap();
                let turns = list.iter().map(|doc| serde_json::from_str::<Message>(doc).unwrap().turn);
                let there = by_caller(turns);
                if said.iter().all(|row| there.contains(row)) {
                    break;
                }
                assert!(Instant::now() < deadline, "{sid}: {said:?} is not mirrored, only {there:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until nothing waits and no call is open, on either disk.
    pub(super) async fn drained(&self) {
        let deadline = Instant::now() + DRAIN_LIMIT;
        loop {
            let [here, there] = [0, 1].map(|at| Outbox::of(self.dir(at)));
            if here.and(there) == Outbox::default() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {here:?} and {there:?}\n{}", self.warnings());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn contents(&self) -> Contents {
        Contents::of(&mut self.redis.raw().await).await
    }

    /// The latest warnings of both, for a test that fails.
    pub(super) fn warnings(&self) -> String {
        let logs = self.both.iter().map(|(process, _)| process.log()).collect::<String>();
        let bad = logs.lines().filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\""));
        let mut last: Vec<&str> = bad.rev().take(12).collect();
        last.reverse();
        last.join("\n")
    }
}

/// What callers have said in each open call of a journal.
pub(super) fn journal(dir: &Path) -> BTreeMap<String, Vec<String>> {
    let file = Connection::open_with_flags(dir.join("redial.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    file.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut rows = file.prepare("SELECT call.sid, doc FROM call LEFT JOIN turn ON turn.sid = call.sid").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    let mut turns: BTreeMap<String, Vec<Turn>> = BTreeMap::new();
    for (sid, doc) in rows.map(Result::unwrap) {
        let turns = turns.entry(sid).or_default();
        turns.extend(doc.map(|doc| serde_json::from_str::<Message>(&doc).unwrap().turn));
    }
    let in_order = |mut turns: Vec<Turn>| {
        turns.sort_by_key(|turn| turn.start_ms);
        by_caller(turns)
    };
    turns.into_iter().map(|(sid, turns)| (sid, in_order(turns))).collect()
}

/// What the caller said, of these turns, row by row: rows that were pressed without a pause are one turn.
pub(super) fn by_caller(turns: impl IntoIterator<Item = Turn>) -> Vec<String> {
    let texts = turns.into_iter().filter(|turn| turn.role == Role::Caller).map(|turn| turn.text);
    texts.flat_map(|text| text.split_inclusive('#').map(str::to_owned).collect::<Vec<_>>()).collect()
}

pub(super) fn said_in(session: &SessionDoc) -> Vec<String> {
    by_caller(session.conversation_history.iter().map(|message| message.turn.clone()))
}
