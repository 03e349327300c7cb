//! A connection whose place knows what it waits for.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::peer::{Believed, Peer};
use super::places::{Phase, Place};

/// The socket. It ends when its place is cut, also after an upgrade, when nobody else looks at it.
pub(super) struct Watched {
    stream: TcpStream,
    place: Arc<Place>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, place: Arc<Place>) -> Self {
        let cut = Box::pin(place.cut().clone().cancelled_owned());
        Self { stream, place, cut }
    }

    /// Notes whether the client takes what is written.
    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            self.place.blocked();
        }
        result
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.place.leave();
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A call is never cut, and its frames are many. Also when it has been ready before: who is cut reads nothing any more.
        if !self.place.is_call() && (self.place.cut().is_cancelled() || self.cut.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() {
            self.place.waits();
        }
        ready!(read)?;
        if buffer.filled().len() > before {
            self.place.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Asked for when nothing waits to be written.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.place.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request's body, which tells when it is whole.
pub(super) struct WatchedBody {
    body: Incoming,
    place: Arc<Place>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.place.body_ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Notes that a request has begun, and gives it what handlers may want to know of its connection.
pub(super) fn asked(request: Request<Incoming>, place: &Arc<Place>, peer: Peer) -> Request<WatchedBody> {
    place.enter(if request.body().is_end_stream() { Phase::Handler } else { Phase::Body });
    let mut request = request.map(|body| WatchedBody { body, place: Arc::clone(place) });
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(Arc::clone(place));
    request
}

/// Notes what a request was answered.
pub(super) fn answered(answer: Result<Response, Infallible>, place: &Place) -> Result<Response, Infallible> {
    let Ok(mut response) = answer;
    if response.extensions().get::<Believed>().is_some() {
        place.believe();
    } else if response.status() != StatusCode::SWITCHING_PROTOCOLS && place.has_asked_enough() {
        // Somebody who asks and never reads would have thousands of answers made, one after the other.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    place.enter(if response.status() == StatusCode::SWITCHING_PROTOCOLS { Phase::Start } else { Phase::Answer });
    Ok(response)
}
