//! What transport costs at least: a process that reads WebSocket frames off many sockets with epoll, and throws them away.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::framing;
use crate::process::cpu;

/// The argument that makes this program the sink.
pub(crate) const ARGUMENT: &str = "--sink";
/// The listener's key; a connection's is its place.
const LISTENER: u64 = u64::MAX;
const EVENTS_AT_ONCE: usize = 256;

/// A sink as a process of its own, until this is dropped.
pub(crate) struct Sink {
    process: Child,
    port: u16,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let mut process =
            Command::new(std::env::current_exe().unwrap()).arg(ARGUMENT).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    pub(crate) fn cpu(&self) -> Duration {
        cpu(self.process.id())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection {
    socket: TcpStream,
    /// The beginning of a frame that is not whole yet.
    begun: Vec<u8>,
}

/// Prints the port, and reads until the process is killed.
pub(crate) fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN).unwrap();
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
    let mut buffer = [0; 4096];
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None).unwrap();
        for event in &events {
            let place = event.data.u64();
            if place == LISTENER {
                let (socket, _) = listener.accept().unwrap();
                socket.set_nonblocking(true).unwrap();
                let place = EventData::new_u64(connections.len() as u64);
                epoll::add(&epoll, &socket, place, EventFlags::IN).unwrap();
                connections.push(Some(Connection { socket, begun: Vec::new() }));
                continue;
            }
            let connection = &mut connections[place as usize];
            if connection.as_mut().is_some_and(|connection| !connection.read(&mut buffer)) {
                *connection = None;
            }
        }
    }
}

impl Connection {
    /// False when it is over.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        match self.socket.read(buffer) {
            Ok(0) => false,
            Ok(size) if self.begun.is_empty() => {
                let whole = framing::whole_messages(&buffer[..size], |_| ());
                self.begun.extend_from_slice(&buffer[whole..size]);
                true
            }
            Ok(size) => {
                self.begun.extend_from_slice(&buffer[..size]);
                framing::take_messages(&mut self.begun, |_| ());
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}
