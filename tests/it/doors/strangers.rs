//! Strangers who hold a socket for as long as they are let, and then open another.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redial_carrier::twilio::signature;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::support::gateway::TOKEN;

/// How long a stranger waits before the next socket.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two bytes of a slow one.
const DRIP: Duration = Duration::from_millis(500);

/// How a stranger holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Says nothing.
    Silent,
    /// A head that never ends.
    SlowHead,
    /// A body that never ends, with a signature that could be right.
    SlowBody,
    /// Asks again and again, and reads no answer.
    NeverReads,
    /// The beginning of a TLS handshake.
    Garbage,
    /// An upgrade with a signature that was seen somewhere, and no `start`.
    NoStart,
    /// A whole request, and then nothing.
    KeepsAlive,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Silent,
        Self::SlowHead,
        Self::SlowBody,
        Self::NeverReads,
        Self::Garbage,
        Self::NoStart,
        Self::KeepsAlive,
    ];

    /// Holds one socket until the gateway ends it. Errors are ends as well.
    pub(crate) async fn hold(self, gateway: SocketAddr) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        if self == Self::NeverReads {
            socket.set_recv_buffer_size(4096)?;
        }
        let mut stream = socket.connect(gateway).await?;
        match self {
            Self::Silent => read_to_end(&mut stream).await,
            Self::SlowHead => drip(&mut stream, "POST /voice HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned()).await,
            Self::SlowBody => {
                let signature = signature::sign_form("a token of nobody", "https://calls.example.com/voice", &[]);
                let head = format!(
                    "POST /voice HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                     X-Twilio-Signature: {signature}\r\nContent-Length: 60000\r\n\r\n"
                );
                drip(&mut stream, head).await
            }
            Self::NeverReads => loop {
                // Stands still once both sides' buffers are full.
                stream.write_all("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100).as_bytes()).await?;
            },
            Self::Garbage => {
                stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]).await?;
                read_to_end(&mut stream).await
            }
            Self::NoStart => {
                let signature = signature::sign_websocket(TOKEN, &format!("ws://{gateway}/media-stream"));
                let head = format!(
                    "GET /media-stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                     X-Twilio-Signature: {signature}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                read_to_end(&mut stream).await
            }
            Self::KeepsAlive => {
                stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await?;
                read_to_end(&mut stream).await
            }
        }
    }
}

async fn read_to_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Writes a beginning, and a byte now and then until the other side hangs up.
async fn drip(stream: &mut TcpStream, beginning: String) -> io::Result<()> {
    stream.write_all(beginning.as_bytes()).await?;
    let (mut read, mut write) = stream.split();
    let mut tick = interval(DRIP);
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            _ = tick.tick() => write.write_all(b"a").await?,
            count = read.read(&mut buffer) => if count? == 0 {
                return Ok(());
            },
        }
    }
}

/// So many strangers at once, until it is dropped.
pub(crate) struct Crowd {
    sockets: Arc<AtomicU64>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Crowd {
    pub(crate) fn gather(kind: Kind, count: usize, gateway: SocketAddr) -> Self {
        let sockets = Arc::new(AtomicU64::new(0));
        let stranger = |_| {
            let sockets = Arc::clone(&sockets);
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    // However it ended, there is another socket.
                    let _ = kind.hold(gateway).await;
                    sockets.fetch_add(1, Ordering::Relaxed);
                    sleep(PAUSE).await;
                }
            }))
        };
        Self { _tasks: (0..count).map(stranger).collect(), sockets }
    }

    /// Sockets that were ended so far.
    pub(crate) fn ended(&self) -> u64 {
        self.sockets.load(Ordering::Relaxed)
    }
}
