//! The media WebSocket as a session uses it: messages out without waiting, messages in without losing any.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt as _, StreamExt as _};

/// Outbound bytes that may wait for a slow carrier. The agent's audio is sent at most some 400 ms ahead, 10 kB as
/// JSON, so a queue of this size means a peer that has stopped reading: the call is ended.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// One media socket.
#[derive(Debug)]
pub(crate) struct MediaStream {
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    queue: VecDeque<Message>,
    queued_bytes: usize,
    flushed: bool,
}

/// What came from the socket.
#[derive(Debug)]
pub(crate) enum Inbound {
    Text(Utf8Bytes),
    /// A binary message, which the protocol does not have.
    Binary,
    /// A ping or pong; it is answered already.
    Control,
    /// The peer closed, or the connection broke.
    Closed,
}

impl MediaStream {
    pub(crate) fn new(socket: WebSocket) -> Self {
        let (sink, stream) = socket.split();
        Self { sink, stream, queue: VecDeque::new(), queued_bytes: 0, flushed: true }
    }

    /// Queues a text message. Returns false when the peer has not been reading for too long.
    #[must_use]
    pub(crate) fn send(&mut self, text: &str) -> bool {
        self.queued_bytes += text.len();
        self.queue.push_back(Message::Text(text.into()));
        self.queued_bytes <= MAX_QUEUED_BYTES
    }

    /// Queues a close frame; `reason` at most 123 bytes.
    pub(crate) fn close(&mut self, code: u16, reason: &'static str) {
        self.queue.push_back(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
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
            self.stream.poll_next_unpin(cx).map(|message| match message {
                Some(Ok(Message::Text(text))) => Inbound::Text(text),
                Some(Ok(Message::Binary(_))) => Inbound::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    self.flushed = false; // the answer to a ping goes out with the next flush
                    Inbound::Control
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => Inbound::Closed,
            })
        })
        .await
    }

    /// Writes what is queued and waits until the peer has closed too. Give it a time limit.
    pub(crate) async fn finish(mut self) {
        if poll_fn(|cx| self.poll_write(cx)).await.is_ok() {
            while let Some(Ok(_)) = self.stream.next().await {}
        }
        // The peer is gone or has said goodbye; an error changes nothing.
        let _ = self.sink.close().await;
    }

    /// Ready when everything queued is on the wire.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.queue.is_empty() {
            match Pin::new(&mut self.sink).poll_ready(cx) {
                Poll::Ready(Ok(())) => (),
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
            if let Some(message) = self.queue.pop_front() {
                if let Message::Text(text) = &message {
                    self.queued_bytes -= text.len();
                }
                Pin::new(&mut self.sink).start_send(message)?;
                self.flushed = false;
            }
        }
        if !self.flushed {
            match Pin::new(&mut self.sink).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}
