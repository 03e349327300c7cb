//! One connection, kept up by a supervisor. While there is none, commands fail at once instead of waiting.
//!
//! The client's own `ConnectionManager` is not used: it never replaces a connection that only times out, that answers
//! READONLY after a failover, or that was refused for its password once, and it lets commands wait for its retries.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncConnectionConfig, RedisResult, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::advice::{Scheme, Trouble};
use super::dial::{Driver, Server};
use crate::memory::jitter;

/// TCP, TLS and the greeting together; a caller is waiting for "hello".
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// How often an idle connection is tried, so that it is the supervisor who finds it dead and not a caller.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Two deadlines missed in a row: the server may be fine and the path to it dead (a proxy that swallows replies).
const TIMEOUTS_IN_A_ROW: u32 = 2;
/// Requests that wait in the client for the socket; the default of 50 is less than one busy second's call starts.
const PIPELINE_BUFFER: usize = 1024;

/// A connection that comes back by itself. Dropping it stops the supervisor and closes the connection.
pub(super) struct Link {
    state: watch::Sender<State>,
    supervisor: AbortHandle,
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
    connection: MultiplexedConnection,
    _driver: Option<Driver>,
    /// Tells connections apart, so that a late error of an old one does not end the new one.
    generation: u64,
    timeouts: Arc<AtomicU32>,
}

impl Live {
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

impl Link {
    /// Starts connecting in the background. Must be called on a tokio runtime.
    pub(super) fn open(name: &'static str, server: Server) -> Self {
        let scheme = server.scheme();
        let (state, _) = watch::channel(State::Connecting);
        let supervisor = Supervisor { name, server, scheme, state: state.clone() };
        let supervisor = tokio::spawn(supervisor.run()).abort_handle();
        Self { state, supervisor, scheme }
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

impl Drop for Link {
    fn drop(&mut self) {
        self.supervisor.abort();
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
        if live.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS_IN_A_ROW {
            give_up(state, live, &trouble);
        }
        return Err(trouble);
    };
    live.timeouts.store(0, Ordering::Relaxed);
    answered.map_err(|error| {
        let trouble = Trouble::of(&error);
        if trouble.breaks_the_connection() {
            give_up(state, live, &trouble);
        }
        trouble
    })
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

/// Connects, watches, connects again.
struct Supervisor {
    name: &'static str,
    server: Server,
    scheme: Scheme,
    state: watch::Sender<State>,
}

impl Supervisor {
    async fn run(self) {
        let mut backoff = BACKOFF_MIN;
        let mut reported = None;
        for generation in 0.. {
            match self.connect().await {
                Ok((connection, _driver)) => {
                    tracing::info!(link = self.name, "Redis connection established");
                    let since = Instant::now();
                    let live = Live { connection, _driver, generation, timeouts: Arc::default() };
                    self.state.send_replace(State::Up(live.clone()));
                    let trouble = self.watch_over(&live).await;
                    self.report(&trouble, &mut reported);
                    if since.elapsed() > BACKOFF_MAX {
                        backoff = BACKOFF_MIN;
                        reported = None;
                    }
                }
                Err(trouble) => {
                    self.report(&trouble, &mut reported);
                    self.state.send_replace(State::Down(trouble));
                }
            }
            sleep(jittered(backoff)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Connects and makes sure that commands would work: a server that wants a password or is a replica lets us connect.
    async fn connect(&self) -> Result<(MultiplexedConnection, Option<Driver>), Trouble> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None) // each operation has its own deadline
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        let (mut connection, driver) = self.server.connect(config).await.map_err(|error| Trouble::of(&error))?;
        let role = redis::cmd("ROLE");
        let role = timeout(CONNECT_TIMEOUT, role.query_async::<Value>(&mut connection)).await;
        match role.map_err(|_| Trouble::NoAnswer(CONNECT_TIMEOUT))? {
            Ok(Value::Array(role)) if role.first().is_some_and(is_replica) => Err(Trouble::ReadOnly),
            Ok(_) => Ok((connection, driver)),
            // ROLE may be forbidden or unknown where all that we need is allowed.
            Err(error) => match Trouble::of(&error) {
                Trouble::NotAllowed | Trouble::Other(_) => Ok((connection, driver)),
                trouble => Err(trouble),
            },
        }
    }

    /// Returns when the connection has been given up, with the reason.
    async fn watch_over(&self, live: &Live) -> Trouble {
        let mut changes = self.state.subscribe();
        loop {
            if let State::Down(trouble) = &*self.state.borrow() {
                return trouble.clone();
            }
            tokio::select! {
                biased; // repeatable in a simulation
                _ = changes.changed() => (),
                () = self.beat(live) => (),
            }
        }
    }

    /// One heartbeat; what it finds out is in the state afterwards.
    async fn beat(&self, live: &Live) {
        sleep(HEARTBEAT).await;
        let mut connection = live.connection();
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<Value>(&mut connection);
        let _ = ask(&self.state, live, Instant::now() + HEARTBEAT, answer).await;
    }

    /// Says once what is wrong, and not again with every attempt.
    fn report(&self, trouble: &Trouble, reported: &mut Option<Trouble>) {
        if reported.as_ref() != Some(trouble) {
            tracing::warn!(link = self.name, error = %trouble, advice = trouble.advice(self.scheme), "Redis connection failed");
            *reported = Some(trouble.clone());
        }
    }
}

/// Between half of the delay and all of it, so that many instances do not come back in step.
fn jittered(delay: Duration) -> Duration {
    delay / 2 + (delay / 2).mul_f64(jitter::share())
}

fn is_replica(role: &Value) -> bool {
    match role {
        Value::BulkString(role) => role == b"slave",
        Value::SimpleString(role) => role == "slave",
        _ => false,
    }
}

/// The socket options that a call needs, all of which the client leaves off: no 40 ms wait for a full packet, and a peer
/// that is gone is found out in half a minute when idle, in 2 s when something is unacknowledged.
pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5)).with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_between_half_and_all() {
        for _ in 0..1000 {
            let delay = jittered(BACKOFF_MAX);
            assert!((BACKOFF_MAX / 2..=BACKOFF_MAX).contains(&delay), "{delay:?}");
        }
    }
}
