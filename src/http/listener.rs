//! Accepts connections: with places for so many, a deadline for all that a client may draw out, and small limits on what a
//! stranger may send.
//!
//! axum's own `serve` sets none of these.

mod files;
mod peer;
mod places;
mod watched;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use listenfd::ListenFd;
use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::files::places_beside;
pub(crate) use self::peer::{Believed, Peer, network};
pub(crate) use self::places::{Place, Places, Rules};
use self::watched::{Watched, answered, asked};
use crate::telemetry::limited::Limited;

/// Largest head of a request. hyper takes no less.
const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;
/// What the kernel keeps of answers that a client does not take; by itself it would be megabytes, of ten thousands of answers to
/// somebody who only asks. A call's audio is some 10 kB ahead of its caller.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// Connections that may wait to be accepted; a ramp of hundreds of calls a second fills the usual 128.
const BACKLOG: u32 = 4096;
/// How often deadlines are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// How long nothing is accepted when the system has no room for it.
const BREATH: Duration = Duration::from_millis(50);
/// Until it is looked again whether there is room.
const MOMENT: Duration = Duration::from_millis(1);
/// How long requests may take that are under way when the listener stops.
const LAST_ANSWERS: Duration = Duration::from_secs(15);

/// The listening socket that a supervisor such as systemd hands over (`LISTEN_FDS`), else one bound to `address`.
///
/// A socket that outlives the process keeps connections waiting while the process restarts: a carrier that asks how a
/// call goes on is then answered late instead of refused.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? {
        listener.set_nonblocking(true)?;
        return TcpListener::from_std(listener);
    }
    bind_anew(address)
}

/// A socket of our own, whatever a supervisor hands over.
pub(crate) fn bind_anew(address: SocketAddr) -> io::Result<TcpListener> {
    // A backlog that a burst of calls does not fill.
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`. Upgraded connections go on; they belong to their calls. Should it die, another one may go on with the
/// same listener and the same places.
pub(crate) async fn serve(listener: &TcpListener, places: &Arc<Places>, router: Router, stop: CancellationToken) {
    let failures = Limited::new();
    let mut sweep = interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Dropped otherwise: the kernel resets it.
                    if let Some(place) = a_place(places, peer.ip()).await {
                        tokio::spawn(connection(stream, place, Peer(peer.ip()), router.clone(), stop.clone()));
                    }
                }
                Err(error) => {
                    if let Some(left_out) = failures.due() {
                        tracing::warn!(%error, left_out, "a connection cannot be accepted");
                    }
                    let has_room = is_out_of_files(&error) && places.make_room(Instant::now());
                    tokio::time::sleep(if has_room { MOMENT } else { BREATH }).await;
                }
            },
            _ = sweep.tick() => places.sweep(Instant::now()),
            () = stop.cancelled() => return,
        }
    }
}

/// A place for a connection. While all places are taken by others who have just come, it waits a little, and further
/// connections wait where the kernel keeps them.
async fn a_place(places: &Arc<Places>, peer: IpAddr) -> Option<Arc<Place>> {
    let began = Instant::now();
    loop {
        let now = Instant::now();
        if let Some(place) = places.admit(peer, now) {
            return Some(place);
        }
        if now.duration_since(began) >= SWEEP_EVERY {
            places.refused(peer);
            return None;
        }
        tokio::time::sleep(MOMENT).await;
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Answers a connection's requests until it ends, is upgraded, or is cut.
async fn connection(stream: TcpStream, place: Arc<Place>, peer: Peer, router: Router, stop: CancellationToken) {
    // Audio is many small writes; a socket that refuses an option is served all the same.
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let place = Arc::clone(&place);
        let answer = router.call(asked(request, &place, peer));
        async move { answered(answer.await, &place) }
    });
    let connection = http1::Builder::new()
        // The place has deadlines for the head and for all else.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Watched::new(stream, Arc::clone(&place))), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = place.cut().cancelled() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // Nobody looks at deadlines any more.
            match timeout(LAST_ANSWERS, connection).await {
                Ok(result) => result,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
