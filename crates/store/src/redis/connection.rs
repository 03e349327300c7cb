//! One connection, kept up by a supervisor. While there is none, commands fail at once instead of waiting.
//!
//! The client's own `ConnectionManager` is not used: it never replaces a connection that only times out, that answers
//! READONLY after a failover, or that was refused for its password once, and it lets commands wait for its retries.
//!
//! A cluster's client keeps its sockets up by itself. There the supervisor watches whether all masters answer; while one
//! does not, it makes new connections beside the old ones, which serve the other masters' callers meanwhile.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redial_supervision::jitter::jittered;
use redial_supervision::{Backoff, Part, Supervisor};
use redis::RedisResult;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::advice::{Scheme, Trouble};
use super::dial::{Dialled, Dialler, Driver};
use super::inspect::{self, Inspection};
use super::rights;
use super::route::Connection;
use crate::store::ServerId;

/// Between attempts to connect.
const RECONNECTS: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
/// Another pepper is not put right within seconds, and each attempt is a new connection to somebody else's server.
const OTHER_PEPPER_PAUSE: Duration = Duration::from_secs(5);
/// How often an idle connection is tried, so that it is the supervisor who finds it dead and not a caller.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Two deadlines missed in a row: the server may be fine and the path to it dead (a proxy that swallows replies).
const TIMEOUTS_IN_A_ROW: u32 = 2;
/// A cluster's client finds a promoted replica by itself within a second or two; after that it is given new connections.
const CLUSTER_BEATS_IN_A_ROW: u32 = 3;

/// A connection that comes back by itself. Dropping it stops the supervisor and closes the connection.
pub(super) struct Link {
    state: watch::Sender<State>,
    _supervisor: Supervisor,
    scheme: Scheme,
}

#[derive(Clone)]
enum State {
    /// The very first attempt is under way.
    Connecting,
    Up(Live),
    Down(Trouble),
}

/// A connection that was up when it was asked for.
#[derive(Clone)]
pub(super) struct Live {
    connection: Connection,
    _driver: Option<Driver>,
    /// Tells connections apart, so that a late error of an old one does not end the new one.
    generation: u64,
    timeouts: Arc<AtomicU32>,
}

impl Live {
    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

impl Link {
    /// Starts connecting in the background. `server`: where to tell who answers; one link does. Must be called on a tokio
    /// runtime.
    pub(super) fn open(name: &'static str, dialler: Arc<Dialler>, server: Option<Arc<Server>>) -> Self {
        let scheme = dialler.address().scheme;
        let (state, _) = watch::channel(State::Connecting);
        let generations = AtomicU64::new(0);
        let connector = Arc::new(Connector { name, dialler, server, scheme, state: state.clone(), generations });
        let supervisor = Supervisor::default();
        supervisor.keep(Part::helpful("redis"), move |stop| {
            let connector = Arc::clone(&connector);
            async move { _ = stop.run_until_cancelled(connector.run()).await }
        });
        Self { state, _supervisor: supervisor, scheme }
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The connection, if there is one now.
    pub(super) fn live(&self) -> Result<Live, Trouble> {
        match &*self.state.borrow() {
            State::Up(live) => Ok(live.clone()),
            State::Connecting => Err(Trouble::Connecting),
            State::Down(trouble) => Err(trouble.clone()),
        }
    }

    /// The connection; waits while the very first attempt to connect is under way, but never for a later one.
    pub(super) async fn live_or_first(&self, until: Instant) -> Result<Live, Trouble> {
        let mut changes = self.state.subscribe();
        // Elapsed or not, the state says the rest.
        let _ = timeout_at(until, changes.wait_for(|state| !matches!(state, State::Connecting))).await;
        self.live()
    }

    /// Waits for an answer until a deadline, and gives the connection up when what happens shows that it is of no use.
    ///
    /// # Cancel safety
    /// The command may have been executed although its answer is not waited for.
    pub(super) async fn ask<T>(
        &self,
        live: &Live,
        until: Instant,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Trouble> {
        ask(&self.state, live, until, answer).await
    }
}

async fn ask<T>(
    state: &watch::Sender<State>,
    live: &Live,
    until: Instant,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, Trouble> {
    let asked = Instant::now();
    let Ok(answered) = timeout_at(until, answer).await else {
        let trouble = Trouble::NoAnswer(asked.elapsed());
        note(state, live, &trouble);
        return Err(trouble);
    };
    live.timeouts.store(0, Ordering::Relaxed);
    answered.map_err(|error| {
        let trouble = Trouble::of(&error);
        note(state, live, &trouble);
        trouble
    })
}

/// Gives a connection up when this trouble shows that it is of no use. A cluster's is left to its supervisor: one node's
/// trouble is not that of the others.
fn note(state: &watch::Sender<State>, live: &Live, trouble: &Trouble) {
    let timed_out = matches!(trouble, Trouble::NoAnswer(_));
    let in_a_row = if timed_out { live.timeouts.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
    let of_no_use = trouble.breaks_the_connection() || in_a_row >= TIMEOUTS_IN_A_ROW;
    if of_no_use && !live.connection.is_cluster() {
        give_up(state, live, trouble);
    }
}

/// Marks this connection, and no later one, as gone; the supervisor sees it.
fn give_up(state: &watch::Sender<State>, live: &Live, trouble: &Trouble) {
    state.send_if_modified(|state| {
        let present = matches!(state, State::Up(up) if up.generation == live.generation);
        if present {
            *state = State::Down(trouble.clone());
        }
        present
    });
}

/// Who answers, and in what condition.
#[derive(Debug)]
pub(super) struct Server {
    id: watch::Sender<Option<ServerId>>,
    condition: Mutex<Condition>,
    /// Whether it was ever looked at; not whether it answered.
    looked: watch::Sender<bool>,
}

/// What was found at the last look.
#[derive(Debug, Default)]
struct Condition {
    life: Option<String>,
    findings: Vec<String>,
    /// Of the findings, the one about what this user may not do.
    rights: Option<String>,
}

impl Server {
    pub(super) fn new() -> Self {
        Self { id: watch::channel(None).0, condition: Mutex::default(), looked: watch::channel(false).0 }
    }

    pub(super) fn id(&self) -> watch::Receiver<Option<ServerId>> {
        self.id.subscribe()
    }

    /// Waits for the very first look.
    pub(super) async fn looked_at(&self, until: Instant) {
        // Elapsed or not, the findings are what is known.
        let _ = timeout_at(until, self.looked.subscribe().wait_for(|looked| *looked)).await;
    }

    /// What an operator should know about the server that answers now.
    pub(super) fn findings(&self) -> Vec<String> {
        self.locked().findings.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Condition> {
        // It is replaced as a whole.
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells watchers only when it is another one.
    fn is(&self, id: Option<String>) -> bool {
        let id = id.map(ServerId);
        self.id.send_if_modified(|present| {
            let other = *present != id;
            if other {
                *present = id;
            }
            other
        })
    }

    /// Of a cluster that has not been whole since we started, no more is known than that some of it answers: what is
    /// delivered to that part need not wait for the rest.
    fn is_there(&self, id: &str) {
        self.id.send_if_modified(|present| {
            let new = present.is_none();
            if new {
                *present = Some(ServerId(id.to_owned()));
            }
            new
        });
    }

    /// Keeps what was found. Answers whether it is another server than at the last look, and which findings are new; all
    /// of another server's are. One that does not tell its name is taken for the same one here: nobody wants to read it again.
    fn found(&self, now: Condition) -> (bool, Vec<String>) {
        let mut kept = self.locked();
        let another = now.life.is_some() && now.life != kept.life;
        let is_new = |finding: &&String| another || !kept.findings.contains(finding);
        let new = now.findings.iter().filter(is_new).cloned().collect();
        *kept = now;
        (another, new)
    }
}

/// Connects, watches, connects again.
struct Connector {
    name: &'static str,
    dialler: Arc<Dialler>,
    server: Option<Arc<Server>>,
    scheme: Scheme,
    state: watch::Sender<State>,
    /// Connections so far.
    generations: AtomicU64,
}

/// One connection's life, as its supervisor sees it.
struct Watch<'a> {
    live: &'a Live,
    name: &'a str,
    /// Stands in for a server that does not tell its own name.
    unknown_life: String,
    /// Looks in a row that were not answered.
    missed: u32,
    answered: bool,
}

impl Connector {
    async fn run(&self) {
        let mut backoff = RECONNECTS;
        let mut reported = None;
        loop {
            let generation = self.generations.fetch_add(1, Ordering::Relaxed);
            let trouble = match self.dialler.dial().await {
                Ok(dialled) => {
                    self.established(&dialled.name);
                    let since = Instant::now();
                    let Dialled { connection, driver: _driver, name } = dialled;
                    let live = Live { connection, _driver, generation, timeouts: Arc::default() };
                    self.state.send_replace(State::Up(live.clone()));
                    let (trouble, answered) = self.watch_over(&live, &name).await;
                    self.report(&trouble, &mut reported);
                    if answered && since.elapsed() > backoff.longest() {
                        backoff.succeeded();
                        reported = None;
                    }
                    trouble
                }
                Err(trouble) => {
                    self.report(&trouble, &mut reported);
                    self.state.send_replace(State::Down(trouble.clone()));
                    trouble
                }
            };
            // A cluster's connections stay up until there are new ones.
            if matches!(*self.state.borrow(), State::Down(_))
                && let Some(server) = &self.server
            {
                server.is(None);
            }
            let pause = backoff.failed();
            sleep(if trouble == Trouble::OtherPepper { jittered(OTHER_PEPPER_PAUSE) } else { pause }).await;
        }
    }

    /// Returns when the connection is of no more use: why, and whether the server had answered on it.
    async fn watch_over(&self, live: &Live, name: &str) -> (Trouble, bool) {
        let mut changes = self.state.subscribe();
        let mut watch = Watch { live, name, unknown_life: inspect::unknown_life(), missed: 0, answered: false };
        let mut inspect_at = Instant::now();
        loop {
            if let State::Down(trouble) = &*self.state.borrow() {
                return (trouble.clone(), watch.answered);
            }
            let due = self.server.is_some() && Instant::now() >= inspect_at;
            let gone = tokio::select! {
                biased; // repeatable in a simulation
                _ = changes.changed() => None,
                gone = self.look(&mut watch, due) => {
                    if due {
                        let pause = if watch.missed == 0 { self.dialler.options().health_interval } else { HEARTBEAT };
                        inspect_at = Instant::now() + pause;
                    }
                    gone
                }
            };
            if let Some(trouble) = gone {
                return (trouble, watch.answered);
            }
        }
    }

    /// A look at the server's condition when one is due, a heartbeat otherwise. What it finds out about one server is in
    /// the state afterwards; a cluster that has missed too many heartbeats is answered.
    async fn look(&self, watch: &mut Watch<'_>, due: bool) -> Option<Trouble> {
        if !due {
            sleep(HEARTBEAT).await;
        }
        let looked = if due { self.inspect(watch).await } else { self.beat(watch).await };
        if let Some(server) = self.server.as_ref().filter(|_| due) {
            server.looked.send_replace(true);
        }
        match looked {
            Ok(()) => {
                watch.missed = 0;
                watch.answered = true;
                None
            }
            Err(Trouble::OtherPepper) => {
                give_up(&self.state, watch.live, &Trouble::OtherPepper);
                None
            }
            // The state says whether one server's connection is of any more use.
            Err(trouble) => {
                watch.missed += 1;
                let given_up = watch.live.connection.is_cluster() && watch.missed >= CLUSTER_BEATS_IN_A_ROW;
                if given_up && let Some(server) = &self.server {
                    server.is_there(&watch.unknown_life);
                }
                given_up.then_some(trouble)
            }
        }
    }

    /// Asks whether the server answers, of a cluster whether its servers are still the same, and of Sentinels whether it is
    /// still the master: for some ten seconds after its replica was promoted, the old one would take our writes and lose
    /// them.
    async fn beat(&self, watch: &Watch<'_>) -> Result<(), Trouble> {
        if self.dialler.has_moved(watch.name).await {
            give_up(&self.state, watch.live, &Trouble::Replaced);
            return Ok(());
        }
        let mut connection = watch.live.connection();
        let until = Instant::now() + HEARTBEAT;
        let Some(server) = self.server.as_ref().filter(|_| connection.is_cluster()) else {
            return ask(&self.state, watch.live, until, connection.ping()).await;
        };
        let lives = timeout_at(until, inspect::lives(&connection, watch.name)).await;
        let life = lives.map_err(|_| Trouble::NoAnswer(HEARTBEAT))??;
        server.is(Some(life.unwrap_or_else(|| watch.unknown_life.clone())));
        Ok(())
    }

    /// Asks who the server is and how it is, and says what is new about it.
    async fn inspect(&self, watch: &Watch<'_>) -> Result<(), Trouble> {
        let Some(server) = &self.server else { return Ok(()) };
        let mut connection = watch.live.connection();
        let default_user = self.dialler.address().default_user;
        let looking = async {
            let inspection = inspect::inspect(&connection.clone(), watch.name, default_user).await?;
            let pepper = match self.dialler.check_pepper(&mut connection).await {
                Err(trouble @ (Trouble::Full | Trouble::NotAllowed(_))) => {
                    Some(format!("whether all instances have the same pepper could not be checked: {trouble}"))
                }
                checked => checked.map(|()| None)?,
            };
            Ok((inspection, pepper))
        };
        let looked = timeout_at(Instant::now() + HEARTBEAT, looking).await;
        let (inspection, pepper) = match looked.unwrap_or(Err(Trouble::NoAnswer(HEARTBEAT))) {
            Ok(looked) => looked,
            Err(trouble) => {
                note(&self.state, watch.live, &trouble);
                return Err(trouble);
            }
        };
        let Inspection { life, product, mut findings, crash } = inspection;
        server.is(Some(life.clone().unwrap_or_else(|| watch.unknown_life.clone())));
        // Nothing depends on it: an answer that is late or none leaves what is known.
        let connection = watch.live.connection();
        let asking = rights::missing(&connection, self.dialler.keys());
        let rights = match timeout_at(Instant::now() + HEARTBEAT / 2, asking).await {
            Ok(Ok(rights)) => rights,
            Ok(Err(_)) | Err(_) => server.locked().rights.clone(),
        };
        // The most urgent first: without them nobody is remembered.
        findings.splice(0..0, rights.clone());
        findings.extend(pepper);
        let (another, new) = server.found(Condition { life, findings, rights });
        if another {
            tracing::info!(server = watch.name, "{product} persistence: {crash}");
        }
        for finding in new {
            tracing::warn!(server = watch.name, "{product}: {finding}");
        }
        Ok(())
    }

    fn established(&self, name: &str) {
        if self.server.is_some() {
            tracing::info!(link = self.name, server = name, "SessionManager: Redis connection established");
        } else {
            tracing::debug!(link = self.name, server = name, "Redis connection established");
        }
    }

    /// Says once what is wrong, and not again with every attempt. Both links mostly have the same trouble; what only the
    /// other one has is in the health report too.
    fn report(&self, trouble: &Trouble, reported: &mut Option<Trouble>) {
        if reported.as_ref() == Some(trouble) {
            return;
        }
        let (link, error_class, advice) = (self.name, trouble.class(), trouble.advice(self.scheme));
        let fallback = self.dialler.options().fallback;
        match (&self.server, trouble) {
            (None, _) => tracing::debug!(link, error_class, error = %trouble, advice, "Redis connection failed"),
            (Some(_), Trouble::OtherPepper) => {
                tracing::error!(link, error_class, "⚠️ Redis connection failed, using {fallback}: {trouble}: {advice}");
            }
            (Some(_), _) => {
                tracing::warn!(link, error_class, "⚠️ Redis connection failed, using {fallback}: {trouble}: {advice}");
            }
        }
        *reported = Some(trouble.clone());
    }
}
