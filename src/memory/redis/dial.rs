//! How a connection to a server is opened: by the client, from its URL, or over a byte stream that somebody hands in.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisConnectionInfo, RedisError, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::advice::Scheme;
use super::connection::CONNECT_TIMEOUT;

/// A connected byte stream, such as a simulated network's.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// Opens one byte stream to the server.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> + Send + Sync>;

/// The server, and the way to it.
#[derive(Clone)]
pub(super) enum Server {
    /// The client connects, with TLS if the URL says so.
    Url(Box<Client>),
    /// Plain Redis protocol, without user and password, over the streams that this opens.
    Dialled(Dial),
}

/// What moves the bytes of a connection over a stream that was handed in. Dropping the last of it closes the stream; the
/// client does that by itself only for connections that it opened.
pub(super) type Driver = Arc<AbortOnDropHandle<()>>;

impl Server {
    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Url(client) => Scheme::of(client.get_connection_info().addr()),
            Self::Dialled(_) => Scheme::Plain,
        }
    }

    /// Connects within the time-out that `config` has, too, for the client's own way.
    pub(super) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> RedisResult<(MultiplexedConnection, Option<Driver>)> {
        match self {
            Self::Url(client) => Ok((client.get_multiplexed_async_connection_with_config(&config).await?, None)),
            Self::Dialled(dial) => {
                let greeting = async {
                    let info = RedisConnectionInfo::default();
                    let stream = dial().await?;
                    let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
                    Ok((connection, Some(Arc::new(AbortOnDropHandle::new(tokio::spawn(driver))))))
                };
                let late = |_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
                timeout(CONNECT_TIMEOUT, greeting).await.map_err(late)?
            }
        }
    }
}
