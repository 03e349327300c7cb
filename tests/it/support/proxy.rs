//! A TCP proxy in front of a server, which misbehaves as it is told to, for connections that are open as well as new ones.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::ports::free_port;

/// What the proxy does. A change takes effect in the middle of a message, with what is still on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything on.
    Pass,
    /// Connections are refused, open ones are reset.
    Refuse,
    /// What is sent is read and lost, both ways; nothing is closed.
    Blackhole,
    /// Requests are lost; replies pass.
    SwallowRequests,
    /// Requests pass, and are executed; replies are lost.
    SwallowReplies,
    /// Everything comes this much later, each way.
    Delay(Duration),
    /// One byte in each of these, each way.
    Drip(Duration),
    /// This many bytes of replies pass on each connection, then it is reset.
    ResetAfter(usize),
    /// What answers is a web server: 400 to whatever is asked, and the end.
    Http,
    /// Connections are accepted, and then neither read nor written; buffers fill up.
    Silent,
}

/// The proxy. Dropping it ends its connections.
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    /// True while it listens.
    listens: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Listens on a free loopback port and passes everything on to another.
    pub(crate) async fn before(server: u16) -> Self {
        let port = free_port();
        let listener = listen(port).await;
        let (mode, modes) = watch::channel(Mode::Pass);
        let (listening, listens) = watch::channel(true);
        let task = AbortOnDropHandle::new(tokio::spawn(run(listener, local(server), modes, listening)));
        Self { port, mode, listens, _task: task }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Changes what it does. When this returns, new connections meet the new mode.
    pub(crate) async fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        let listens = mode != Mode::Refuse;
        self.listens.clone().wait_for(|now| *now == listens).await.expect("the proxy runs");
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind(local(port)).await.expect("the port is this process's own")
}

/// Accepts connections; closes the port while they are to be refused.
async fn run(
    listener: TcpListener,
    server: SocketAddr,
    mut modes: watch::Receiver<Mode>,
    listening: watch::Sender<bool>,
) {
    let port = listener.local_addr().expect("it is bound").port();
    let mut listener = Some(listener);
    let mut connections = JoinSet::new(); // ended with this task
    loop {
        let refuses = *modes.borrow_and_update() == Mode::Refuse;
        if refuses {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(port).await);
        }
        listening.send_replace(!refuses);
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok((client, _)) = accepted => {
                let modes = modes.clone();
                connections.spawn(async move {
                    // Whatever ends a connection is what its two ends see; nobody else is to be told.
                    let _ = connection(client, server, modes).await;
                });
            }
            changed = modes.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => (),
        }
    }
}

/// One connection, until either end closes it; the proxy then closes both ways at once.
async fn connection(mut client: TcpStream, server: SocketAddr, modes: watch::Receiver<Mode>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let reset = {
        let asked = Notify::new();
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut refused = modes.clone();
        let requests = Direction { is_reply: false, modes: modes.clone(), asked: &asked };
        let replies = Direction { is_reply: true, modes, asked: &asked };
        tokio::select! {
            end = requests.carry(from_client, to_server) => end?,
            end = replies.carry(from_server, to_client) => end?,
            _ = refused.wait_for(|mode| *mode == Mode::Refuse) => End::Reset,
        }
    };
    if reset == End::Reset {
        client.set_zero_linger()?;
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

/// One way of a connection.
struct Direction<'a> {
    is_reply: bool,
    modes: watch::Receiver<Mode>,
    /// Something was asked while a web server is to answer.
    asked: &'a Notify,
}

/// Bytes, and when they were read.
type Parcel = (Instant, Vec<u8>);

impl Direction<'_> {
    async fn carry(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> io::Result<End> {
        let (parcels, on_its_way) = mpsc::unbounded_channel();
        let reader = Reader { is_reply: self.is_reply, modes: self.modes.clone(), asked: self.asked };
        tokio::select! {
            biased; // what was read before the end is written before it
            end = self.write(on_its_way, to) => end,
            Err(error) = reader.read(from, parcels) => Err(error),
        }
    }

    fn loses(&self, mode: Mode) -> bool {
        match mode {
            Mode::Blackhole | Mode::Http => true,
            Mode::SwallowRequests => !self.is_reply,
            Mode::SwallowReplies => self.is_reply,
            _ => false,
        }
    }

    /// Writes what comes, as the mode of the moment has it.
    async fn write(mut self, mut parcels: mpsc::UnboundedReceiver<Parcel>, mut to: WriteHalf<'_>) -> io::Result<End> {
        let mut passed = 0;
        let (mut read_at, mut rest) = (Instant::now(), Vec::new());
        loop {
            let mode = *self.modes.borrow_and_update();
            if rest.is_empty() {
                tokio::select! {
                    parcel = parcels.recv() => match parcel {
                        Some(parcel) => (read_at, rest) = parcel,
                        None => return Ok(End::Close),
                    },
                    changed = self.modes.changed() => {
                        passed = 0;
                        if changed.is_err() { return Ok(End::Close) }
                    }
                    () = self.asked.notified(), if self.is_reply && mode == Mode::Http => {
                        to.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
                        return Ok(End::Close);
                    }
                }
                continue;
            }
            let due = match mode {
                _ if self.loses(mode) => {
                    rest.clear();
                    continue;
                }
                Mode::Delay(by) => read_at + by,
                Mode::Drip(every) => Instant::now() + every,
                Mode::Silent => Instant::now() + FOREVER,
                _ => Instant::now(),
            };
            let now = match mode {
                Mode::Drip(_) => 1,
                Mode::ResetAfter(bytes) if self.is_reply => rest.len().min(bytes.saturating_sub(passed)),
                _ => rest.len(),
            };
            tokio::select! {
                biased;
                changed = self.modes.changed() => {
                    passed = 0;
                    if changed.is_err() { return Ok(End::Close) }
                    continue;
                }
                () = sleep_until(due) => (),
            }
            to.write_all(&rest[..now]).await?;
            rest.drain(..now);
            passed += now;
            if self.is_reply && matches!(mode, Mode::ResetAfter(bytes) if passed >= bytes) {
                return Ok(End::Reset);
            }
        }
    }
}

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

struct Reader<'a> {
    is_reply: bool,
    modes: watch::Receiver<Mode>,
    asked: &'a Notify,
}

impl Reader<'_> {
    /// Reads until the end, which drops `parcels`, and then waits to be dropped.
    async fn read(mut self, mut from: ReadHalf<'_>, parcels: mpsc::UnboundedSender<Parcel>) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            if self.modes.wait_for(|mode| *mode != Mode::Silent).await.is_err() {
                break;
            }
            let length = tokio::select! {
                length = from.read(&mut buffer) => length?,
                _ = self.modes.changed() => continue,
            };
            if length == 0 {
                break;
            }
            if !self.is_reply && *self.modes.borrow() == Mode::Http {
                self.asked.notify_one();
            }
            if parcels.send((Instant::now(), buffer[..length].to_vec())).is_err() {
                break;
            }
        }
        drop(parcels);
        std::future::pending().await
    }
}
