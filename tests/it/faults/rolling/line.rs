//! A caller's telephone: it plays what it hears, presses keys, and tells when the stream is over.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::support::line::{STREAM, Socket, Wire, dtmf, start, stop};

/// A stream; dropped, it breaks.
pub(super) struct Line {
    to_send: mpsc::Sender<Value>,
    over: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Line {
    /// The first stream of a call.
    pub(super) async fn ring(wire: &Wire, sid: &str, from: &str) -> Self {
        Self::open(wire, sid, &wire.ring(sid, from).await).await
    }

    /// The next one, as the carrier asks for it.
    pub(super) async fn resume(wire: &Wire, sid: &str, from: &str) -> Self {
        Self::open(wire, sid, &wire.resume(sid, from).await).await
    }

    async fn open(wire: &Wire, sid: &str, token: &str) -> Self {
        Self::try_open(wire, sid, token).await.unwrap()
    }

    /// A stream, if the gateway lives to take it.
    pub(super) async fn try_open(wire: &Wire, sid: &str, token: &str) -> Option<Self> {
        let mut socket = wire.try_socket(&[]).await.ok()?;
        socket.send(&start(sid, token)).await;
        let (to_send, queue) = mpsc::channel(16);
        let over = CancellationToken::new();
        let task = tokio::spawn(play(socket, queue, over.clone()));
        Some(Self { to_send, over, _task: AbortOnDropHandle::new(task) })
    }

    /// One row of keys: a turn of its own.
    pub(super) async fn press(&self, row: &str) {
        for key in row.chars() {
            // The stream may be over.
            let _ = self.to_send.send(dtmf(key)).await;
        }
    }

    pub(super) async fn hang_up(self, sid: &str) {
        let _ = self.to_send.send(stop(sid)).await;
        self.over().await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }
}

async fn play(mut socket: Socket, mut queue: mpsc::Receiver<Value>, over: CancellationToken) {
    let _over = over.drop_guard();
    // A line on which nothing comes for 10 s counts as dead: 20 ms of silence now and then, which no turn waits for.
    let payload = format!("{}/w==", "/".repeat(212));
    let silence = json!({ "event": "media", "streamSid": STREAM, "media": { "track": "inbound", "payload": payload } });
    let mut pause = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            message = socket.0.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["event"] == "mark" {
                        socket.send(&message).await;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => (),
            },
            Some(message) = queue.recv() => socket.send(&message).await,
            _ = pause.tick() => socket.send(&silence).await,
        }
    }
}
