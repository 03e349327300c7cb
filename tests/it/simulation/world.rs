//! Two hosts and the network between them, and what a plan does to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::pending;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt;
use redial::memory::hang_up::{HangUp, Written};
use redial::memory::jitter;
use redial::memory::redis::{ByteStream, Dial, RedisStore};
use redial::memory::settings::StoreSettings;
use redial::memory::store::Store;
use tokio::time::Instant;
use turmoil::Sim;
use turmoil::net::{TcpListener, TcpStream};

use super::oracle;
use super::plan::{Fault, Plan, PlannedCall, Trouble};
use super::writer::Writer;
use crate::support::toy_redis::{Reply, Restart, ToyRedis};

const SERVER: &str = "redis";
const GATEWAY: &str = "gateway";
const PORT: u16 = 6379;
/// Messages arrive at multiples of this; timers in the hosts are exact to the ms.
const TICK: Duration = Duration::from_millis(10);
/// The store's first attempt to connect takes no longer: 400 ms for the connection, and as long for its first answer.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);
/// How often it is looked whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A history that was lived.
pub(super) struct Lived {
    pub(super) seed: u64,
    /// What the oracle says against it.
    pub(super) wrong: Option<String>,
    /// Each command that the server executed, each fault, each call that was written, with its time in ms.
    pub(super) history: Vec<String>,
    pub(super) server_crashes: u64,
    pub(super) gateway_crashes: u64,
    pub(super) network_faults: u64,
    /// Calls whose writer was told in the end that they had been written before.
    pub(super) repeated: u64,
}

/// What a crash of the gateway does not take: the carrier, which hands a call over again until it is safe.
struct Desk {
    plan: Plan,
    history: History,
    /// Numbers of the calls that are safe.
    safe: RefCell<BTreeSet<usize>>,
    repeated: Cell<u64>,
}

type History = Arc<Mutex<Vec<String>>>;

/// Writes down what happened on the host that is running.
fn note(history: &History, what: &str) {
    note_at(history, turmoil::sim_elapsed().unwrap_or_default(), what);
}

fn note_at(history: &History, at: Duration, what: &str) {
    history.lock().unwrap().push(format!("{:6} {what}", at.as_millis()));
}

/// Lives the history of `seed` until all is as it should be, or `patience` after the last fault.
pub(super) fn live(seed: u64, restart: Restart, patience: Duration) -> Lived {
    jitter::repeatable(seed);
    let (plan, history) = (Plan::of(seed), History::default());
    let toy = witnessed(ToyRedis::new(restart), Arc::clone(&history));
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_secs(1_790_000_000))
        .tick_duration(TICK)
        .max_message_latency(plan.slowest)
        .fail_rate(plan.loss)
        .build();
    let served = toy.clone();
    sim.host(SERVER, move || serve(served.clone()));
    let desk = Rc::new(Desk { plan, history, safe: RefCell::default(), repeated: Cell::new(0) });
    let hosted = Rc::clone(&desk);
    sim.host(GATEWAY, move || answer_calls(Rc::clone(&hosted)));

    let wrong = run(&mut sim, &desk, &toy, patience).err();
    drop(sim);
    let count = |of: fn(Trouble) -> bool| desk.plan.faults.iter().filter(|fault| of(fault.what)).count() as u64;
    Lived {
        seed,
        wrong,
        server_crashes: count(|what| what == Trouble::ServerCrash),
        gateway_crashes: count(|what| what == Trouble::GatewayCrash),
        network_faults: count(Trouble::is_of_network),
        repeated: desk.repeated.get(),
        history: std::mem::take(&mut desk.history.lock().unwrap()),
    }
}

/// Moves time on, step by step, and makes the faults begin and end.
fn run(sim: &mut Sim<'_>, desk: &Desk, toy: &ToyRedis, patience: Duration) -> Result<(), String> {
    let quiet_from = Duration::from_millis(desk.plan.quiet_from());
    let both = |fault: &Fault| [(fault.begins_at, *fault, true), (fault.ends_at, *fault, false)];
    let mut due: Vec<_> = desk.plan.faults.iter().flat_map(both).collect();
    due.sort_by_key(|(at, ..)| *at);
    let mut due = due.into_iter().peekable();
    let mut look_at = quiet_from;
    let mut network = None;
    loop {
        while let Some((_, fault, begins)) = due.next_if(|(at, ..)| Duration::from_millis(*at) <= sim.elapsed()) {
            note_at(
                &desk.history,
                sim.elapsed(),
                &format!("{:?} {}", fault.what, if begins { "begins" } else { "ends" }),
            );
            if fault.what.is_of_network() {
                network = begins.then_some(fault.what);
            }
            match (fault.what, begins) {
                (Trouble::ServerCrash, true) => crash(sim, SERVER, network),
                (Trouble::GatewayCrash, true) => crash(sim, GATEWAY, network),
                (Trouble::ServerCrash, false) => {
                    toy.restart();
                    sim.bounce(SERVER);
                }
                (Trouble::GatewayCrash, false) => sim.bounce(GATEWAY),
                (_, true) => disturb(sim, network),
                (Trouble::Clogged, false) => sim.release(GATEWAY, SERVER),
                (_, false) => sim.repair(GATEWAY, SERVER),
            }
        }
        if sim.elapsed() >= quiet_from {
            sim.set_fail_rate(0.0); // a bound on time holds only where nothing is lost any more
        }
        sim.step().map_err(|error| format!("a host ended: {error}"))?;
        if sim.elapsed() < look_at {
            continue;
        }
        look_at = sim.elapsed() + LOOK_EVERY;
        let all_safe = desk.safe.borrow().len() == desk.plan.calls.len();
        let found = if all_safe { toy.with(|keys| oracle::check(&desk.plan, keys)) } else { Err(waiting(desk)) };
        if found.is_ok() || sim.elapsed() > quiet_from + patience {
            return found;
        }
    }
}

fn waiting(desk: &Desk) -> String {
    let safe = desk.safe.borrow();
    let open = (0..desk.plan.calls.len()).filter(|number| !safe.contains(number));
    let open: Vec<_> = open.map(|number| desk.plan.calls[number].session.chat_id.as_str()).collect();
    format!("not written: {}", open.join(" "))
}

/// Ends a host as a power cut does: nothing that it closes is heard of, and what is under way is lost.
///
/// What is closed is closed in the order of tokio's task ids, which a process counts on from one simulation to the next;
/// were it sent, each message would draw its delay in that order, and no seed would repeat it.
fn crash(sim: &mut Sim<'_>, host: &str, network: Option<Trouble>) {
    sim.partition(GATEWAY, SERVER);
    sim.crash(host);
    sim.repair(GATEWAY, SERVER);
    disturb(sim, network);
}

fn disturb(sim: &Sim<'_>, network: Option<Trouble>) {
    match network {
        Some(Trouble::Partition) => sim.partition(GATEWAY, SERVER),
        Some(Trouble::RequestsLost) => sim.partition_oneway(GATEWAY, SERVER),
        Some(Trouble::RepliesLost) => sim.partition_oneway(SERVER, GATEWAY),
        Some(Trouble::Clogged) => sim.hold(GATEWAY, SERVER),
        Some(Trouble::ServerCrash | Trouble::GatewayCrash) | None => (),
    }
}

/// The toy, telling the history what it executes: the command, and the key or the script's first key.
fn witnessed(toy: ToyRedis, history: History) -> ToyRedis {
    toy.witnessed(move |command, reply| {
        let word = |n: usize| command.get(n).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
        let key = if word(0).starts_with("EVAL") { word(3) } else { word(1) };
        let status = match reply {
            Reply::Array(parts) => parts.first().map(|first| format!("{first:?}")).unwrap_or_default(),
            Reply::Error(text) => text.clone(),
            _ => String::new(),
        };
        note(&history, &format!("{} {} {status}", word(0), key.lines().next().unwrap_or_default()));
    })
}

/// One life of the server.
async fn serve(toy: ToyRedis) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let toy = toy.clone();
        tokio::spawn(async move {
            // A client that leaves in the middle of a command is nothing to a server.
            let _ = toy.serve(stream).await;
        });
    }
}

/// One life of the gateway: every call that is not safe yet is taken, or taken again.
async fn answer_calls(desk: Rc<Desk>) -> turmoil::Result {
    let dial: Dial = Arc::new(|| {
        let stream = TcpStream::connect((SERVER, PORT));
        stream.map(|stream| Ok(Box::new(stream?) as Box<dyn ByteStream>)).boxed()
    });
    let store = Arc::new(RedisStore::over(dial, StoreSettings::default()));
    let writer = Rc::new(Writer::start(Arc::clone(&store)));
    let since = Instant::now();
    for number in 0..desk.plan.calls.len() {
        if !desk.safe.borrow().contains(&number) {
            // In the order of their ends: those that have ended long ago are handed over in this order.
            let (desk, store, writer) = (Rc::clone(&desk), Arc::clone(&store), Rc::clone(&writer));
            tokio::task::spawn_local(take(desk, number, store, since + FIRST_ATTEMPT, writer));
        }
    }
    pending().await
}

/// One call, from its start to its being safe.
///
/// It is looked up only after `connected`, when no call start waits for the very first connection any more: who waits
/// for the same change of a `watch` channel is woken in an order that tokio draws from its own chance, and no seed would
/// repeat that.
async fn take(desk: Rc<Desk>, number: usize, store: Arc<RedisStore>, connected: Instant, writer: Rc<Writer>) {
    let PlannedCall { caller, begins_at, ends_at, session } = &desk.plan.calls[number];
    let mut base = None;
    if until(*begins_at).await && Instant::now() >= connected {
        base = store.begin_call(caller).await.ok().map(|known| (known.revision, known.profile));
    }
    until(*ends_at).await;
    let hang_up = HangUp { caller: caller.clone(), session: session.clone(), base };
    let written = writer.hang_up(hang_up).await;
    note(&desk.history, &format!("{} {written:?}", session.chat_id));
    match written {
        Ok(Written::Duplicate) => desk.repeated.update(|repeated| repeated + 1),
        Ok(_) => (),
        Err(_) => return, // never safe, which the end of the history will show
    }
    desk.safe.borrow_mut().insert(number);
}

/// Waits until `at`, in ms since the history began; false when that is past.
async fn until(at: u64) -> bool {
    let left = Duration::from_millis(at).checked_sub(turmoil::sim_elapsed().unwrap_or_default());
    if let Some(left) = left {
        tokio::time::sleep(left).await;
    }
    left.is_some()
}
