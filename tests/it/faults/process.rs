//! A whole gateway process at its limits: told to end, without disk, asked to forget, flooded, a day behind.
//!
//! Each prints a line with its figures. `FAULTS=long` runs the long form.

mod backlog;
mod burst;
mod disk;
mod erasure;
mod gone;
mod shutdown;

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use redial_call::Role;
use redial_call::audio::{FRAME_BYTES, SILENCE};
use redial_memory::model::SessionDoc;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::Store;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::interval;
use tokio_tungstenite::tungstenite::Message;

use crate::support::line::{Socket, Wire, call_sid, dtmf, media, stop};
use crate::support::redis::RedisServer;

/// True for the long form.
fn is_long() -> bool {
    std::env::var("FAULTS").is_ok_and(|form| form == "long")
}

/// Somebody on the phone, who hears the agent out and presses keys: `#` ends a turn.
struct Caller {
    sid: String,
    /// The rows of keys that were pressed, as they stand in the session.
    pressed: Vec<String>,
    line: mpsc::UnboundedSender<Value>,
    /// Answers when the gateway has closed the stream.
    task: JoinHandle<()>,
}

impl Caller {
    /// Rings, and waits for the first sound of the agent.
    async fn call(wire: &Wire, from: &str) -> Self {
        let sid = call_sid();
        let mut socket = wire.stream(&sid, from).await;
        socket.expect("media").await;
        let (line, messages) = mpsc::unbounded_channel();
        Self { sid, pressed: Vec::new(), line, task: tokio::spawn(hold(socket, messages)) }
    }

    /// Presses a row of keys.
    fn press(&mut self, digits: &str) {
        for digit in digits.chars().chain(['#']) {
            let _ = self.line.send(dtmf(digit));
        }
        self.pressed.push(format!("{digits}#"));
    }

    fn hang_up(&self) {
        let _ = self.line.send(stop(&self.sid));
    }

    fn is_on_the_line(&self) -> bool {
        !self.task.is_finished()
    }

    /// Waits until the stream is over.
    async fn over(&mut self) {
        tokio::time::timeout(Duration::from_secs(40), &mut self.task).await.expect("the call ends").unwrap();
    }
}

/// Plays everything at once, and is heard breathing: a carrier that sends no audio for long is taken for dead.
async fn hold(mut socket: Socket, mut messages: mpsc::UnboundedReceiver<Value>) {
    let mut breath = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(message) => socket.send(&message).await,
                None => return,
            },
            _ = breath.tick() => socket.send(&media(None, &[SILENCE; FRAME_BYTES])).await,
            message = socket.0.next() => match message {
                Some(Ok(Message::Text(text))) if text.contains("\"mark\"") => {
                    let _ = socket.0.send(Message::Text(text)).await;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => (),
            },
        }
    }
}

/// What a caller said in a session, one row of keys after the other: those pressed without a pause are one turn.
fn said(session: &SessionDoc) -> Vec<String> {
    let turns = session.conversation_history.iter().map(|message| &message.turn);
    let callers = turns.filter(|turn| turn.role == Role::Caller);
    callers.flat_map(|turn| turn.text.split_inclusive('#').map(str::to_owned)).collect()
}

fn embedded(dir: &Path) -> SqliteStore {
    SqliteStore::open(&dir.join("redial.sqlite"), StoreSettings::default()).unwrap()
}

async fn shared(server: &RedisServer) -> RedisStore {
    let store = RedisStore::connect(&server.url().into(), StoreSettings::default()).unwrap();
    eventually("Redis is connected to", Duration::from_secs(10), async || store.health().await.is_ok()).await;
    store
}

/// The sessions that are missing, or hold something else than was pressed, once all are there or the time is up.
async fn lost(store: &dyn Store, callers: &[Caller], within: Duration) -> Vec<String> {
    let deadline = Instant::now() + within;
    loop {
        let mut lost = Vec::new();
        for caller in callers {
            match store.load_session(&caller.sid.parse().unwrap()).await {
                Ok(Some(session)) if said(&session) == caller.pressed => (),
                other => lost.push(format!(
                    "{}: {:?}, not {:?}",
                    caller.sid,
                    other.map(|s| s.map(|s| said(&s))),
                    caller.pressed
                )),
            }
        }
        if lost.is_empty() || Instant::now() > deadline {
            return lost;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Finished calls as the profiles in Redis count them.
async fn counted(server: &RedisServer) -> u64 {
    let mut connection = server.raw().await;
    let profiles: Vec<String> =
        redis::cmd("KEYS").arg("sarah:user:*:profile").query_async(&mut connection).await.unwrap();
    let mut calls = 0;
    for profiles in profiles.chunks(1000) {
        let mut pipeline = redis::pipe();
        for profile in profiles {
            pipeline.hget(profile, "calls");
        }
        calls += pipeline.query_async::<Vec<u64>>(&mut connection).await.unwrap().iter().sum::<u64>();
    }
    calls
}

/// The `share`th of sorted durations, in ms.
fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    sorted[place].as_secs_f64() * 1000.0
}

async fn eventually(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
