//! Accepts connections: with a cap, a time limit for headers, and small limits on what a stranger may send.
//!
//! axum's own `serve` sets none of these.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once: every call has one, and webhooks, probes and strangers need some.
const SPARE_CONNECTIONS: usize = 1024;
/// How long a client may take for its request's head.
const HEADER_LIMIT: Duration = Duration::from_secs(3);
/// Largest head of a request. hyper takes no less.
const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;
/// Connections that may wait to be accepted; a ramp of hundreds of calls a second fills the usual 128.
const BACKLOG: u32 = 4096;

/// Who is at the other end of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The listening socket that a supervisor such as systemd hands over (`LISTEN_FDS`), else one bound to `address`.
///
/// A socket that outlives the process keeps connections waiting while the process restarts: a carrier that asks how a
/// call goes on is then answered late instead of refused.
pub(crate) fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    if let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? {
        listener.set_nonblocking(true)?;
        return TcpListener::from_std(listener);
    }
    bind_anew(address)
}

/// A socket of our own, whatever a supervisor hands over.
pub(crate) fn bind_anew(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    // A backlog that a burst of calls does not fill.
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`. Upgraded connections go on; they belong to their calls.
pub(crate) async fn serve(listener: TcpListener, router: Router, max_calls: usize, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(max_calls + SPARE_CONNECTIONS));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: a pause lets some connections end.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => return,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            metrics::counter!("redial_connections_shed_total").increment(1);
            continue; // dropped: the kernel resets it
        };
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            router.call(request)
        });
        let stop = stop.clone();
        tokio::spawn(async move {
            connection(stream, service, stop).await;
            drop(place);
        });
    }
}

async fn connection<S>(stream: TcpStream, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Send,
    S::Future: Send + 'static,
{
    // Audio is many small writes; a socket that refuses the option is served all the same.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
