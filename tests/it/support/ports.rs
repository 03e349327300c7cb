//! Loopback ports that a test may leave and come back to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use tokio::net::TcpSocket;

/// Ports of this process, each held by a socket that is bound and never listens.
static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A port that nobody listens on, and that is given to nobody else while this process lives: servers bind it by its number
/// (with `SO_REUSEADDR`, as all of them do), leave it when they are killed, and find it free again.
///
/// A port that was merely free a moment ago goes to whoever asks next. A test whose Redis was down then found its gateway
/// talking to the Redis of the test beside it.
pub(crate) fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("its option");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    HELD.lock().expect("nobody panics with it").push(socket);
    port
}

#[test]
fn a_port_is_closed_free_for_a_server_and_given_to_nobody_else() {
    let port = free_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for _ in 0..2 {
        assert!(std::net::TcpStream::connect(address).is_err(), "somebody listens");
        let server = std::net::TcpListener::bind(address).unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok());
        drop(server);
    }
    // What asks for any port is not given one that is bound; nor is who asks for this one and cannot share it.
    assert!(TcpSocket::new_v4().unwrap().bind(address).is_err(), "it is not held");
}
