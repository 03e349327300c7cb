//! The media WebSocket as a session uses it: messages out without waiting, messages in without losing any.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, SinkExt, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use redial_carrier::line::Outbound;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

/// Outbound bytes that may wait for a slow carrier. The agent's audio is sent at most some 400 ms ahead, 10 kB as
/// JSON, so a queue of this size means a peer that has stopped reading: the call is ended.
const MAX_QUEUED_BYTES: usize = 256 * 1024;
/// Largest message: a `start` with many parameters. Media is 0.4 kB.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The default of 128 KiB would be most of a call's memory.
const READ_BUFFER_BYTES: usize = 4096;
/// Most that is read of a peer that does not stop after our goodbye.
const MAX_LAST_BYTES: usize = 4 * 1024 * 1024;
/// What a frame takes beside its payload, at least.
const FRAME_HEADER_BYTES: usize = 6;

/// One media socket.
#[derive(Debug)]
pub(crate) struct MediaStream {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    queue: VecDeque<Message>,
    queued_bytes: usize,
    flushed: bool,
    /// One of the two sides has closed: a second goodbye would be a fault.
    closing: bool,
    /// What comes cannot be told apart into messages any more.
    broken: bool,
}

/// What came from the socket.
#[derive(Debug)]
pub(crate) enum Inbound {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping or pong; it is answered already.
    Control,
    /// The peer does not speak WebSocket as it is written down. Nothing follows; it is to be closed with the fault's code.
    Broken(Fault),
    /// The peer closed, or the connection broke.
    Closed,
}

/// How a peer breaks the framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Reserved bits, unmasked frames, fragments out of order and the like.
    Protocol,
    /// Text that is not UTF-8.
    Encoding,
    /// A message that is larger than any of the protocol's.
    TooBig,
}

impl Fault {
    /// The close code that RFC 6455, 7.4.1 has for it.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Encoding => 1007,
            Self::TooBig => 1009,
        }
    }

    /// For logs, metrics and the peer.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Protocol => "protocol error",
            Self::Encoding => "not UTF-8",
            Self::TooBig => "message too big",
        }
    }

    /// `None`: the connection is gone, which is nobody's fault.
    const fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(_) | Error::AttackAttempt => Some(Self::Protocol),
            Error::Utf8(_) => Some(Self::Encoding),
            Error::Capacity(_) => Some(Self::TooBig),
            _ => None,
        }
    }
}

impl MediaStream {
    /// The server's side of a connection that was upgraded.
    pub(crate) async fn new(upgraded: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_MESSAGE_BYTES)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        Self { socket, queue: VecDeque::new(), queued_bytes: 0, flushed: true, closing: false, broken: false }
    }

    /// Queues a message. Returns false when the peer has not been reading for too long.
    #[must_use]
    pub(crate) fn send(&mut self, message: Outbound<'_>) -> bool {
        if self.closing {
            return true; // nobody listens
        }
        let message = match message {
            Outbound::Text(text) => Message::Text(text.into()),
            Outbound::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
        };
        self.queued_bytes += message.len();
        self.queue.push_back(message);
        self.queued_bytes <= MAX_QUEUED_BYTES
    }

    /// Queues a close frame, unless either side has closed before; `reason` at most 123 bytes.
    pub(crate) fn close(&mut self, code: u16, reason: &'static str) {
        if !self.closing {
            self.closing = true;
            self.queue.push_back(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })));
        }
    }

    /// The next message from the peer; meanwhile the queued ones are written.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing in either direction.
    pub(crate) async fn next(&mut self) -> Inbound {
        poll_fn(|cx| {
            if let Poll::Ready(Err(_)) = self.poll_write(cx) {
                return Poll::Ready(Inbound::Closed);
            }
            self.socket.poll_next_unpin(cx).map(|message| match message {
                Some(Ok(Message::Text(text))) => Inbound::Text(text),
                Some(Ok(Message::Binary(bytes))) => Inbound::Binary(bytes),
                Some(Ok(Message::Frame(frame))) => Inbound::Binary(frame.into_payload()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    self.flushed = false; // the answer to a ping goes out with the next flush
                    Inbound::Control
                }
                Some(Ok(Message::Close(_))) => {
                    self.closing = true; // it is answered by the library, in `finish`
                    Inbound::Closed
                }
                Some(Err(error)) => match Fault::of(&error) {
                    Some(fault) => {
                        self.broken = true;
                        Inbound::Broken(fault)
                    }
                    None => Inbound::Closed,
                },
                None => Inbound::Closed,
            })
        })
        .await
    }

    /// Writes what is queued and waits until the peer has closed too. Give it a time limit.
    pub(crate) async fn finish(mut self) {
        let written = poll_fn(|cx| self.poll_write(cx)).await.is_ok();
        if self.broken {
            return self.drain().await;
        }
        let mut left = MAX_LAST_BYTES;
        while written && left > 0 {
            match self.socket.next().await {
                Some(Ok(message)) => left = left.saturating_sub(message.len() + FRAME_HEADER_BYTES),
                Some(Err(_)) | None => break,
            }
        }
        // The peer is gone or has said goodbye; an error changes nothing.
        let _ = SinkExt::close(&mut self.socket).await;
    }

    /// Lets the peer see why it was closed: a connection that ends with unread bytes is reset, and takes our last words along.
    async fn drain(mut self) {
        let connection = self.socket.get_mut();
        // It may be gone already.
        let _ = connection.shutdown().await;
        let (mut scrap, mut left) = ([0; 4096], MAX_LAST_BYTES);
        while left > 0 {
            match connection.read(&mut scrap).await {
                Ok(0) | Err(_) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    }

    /// Ready when everything queued is on the wire.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.queue.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => (),
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
            if let Some(message) = self.queue.pop_front() {
                if !message.is_close() {
                    self.queued_bytes -= message.len();
                }
                Pin::new(&mut self.socket).start_send(message)?;
                self.flushed = false;
            }
        }
        if !self.flushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}
