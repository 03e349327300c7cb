//! The hosts and the network between them, and what a plan does to them.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use redial_supervision::jitter;
use tempfile::TempDir;
use turmoil::Sim;
use turmoil::net::TcpListener;

use super::desk::{Desk, History, note, note_at};
use super::gateway::{self, Premises};
use super::oracle;
use super::plan::{EPOCH_MS, Family, Fault, Plan, Trouble};
use crate::support::toy_redis::{Reply, ToyRedis};

pub(super) const SERVER: &str = "redis";
const GATEWAYS: [&str; 2] = ["gateway-0", "gateway-1"];
pub(super) const PORT: u16 = 6379;
/// Messages arrive at multiples of this; timers in the hosts are exact to the ms.
const TICK: Duration = Duration::from_millis(10);
/// How often it is looked whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Where the gateways' files are if it is there: in memory, as their disks' time is simulated too.
const MEMORY_FILES: &str = "/dev/shm";

/// A history that was lived.
pub(super) struct Lived {
    pub(super) seed: u64,
    /// What the oracle says against it.
    pub(super) wrong: Option<String>,
    /// Each command that the server executed, each fault, what callers were told, with its time in ms.
    pub(super) history: Vec<String>,
    /// When all was as it should be, after the last fault.
    pub(super) settled_after: Duration,
    pub(super) server_crashes: u64,
    pub(super) gateway_crashes: u64,
    pub(super) network_faults: u64,
    pub(super) erasures: u64,
}

impl Lived {
    /// How often the server answered a commit with this.
    pub(super) fn answered(&self, status: &str) -> u64 {
        let told = format!(" commit {status}");
        self.history.iter().filter(|line| line.ends_with(&told)).count() as u64
    }
}

/// What the server was told, in the order in which it was.
#[derive(Default)]
struct Seen {
    /// Sessions by when they were written for the first time, in whatever life of the server.
    first_written: Vec<String>,
}

/// A history as it goes on.
struct World<'a> {
    sim: Sim<'a>,
    desk: Rc<Desk>,
    toy: ToyRedis,
    seen: Arc<Mutex<Seen>>,
    data_dirs: Vec<PathBuf>,
    /// What is wrong with the network, and whose.
    network: Cell<Option<(Trouble, usize)>>,
}

/// Lives the history of `seed` until all is as it should be, or `patience` after the last fault.
pub(super) fn live(family: Family, seed: u64, patience: Duration) -> Lived {
    jitter::repeatable(seed);
    let (plan, history, seen) = (Plan::of(family, seed), History::default(), Arc::<Mutex<Seen>>::default());
    let toy = ToyRedis::new(family.restart(seed));
    let toy = witnessed(toy, Arc::clone(&history), Arc::clone(&seen));
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
        .tick_duration(TICK)
        .max_message_latency(plan.slowest)
        .fail_rate(plan.loss)
        .build();
    let served = toy.clone();
    sim.host(SERVER, move || serve(served.clone()));
    let desk = Rc::new(Desk::new(plan, history));
    let files = files();
    let data_dirs: Vec<_> = GATEWAYS[..family.gateways()].iter().map(|name| files.path().join(name)).collect();
    for (number, data_dir) in data_dirs.iter().enumerate() {
        let premises = Premises { number, data_dir: data_dir.clone(), replay: family.replay() };
        let desk = Rc::clone(&desk);
        sim.host(GATEWAYS[number], move || gateway::live(premises.clone(), Rc::clone(&desk)));
    }

    let mut world = World { sim, desk: Rc::clone(&desk), toy, seen, data_dirs, network: Cell::new(None) };
    let ran = world.run(patience);
    drop(world);
    let count = |of: fn(Trouble) -> bool| desk.plan.faults.iter().filter(|fault| of(fault.what)).count() as u64;
    Lived {
        seed,
        settled_after: *ran.as_ref().unwrap_or(&patience),
        wrong: ran.err(),
        server_crashes: count(|what| what == Trouble::ServerCrash),
        gateway_crashes: count(|what| what == Trouble::GatewayCrash),
        network_faults: count(Trouble::is_of_network),
        erasures: desk.plan.erasures.len() as u64,
        history: std::mem::take(&mut desk.history.lock().unwrap()),
    }
}

impl World<'_> {
    /// Moves time on, step by step, and makes the faults begin and end. Answers how long after the last of them all was as
    /// it should be.
    fn run(&mut self, patience: Duration) -> Result<Duration, String> {
        let quiet_from = Duration::from_millis(self.desk.plan.quiet_from());
        let both = |fault: &Fault| [(fault.begins_at, *fault, true), (fault.ends_at, *fault, false)];
        let mut due: Vec<_> = self.desk.plan.faults.iter().flat_map(both).collect();
        due.sort_by_key(|(at, ..)| *at);
        let mut due = due.into_iter().peekable();
        let mut look_at = quiet_from;
        loop {
            let now = self.sim.elapsed();
            while let Some((_, fault, begins)) = due.next_if(|(at, ..)| Duration::from_millis(*at) <= now) {
                let what = format!("{:?} {} {}", fault.what, fault.gateway, if begins { "begins" } else { "ends" });
                note_at(&self.desk.history, now, &what);
                if begins { self.begin(fault) } else { self.end(fault) }
            }
            if now >= quiet_from {
                self.sim.set_fail_rate(0.0); // a bound on time holds only where nothing is lost any more
            }
            self.sim.step().map_err(|error| format!("a host ended: {error}"))?;
            let now = self.sim.elapsed();
            if now < look_at {
                continue;
            }
            look_at = now + LOOK_EVERY;
            let found = self.look();
            if found.is_ok() || now > quiet_from + patience {
                return found.map(|()| now.saturating_sub(quiet_from));
            }
        }
    }

    fn begin(&mut self, fault: Fault) {
        match fault.what {
            Trouble::ServerCrash => self.crash(SERVER, 0..self.data_dirs.len()),
            Trouble::GatewayCrash => {
                self.crash(GATEWAYS[fault.gateway], fault.gateway..fault.gateway + 1);
                self.desk.cut_off(fault.gateway, self.sim.elapsed().as_millis() as u64);
            }
            what => {
                self.network.set(Some((what, fault.gateway)));
                self.disturb();
            }
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault.what {
            Trouble::ServerCrash => {
                self.toy.restart();
                self.sim.bounce(SERVER);
            }
            Trouble::GatewayCrash => self.sim.bounce(GATEWAYS[fault.gateway]),
            what => {
                self.network.set(None);
                match what {
                    Trouble::Clogged => self.sim.release(GATEWAYS[fault.gateway], SERVER),
                    _ => self.sim.repair(GATEWAYS[fault.gateway], SERVER),
                }
            }
        }
    }

    /// Ends a host as a power cut does: nothing that it closes is heard of, and what is under way is lost.
    ///
    /// What is closed is closed in the order of tokio's task ids, which a process counts on from one simulation to the
    /// next; were it sent, each message would draw its delay in that order, and no seed would repeat it.
    fn crash(&mut self, host: &str, cut_off: std::ops::Range<usize>) {
        for gateway in cut_off.clone() {
            self.sim.partition(GATEWAYS[gateway], SERVER);
        }
        self.sim.crash(host);
        for gateway in cut_off {
            self.sim.repair(GATEWAYS[gateway], SERVER);
        }
        self.disturb();
    }

    fn disturb(&self) {
        let Some((what, gateway)) = self.network.get() else { return };
        let gateway = GATEWAYS[gateway];
        match what {
            Trouble::Partition => self.sim.partition(gateway, SERVER),
            Trouble::RequestsLost => self.sim.partition_oneway(gateway, SERVER),
            Trouble::RepliesLost => self.sim.partition_oneway(SERVER, gateway),
            Trouble::Clogged => self.sim.hold(gateway, SERVER),
            Trouble::ServerCrash | Trouble::GatewayCrash => (),
        }
    }

    /// Whether all is as it should be.
    fn look(&self) -> Result<(), String> {
        self.desk.unfinished()?;
        let seen = self.seen.lock().unwrap();
        for (number, data_dir) in self.data_dirs.iter().enumerate() {
            oracle::check_outbox(&self.desk, data_dir, &seen.first_written)
                .map_err(|wrong| format!("gateway {number}: {wrong}"))?;
        }
        self.toy.with(|keys| oracle::check_server(&self.desk, keys))
    }
}

/// The toy, telling the history what it executes: the command, and the key or the script's first key.
fn witnessed(toy: ToyRedis, history: History, seen: Arc<Mutex<Seen>>) -> ToyRedis {
    toy.witnessed(move |command, reply| {
        let word = |n: usize| command.get(n).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
        let key = if word(0).starts_with("EVAL") { word(3) } else { word(1) };
        let status = match reply {
            Reply::Array(parts) => match parts.first() {
                Some(Reply::Bulk(status)) => String::from_utf8_lossy(status).into_owned(),
                _ => String::new(),
            },
            Reply::Error(text) => text.clone(),
            _ => String::new(),
        };
        let what = match key.strip_prefix("sarah:session:") {
            Some(sid) if word(0).starts_with("EVAL") => {
                if matches!(status.as_str(), "applied" | "conflict" | "kept") {
                    seen.lock().unwrap().wrote(sid);
                }
                " commit"
            }
            _ => "",
        };
        note(&history, &format!("{} {}{what} {status}", word(0), key.lines().next().unwrap_or_default()));
    })
}

impl Seen {
    fn wrote(&mut self, sid: &str) {
        if !self.first_written.iter().any(|known| known == sid) {
            self.first_written.push(sid.to_owned());
        }
    }
}

fn files() -> TempDir {
    let in_memory = Path::new(MEMORY_FILES);
    if in_memory.is_dir() { TempDir::new_in(in_memory).unwrap() } else { TempDir::new().unwrap() }
}

/// One life of the server.
async fn serve(toy: ToyRedis) -> turmoil::Result {
    let listener = TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let toy = toy.clone();
        tokio::spawn(async move {
            // A client that leaves in the middle of a command is nothing to a server.
            let _ = toy.serve(stream).await;
        });
    }
}
