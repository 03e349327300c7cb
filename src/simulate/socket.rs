//! The carrier's end of a media stream's WebSocket.

use std::time::Duration;

use futures_util::stream::SplitStream;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::task::AbortOnDropHandle;

/// Messages that wait for a gateway that reads slowly, about five seconds; what comes after that is dropped.
const MAX_WAITING: usize = 256;
/// Longest for the upgrade.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that a gateway may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that ended without a close frame, in the words of RFC 6455 (7.1.5).
pub(super) const ABNORMAL: u16 = 1006;
/// A close frame without a code.
const NO_CODE: u16 = 1005;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open socket. Dropped, it drops the TCP connection, without a close frame.
pub(super) struct Socket {
    incoming: SplitStream<Stream>,
    outgoing: mpsc::Sender<Message>,
    // Writing has its own task, so that a gateway that does not read cannot keep its own messages from being read.
    writer: AbortOnDropHandle<()>,
    closed: Option<Closed>,
}

/// The gateway's close frame, and until when its TCP connection may stay open after it.
#[derive(Clone, Copy)]
struct Closed {
    code: u16,
    patience_ends: Instant,
}

/// What came from the gateway.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(String),
    /// Bytes, which no message of the protocol is.
    Binary,
    /// The gateway's side is closed with this code; nothing comes any more.
    Closed(u16),
}

/// The gateway reads too slowly; the message was dropped.
#[derive(Debug)]
pub(super) struct Overrun;

impl Socket {
    pub(super) async fn open(url: &str, signature: Option<&str>) -> Result<Self, tungstenite::Error> {
        let mut request = url.into_client_request()?;
        if let Some(signature) = signature {
            let value = HeaderValue::from_str(signature).map_err(tungstenite::http::Error::from)?;
            request.headers_mut().insert("X-Twilio-Signature", value);
        }
        let late = |_| tungstenite::Error::Io(std::io::ErrorKind::TimedOut.into());
        // Without Nagle's delay, which would hold back the second of two small messages.
        let (stream, _) =
            timeout(OPEN_TIMEOUT, connect_async_with_config(request, None, true)).await.map_err(late)??;
        let (mut sink, incoming) = stream.split();
        let (outgoing, mut waiting) = mpsc::channel::<Message>(MAX_WAITING);
        let writer = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(message) = waiting.recv().await {
                if sink.send(message).await.is_err() {
                    // The reader learns of it too, and with a better reason.
                    break;
                }
            }
        }));
        Ok(Self { incoming, outgoing, writer, closed: None })
    }

    /// Hands a message over to be written; never waits.
    pub(super) fn send(&self, message: &Value) -> Result<(), Overrun> {
        self.queue(Message::text(message.to_string()))
    }

    fn queue(&self, message: Message) -> Result<(), Overrun> {
        match self.outgoing.try_send(message) {
            // Closed: the connection is gone, which `next` reports.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Overrun),
        }
    }

    /// The next message of the gateway.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> Incoming {
        loop {
            let message = match self.closed {
                None => self.incoming.next().await,
                Some(closed) => timeout_at(closed.patience_ends, self.incoming.next()).await.unwrap_or(None),
            };
            match message {
                Some(Ok(Message::Text(text))) => return Incoming::Text(text.to_string()),
                Some(Ok(Message::Binary(_))) => return Incoming::Binary,
                Some(Ok(Message::Close(frame))) => {
                    // Read on: that answers the close, and ends when the gateway has seen the answer.
                    let code = frame.map_or(NO_CODE, |frame| u16::from(frame.code));
                    self.closed = Some(Closed { code, patience_ends: Instant::now() + CLOSE_TIMEOUT });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => (),
                Some(Err(_)) | None => return Incoming::Closed(self.closed.map_or(ABNORMAL, |closed| closed.code)),
            }
        }
    }

    /// Closes with this code.
    pub(super) fn start_close(&self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        // An overrun socket cannot be closed in good order; dropping it does.
        let _ = self.queue(Message::Close(Some(frame)));
    }

    /// Drops the TCP connection, without a close frame and without waiting for what is not written yet.
    pub(super) async fn abort(self) {
        let Self { incoming, writer, .. } = self;
        writer.abort();
        // The other half of the socket is the task's; only when both are gone is the connection.
        let _ = writer.await;
        drop(incoming);
    }

    /// Reads until the gateway has closed, at most five seconds; hands each message that still comes to `late`.
    /// Returns the code, or `None` when the gateway has not closed.
    pub(super) async fn wait_for_close(mut self, mut late: impl FnMut(Incoming)) -> Option<u16> {
        let closed = timeout(CLOSE_TIMEOUT, async {
            loop {
                match self.next().await {
                    Incoming::Closed(code) => break code,
                    message => late(message),
                }
            }
        });
        closed.await.ok()
    }
}
