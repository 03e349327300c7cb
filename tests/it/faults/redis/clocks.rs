//! The gateway's clock jumps, or is wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::consent::ConsentMode;
use redial_memory::model::{Message, Metadata, SCHEMA_VERSION, SessionDoc};
use redial_store::clock::{self, Clock};
use redial_store::directory::Memory;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Deliverer, LiveCalls, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::faults::bed::contents::Contents;
use crate::faults::bed::monitor::Monitor;
use crate::faults::bed::seconds;
use crate::support::redis::RedisServer;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const CALLERS: usize = 5;

/// A machine's clock that is off by what the test says.
pub(super) struct Skew(Arc<AtomicI64>);

impl Skew {
    pub(super) fn of(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    fn jump(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        (self.clock())()
    }

    fn clock(&self) -> Clock {
        let (skew, right) = (Arc::clone(&self.0), clock::system());
        Arc::new(move || right().saturating_add_signed(skew.load(Ordering::Relaxed)))
    }
}

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

/// Journal and outbox of a machine with this clock.
pub(super) struct Machine {
    pub(super) spool: Arc<Spool>,
    skew: Skew,
    name: &'static str,
    calls: usize,
    _stop: DropGuard,
}

impl Machine {
    fn start(name: &'static str, dir: &Path, server: &RedisServer, skew: Skew) -> Self {
        Self::with(name, dir, server, skew, SpoolSettings::default())
    }

    pub(super) fn with(
        name: &'static str,
        dir: &Path,
        server: &RedisServer,
        skew: Skew,
        settings: SpoolSettings,
    ) -> Self {
        let store = RedisStore::connect(&server.url().as_str().into(), StoreSettings::default()).unwrap();
        let database = Arc::new(Database::open(&dir.join("redial.sqlite"), skew.clock()).unwrap());
        let spool = Arc::new(Spool::open(database, Some(dir), settings).unwrap());
        let stop = CancellationToken::new();
        let sinks = Sinks {
            store: Arc::new(store) as Arc<dyn Memory>,
            mirror: None,
            archive: None,
            summarizer: None,
            consent: ConsentMode::Implicit,
            live: Arc::new(NoCalls),
        };
        tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
        Self { spool, skew, name, calls: 0, _stop: stop.drop_guard() }
    }

    /// One call of each caller is over.
    pub(super) async fn round(&mut self) -> Vec<String> {
        self.calls += 1;
        let mut sids = Vec::new();
        for n in 0..CALLERS {
            let sid = format!("{}_{n}_{}", self.name, self.calls);
            let uid = format!("u_{n}");
            let caller = Caller {
                user_id: UserId::parse(&uid).unwrap(),
                hash: Some(PhoneHash::parse(&format!("h{n}")).unwrap()),
            };
            self.spool.close(&caller, session(&uid, &sid, self.skew.now())).await.unwrap();
            sids.push(sid);
        }
        sids
    }
}

fn session(uid: &str, sid: &str, now: u64) -> SessionDoc {
    let turn = Turn {
        id: TurnId(1),
        role: Role::Caller,
        via: Via::Voice,
        text: format!("this is {sid}"),
        cut: String::new(),
        never_sent: String::new(),
        acts: Vec::new(),
        start_ms: 0,
        end_ms: 900,
    };
    SessionDoc {
        session_id: sid.parse().unwrap(),
        conversation_history: vec![Message { turn }],
        last_update: String::new(),
        metadata: Metadata::default(),
        v: SCHEMA_VERSION,
        user_id: uid.to_owned(),
        started_at: now - 1000,
        ended_at: now,
        end_reason: "caller_hung_up".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_jump_or_are_wrong_change_neither_order_nor_ttl() {
    let mut server = RedisServer::start().await;
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let mut jumps = Machine::start("jumps", dirs[0].path(), &server, Skew::of(0));
    let mut early = Machine::start("early", dirs[1].path(), &server, Skew::of(-10 * MINUTE_MS));
    let mut said = Vec::new();
    for jump in [0, HOUR_MS, -HOUR_MS, 1000, -2 * HOUR_MS] {
        // Refused for want of memory: when it is tried again is told by the clock, which is then set back.
        room(&server, "1").await;
        jumps.skew.jump(jump);
        said.extend(jumps.round().await);
        said.extend(early.round().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        jumps.skew.jump(-HOUR_MS);
        room(&server, "0").await;
        said.extend(jumps.round().await);
    }
    let healed = Instant::now();
    for machine in [&jumps, &early] {
        assert!(machine.spool.delivered(seconds(60)).await, "{} still waits", machine.name);
    }
    let drained = healed.elapsed();
    // All of it once more, to a Redis that has forgotten it.
    server.kill();
    said.extend(jumps.round().await);
    jumps.skew.jump(-HOUR_MS);
    server.restart().await;
    let monitor = Monitor::start(&server).await;
    let mut raw = server.raw().await;
    let deadline = Instant::now() + seconds(20);
    let contents = loop {
        let contents = Contents::of(&mut raw).await;
        if contents.sessions().len() == said.len() {
            break contents;
        }
        let (there, all) = (contents.sessions().len(), said.len());
        assert!(Instant::now() < deadline, "{there} sessions of {all}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    let order = monitor.sessions();
    for machine in ["jumps", "early"] {
        for n in 0..CALLERS {
            let of = |sids: &[String]| -> Vec<String> {
                sids.iter().filter(|sid| sid.starts_with(&format!("{machine}_{n}_"))).cloned().collect()
            };
            // Who looks on may have come a moment after the first deliveries.
            let (seen, said) = (of(&order), of(&said));
            assert!(
                !seen.is_empty() && said.ends_with(&seen),
                "{machine}, caller {n}: out of order, or twice: {seen:?}"
            );
        }
    }
    let counted: u64 = contents.profiles().values().map(|(calls, _)| calls).sum();
    assert_eq!(counted, said.len() as u64);
    let settings = StoreSettings::default();
    let (session_s, profile_s) = (settings.session_ttl.as_secs(), settings.profile_ttl.unwrap().as_secs());
    for sid in &said {
        within_a_minute(contents.ttl_s(&format!("sarah:session:{sid}")), session_s);
    }
    for n in 0..CALLERS {
        within_a_minute(contents.ttl_s(&format!("sarah:user:u_{n}:profile")), profile_s);
        within_a_minute(contents.ttl_s(&format!("sarah:phone:h{n}")), profile_s);
    }
    eprintln!(
        "row 19 clocks jump by hours, one is 10 min off: {} hang-ups, lost 0, duplicated 0, out of order 0, drained {} ms after healing",
        said.len(),
        drained.as_millis()
    );
}

/// Gives Redis so many bytes to keep things in; 0: without limit.
async fn room(server: &RedisServer, bytes: &str) {
    let mut raw = server.raw().await;
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec_async(&mut raw).await.unwrap();
}

fn within_a_minute(ttl_s: i64, expected_s: u64) {
    let expected_s = i64::try_from(expected_s).unwrap();
    assert!((expected_s - 60..=expected_s).contains(&ttl_s), "a TTL of {ttl_s} s instead of {expected_s} s");
}
