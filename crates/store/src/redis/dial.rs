//! From an address to a connection on which commands would work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisConnectionInfo, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::address::{self, Address, Place};
use super::advice::Trouble;
use super::keys::Keys;
use super::options::RedisOptions;
use super::route::Connection;
use super::stream::Dial;
use super::tcp;

/// Requests that wait in the client for the socket; the default of 50 is less than one busy second's call starts.
const PIPELINE_BUFFER: usize = 1024;
/// A cluster's client follows redirections and tries again by itself; more often, and a caller would wait for it.
const CLUSTER_RETRIES: u32 = 3;
/// Between these tries, ms.
const CLUSTER_RETRY_WAIT_MS: (u64, u64) = (10, 100);

/// What moves the bytes of a connection over a stream that was handed in. Dropping the last of it closes the stream; the
/// client does that by itself only for connections that it opened.
pub(super) type Driver = Arc<AbortOnDropHandle<()>>;

/// Makes connections to one address.
pub(super) struct Dialler {
    address: Address,
    options: RedisOptions,
    keys: Keys,
    /// Key and value that tell which pepper is in use.
    pepper: Option<(String, String)>,
    /// Which Sentinel is asked first: the one that answered last, or the next.
    first_sentinel: AtomicUsize,
    /// The connection to it, which both links use.
    sentinel: Mutex<Option<MultiplexedConnection>>,
}

/// A connection, and to whom.
pub(super) struct Dialled {
    pub(super) connection: Connection,
    /// Of a stream that was handed in.
    pub(super) driver: Option<Driver>,
    /// Host and port, or all of a cluster's.
    pub(super) name: String,
}

impl Dialler {
    /// `keys`: those of the store.
    pub(super) fn new(address: Address, options: RedisOptions, keys: Keys) -> Self {
        let pepper = options.pepper_check.clone().map(|value| (keys.pepper(), value));
        Self { address, options, keys, pepper, first_sentinel: AtomicUsize::new(0), sentinel: Mutex::default() }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.options
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Connects, and makes sure that it is a master, and that the keys there are ours.
    pub(super) async fn dial(&self) -> Result<Dialled, Trouble> {
        let mut dialled = match &self.address.place {
            Place::One(info) => self.master(info).await?,
            Place::Sentinel { sentinels, service, master } => {
                let (host, port) = self.resolve(sentinels, service).await?;
                match self.master(&address::moved_to(master, host, port)).await {
                    Ok(dialled) => dialled,
                    Err(trouble) => {
                        // This Sentinel may not know yet what the others do.
                        self.first_sentinel.fetch_add(1, Ordering::Relaxed);
                        *self.sentinel.lock().await = None;
                        return Err(trouble);
                    }
                }
            }
            Place::Cluster(nodes) => self.cluster(nodes).await?,
            Place::Streams(opener) => self.over_a_stream(&opener.0).await?,
        };
        let checking = self.check_pepper(&mut dialled.connection);
        match timeout(self.options.connect_timeout, checking).await {
            Ok(Ok(())) => Ok(dialled),
            Ok(Err(Trouble::OtherPepper)) => Err(Trouble::OtherPepper),
            // One slot of a cluster may be without its master, and the others work.
            Ok(Err(trouble)) if !dialled.connection.is_cluster() && trouble.breaks_the_connection() => Err(trouble),
            // A full or loading server, or rules without this key: the supervisor tries again later.
            Ok(Err(_)) => Ok(dialled),
            Err(_) if dialled.connection.is_cluster() => Ok(dialled),
            Err(_) => Err(Trouble::NoAnswer(self.options.connect_timeout)),
        }
    }

    /// Whether the Sentinels now name another master than this one. One that is cut off from them goes on answering.
    pub(super) async fn has_moved(&self, name: &str) -> bool {
        let Place::Sentinel { sentinels, service, master } = &self.address.place else { return false };
        let Ok((host, port)) = self.resolve(sentinels, service).await else { return false };
        address::name(&address::moved_to(master, host, port)) != name
    }

    /// Leaves our mark, or finds another's.
    ///
    /// # Errors
    /// [`Trouble::OtherPepper`] when what is stored there was hashed with another pepper; any other when it is not known.
    pub(super) async fn check_pepper(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let Some((key, ours)) = &self.pepper else { return Ok(()) };
        let failed = |error| Trouble::of(&error);
        let mut get = redis::cmd("GET");
        get.arg(key);
        let mut found: Option<Vec<u8>> = get.query_async(connection).await.map_err(failed)?;
        if found.is_none() {
            if !self.options.leaves_pepper_check {
                return Ok(());
            }
            let mut set = redis::cmd("SET");
            set.arg(key).arg(ours).arg("NX");
            let _: Value = set.query_async(connection).await.map_err(failed)?;
            // Another instance may have been first.
            found = get.query_async(connection).await.map_err(failed)?;
        }
        if found.is_some_and(|found| found != ours.as_bytes()) { Err(Trouble::OtherPepper) } else { Ok(()) }
    }

    fn config(&self) -> AsyncConnectionConfig {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(None) // each operation has its own deadline
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        if let Some(limit) = self.options.in_flight {
            return config.set_concurrency_limit(limit);
        }
        config
    }

    async fn open(&self, info: &ConnectionInfo) -> Result<MultiplexedConnection, Trouble> {
        let client = Client::open(info.clone()).map_err(|error| Trouble::of(&error))?;
        let config = self.config();
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        connecting.await.map_err(|error| Trouble::of(&error))
    }

    async fn master(&self, info: &ConnectionInfo) -> Result<Dialled, Trouble> {
        let mut connection = self.open(info).await?;
        self.check_role(&mut connection).await?;
        Ok(Dialled { connection: Connection::One(connection), driver: None, name: address::name(info) })
    }

    async fn over_a_stream(&self, open: &Dial) -> Result<Dialled, Trouble> {
        let greeting = async {
            let stream = open().await?;
            let info = RedisConnectionInfo::default();
            let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, self.config()).await?;
            Ok::<_, RedisError>((connection, Arc::new(AbortOnDropHandle::new(tokio::spawn(driver)))))
        };
        let greeted = timeout(self.options.connect_timeout, greeting).await.map_err(|_| Trouble::ConnectTimeout)?;
        let (mut connection, driver) = greeted.map_err(|error| Trouble::of(&error))?;
        self.check_role(&mut connection).await?;
        Ok(Dialled { connection: Connection::One(connection), driver: Some(driver), name: "a stream".to_owned() })
    }

    /// Makes sure that commands would work: a server that wants a password or is a replica lets us connect.
    async fn check_role(&self, connection: &mut MultiplexedConnection) -> Result<(), Trouble> {
        let role = redis::cmd("ROLE");
        let role = timeout(self.options.connect_timeout, role.query_async::<Value>(connection)).await;
        match role.map_err(|_| Trouble::NoAnswer(self.options.connect_timeout))? {
            Ok(Value::Array(role)) if role.first().is_some_and(is_replica) => Err(Trouble::ReadOnly),
            Ok(_) => Ok(()),
            // ROLE may be forbidden or unknown where all that we need is allowed.
            Err(error) => match Trouble::of(&error) {
                Trouble::NotAllowed(_) | Trouble::UnknownCommand(_) | Trouble::Other(_) => Ok(()),
                trouble => Err(trouble),
            },
        }
    }

    /// Asks the Sentinels, one after the other, where the master is.
    async fn resolve(&self, sentinels: &[ConnectionInfo], service: &str) -> Result<(String, u16), Trouble> {
        let kept = self.sentinel.lock().await.clone();
        if let Some(mut kept) = kept {
            if let Ok(master) = self.ask_sentinel(&mut kept, service).await {
                return Ok(master);
            }
            *self.sentinel.lock().await = None;
        }
        let first = self.first_sentinel.load(Ordering::Relaxed);
        let mut worst = Trouble::NoSentinel;
        for i in 0..sentinels.len() {
            let i = first.wrapping_add(i) % sentinels.len();
            let mut connection = match self.open(&sentinels[i]).await {
                Ok(connection) => connection,
                Err(trouble) => {
                    worst = worse(worst, trouble);
                    continue;
                }
            };
            match self.ask_sentinel(&mut connection, service).await {
                Ok(master) => {
                    self.first_sentinel.store(i, Ordering::Relaxed);
                    *self.sentinel.lock().await = Some(connection);
                    return Ok(master);
                }
                Err(trouble) => worst = worse(worst, trouble),
            }
        }
        Err(worst)
    }

    async fn ask_sentinel(
        &self,
        sentinel: &mut MultiplexedConnection,
        service: &str,
    ) -> Result<(String, u16), Trouble> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
        let answer = ask.query_async::<Option<(String, u16)>>(sentinel);
        let answer = timeout(self.options.connect_timeout, answer).await.map_err(|_| Trouble::ConnectTimeout)?;
        answer.map_err(|error| Trouble::of(&error))?.ok_or(Trouble::UnknownService)
    }

    async fn cluster(&self, nodes: &[ConnectionInfo]) -> Result<Dialled, Trouble> {
        let (min_ms, max_ms) = CLUSTER_RETRY_WAIT_MS;
        let mut builder = ClusterClientBuilder::new(nodes.to_vec())
            .connection_timeout(self.options.connect_timeout)
            .response_timeout(self.options.socket_timeout)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(min_ms)
            .max_retry_wait(max_ms)
            .tcp_settings(tcp::settings());
        if let Some(ca_pem) = &self.options.ca_pem {
            builder = builder.certs(address::authorities(ca_pem));
        }
        if let Some(limit) = self.options.in_flight {
            builder = builder.connection_concurrency_limit(limit);
        }
        let client = builder.build().map_err(|error| Trouble::of(&error))?;
        // It tries all nodes, each with the timeout above.
        let limit = self.options.connect_timeout * (u32::try_from(nodes.len()).unwrap_or(u32::MAX)).saturating_add(1);
        match timeout(limit, client.get_async_connection()).await {
            Ok(Ok(cluster)) => {
                let names: Vec<String> = nodes.iter().map(address::name).collect();
                Ok(Dialled { connection: Connection::Cluster(cluster), driver: None, name: names.join(",") })
            }
            // What it says is about the cluster as a whole; one node asked directly tells why.
            Ok(Err(_)) | Err(_) => Err(self.why_no_cluster(nodes).await),
        }
    }

    async fn why_no_cluster(&self, nodes: &[ConnectionInfo]) -> Trouble {
        let mut last = Trouble::ClusterDown;
        for info in nodes {
            let asking = async {
                let mut connection = self.open(info).await?;
                let mut slots = redis::cmd("CLUSTER");
                slots.arg("SLOTS");
                slots.query_async::<Value>(&mut connection).await.map_err(|error| Trouble::of(&error))
            };
            match timeout(self.options.connect_timeout * 2, asking).await {
                Ok(Ok(_)) => return Trouble::ClusterDown,
                Ok(Err(trouble)) => last = trouble,
                Err(_) => last = Trouble::ConnectTimeout,
            }
        }
        last
    }
}

/// What to say when no Sentinel knows the master: a reason that an operator can do something about, if there is one.
fn worse(known: Trouble, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::PasswordRequired | Trouble::PasswordRejected => Trouble::SentinelPassword,
        Trouble::UnknownService | Trouble::Certificate | Trouble::UnknownHost => trouble,
        _ => known,
    }
}

fn is_replica(role: &Value) -> bool {
    match role {
        Value::BulkString(role) => role == b"slave",
        Value::SimpleString(role) => role == "slave",
        _ => false,
    }
}
