//! A caller: rings, presses keys at a steady pace, hangs up, and tells what came of it.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::support::line::{Socket, Wire, call_sid, dtmf, start, stop};

/// A call that does not hear the agent within this is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long the gateway may take to close a stream that has stopped.
const CLOSE_LIMIT: Duration = Duration::from_secs(20);
/// μ-law at 8 kHz.
const BYTES_PER_MS: f64 = 8.0;

/// The number of the `n`th caller.
pub(crate) fn number(n: usize) -> String {
    format!("+1415555{n:04}")
}

/// What is pressed until the `turns`th turn: each turn is its own number and a `#`.
pub(crate) fn keys(turns: u32) -> String {
    (1..=turns).map(|turn| format!("{turn}#")).collect()
}

/// A call on the line.
pub(crate) struct LiveCall {
    pub(crate) sid: String,
    hang_up: CancellationToken,
    heard: oneshot::Receiver<Duration>,
    task: JoinHandle<Ended>,
}

/// A call that the caller has hung up, or that the gateway has dropped.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) sid: String,
    pub(crate) number: String,
    /// Turns that were pressed.
    pub(crate) turns: u32,
    /// The gateway closed the stream before the caller hung up.
    pub(crate) dropped: bool,
    /// The gateway was killed while the call was live, by the test's own hand; what was pressed last may be missing.
    pub(crate) cut_off: bool,
    /// The longest silence in the middle of what the agent said.
    pub(crate) longest_gap: Duration,
}

impl LiveCall {
    /// Rings. One turn each `pace` from the first sound on.
    pub(crate) fn ring(wire: &Wire, number: String, pace: Duration) -> Self {
        let hang_up = CancellationToken::new();
        let (tell, heard) = oneshot::channel();
        let sid = call_sid();
        let longest_gap = Duration::ZERO;
        let talk = Talk {
            ended: Ended { sid: sid.clone(), number, turns: 0, dropped: false, cut_off: false, longest_gap },
            pace,
            hang_up: hang_up.clone(),
            heard: Some(tell),
            plays_until: None,
        };
        Self { sid, hang_up, heard, task: tokio::spawn(talk.run(wire.clone())) }
    }

    /// Waits for the agent's first sound; from the webhook to there.
    pub(crate) async fn heard(&mut self) -> Duration {
        let heard = timeout(ANSWER_LIMIT, &mut self.heard).await;
        heard.expect("the agent greets").expect("the call is not dropped before the greeting")
    }

    /// Hangs up, and waits for the gateway to close the stream.
    pub(crate) async fn end(self) -> Ended {
        self.hang_up.cancel();
        self.task.await.unwrap()
    }
}

impl LiveCall {
    /// What came of a call whose gateway was killed.
    pub(crate) async fn cut_off(self) -> Ended {
        let ended = self.task.await.unwrap();
        Ended { dropped: false, cut_off: true, ..ended }
    }
}

struct Talk {
    ended: Ended,
    pace: Duration,
    hang_up: CancellationToken,
    heard: Option<oneshot::Sender<Duration>>,
    /// Until when the caller's phone has something to play; `None` between two things that are said.
    plays_until: Option<Instant>,
}

impl Talk {
    async fn run(mut self, wire: Wire) -> Ended {
        let rang = Instant::now();
        let token = wire.ring(&self.ended.sid, &self.ended.number).await;
        let mut socket = wire.socket().await;
        socket.send(&start(&self.ended.sid, &token)).await;
        let mut pace = interval_at(Instant::now() + self.pace, self.pace);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = socket.0.next() => match message {
                    Some(Ok(Message::Text(text))) => self.take(&text, rang, &mut socket).await,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        self.ended.dropped = true;
                        return self.ended;
                    }
                    Some(Ok(_)) => (),
                },
                _ = pace.tick(), if self.heard.is_none() => self.press(&mut socket).await,
                () = self.hang_up.cancelled(), if self.heard.is_none() => break,
            }
        }
        socket.send(&stop(&self.ended.sid)).await;
        let closed = async { while !matches!(socket.0.next().await, Some(Ok(Message::Close(_)) | Err(_)) | None) {} };
        timeout(CLOSE_LIMIT, closed).await.expect("the gateway closes a stream that has stopped");
        self.ended
    }

    async fn press(&mut self, socket: &mut Socket) {
        self.ended.turns += 1;
        for key in format!("{}#", self.ended.turns).chars() {
            socket.send(&dtmf(key)).await;
        }
    }

    async fn take(&mut self, text: &str, rang: Instant, socket: &mut Socket) {
        let message: Value = serde_json::from_str(text).unwrap();
        match message["event"].as_str() {
            Some("media") => {
                if let Some(heard) = self.heard.take() {
                    // Nobody may be waiting for it any more.
                    let _ = heard.send(rang.elapsed());
                }
                let base64 = message["media"]["payload"].as_str().unwrap().len();
                self.play(Duration::from_secs_f64(base64 as f64 * 0.75 / BYTES_PER_MS / 1000.0));
            }
            // Played, as far as the gateway can tell: it sends little more than what is due.
            Some("mark") => {
                self.plays_until = None;
                socket.send(&message).await;
            }
            _ => self.plays_until = None,
        }
    }

    fn play(&mut self, length: Duration) {
        let now = Instant::now();
        let until = self.plays_until.unwrap_or(now);
        self.ended.longest_gap = self.ended.longest_gap.max(now.saturating_duration_since(until));
        self.plays_until = Some(until.max(now) + length);
    }
}
