//! A real `redis-server` of a test's own: on a free loopback port, in a directory that goes away with it.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ports::free_port;
use super::programs::program;

/// A busy machine may take a while to start a process.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// The server. Killed when dropped, frozen or not.
pub(crate) struct RedisServer {
    port: u16,
    args: Vec<String>,
    dir: tempfile::TempDir,
    child: Child,
}

impl RedisServer {
    /// Starts a server that keeps its data in memory only.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with further arguments, such as `["--requirepass", "secret"]`.
    pub(crate) async fn start_with(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let deadline = Instant::now() + START_DEADLINE;
        let (port, dir) = (free_port(), tempfile::tempdir().expect("a temporary directory"));
        let child = spawn(port, &args, dir.path());
        let mut server = Self { port, args, dir, child };
        assert!(server.ready(deadline).await, "redis-server does not start");
        server
    }

    /// Where it listens, without user and password.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where its data is.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it at once (SIGKILL); the port then refuses connections.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// Starts it again on the same port.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port, &self.args, self.dir.path());
        assert!(self.ready(Instant::now() + START_DEADLINE).await, "redis-server does not start again");
    }

    /// Stops it from running while its connections stay open (SIGSTOP).
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it run again (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// A connection to look at what is really there.
    pub(crate) async fn raw(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }

    /// Every key that is there, named `Redis: KEY`, with its name and all that it holds.
    pub(crate) async fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.raw().await;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("the keys");
        let mut all = Vec::new();
        for key in keys {
            let value = value(&mut connection, &key).await;
            all.push((format!("Redis: {key}"), [key.as_bytes(), value.as_slice()].concat()));
        }
        all
    }

    fn signal(&self, signal: &str) {
        let status = program("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("the kill command").success());
    }

    /// True once it answers, false when the process has ended or the time is up.
    async fn ready(&mut self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if self.child.try_wait().expect("a child of ours").is_some() {
                return false;
            }
            if answers(self.port).await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be dead already, by the test's own hand.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, args: &[String], dir: &Path) -> Child {
    program("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string(), "--dir"])
        .arg(dir)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}

/// Whether a server answers a PING there, be it with NOAUTH.
async fn answers(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        stream.read_u8().await
    };
    matches!(asked.await, Ok(b'+' | b'-'))
}

async fn value(connection: &mut MultiplexedConnection, key: &str) -> Vec<u8> {
    let kind: String = redis::cmd("TYPE").arg(key).query_async(connection).await.expect("an answer");
    let mut read = match kind.as_str() {
        "string" => redis::cmd("GET"),
        "hash" => redis::cmd("HGETALL"),
        "list" => redis::cmd("LRANGE"),
        "zset" => redis::cmd("ZRANGE"),
        "none" => return Vec::new(),
        other => panic!("{key} is a {other}"),
    };
    read.arg(key);
    if matches!(kind.as_str(), "list" | "zset") {
        read.arg(0).arg(-1);
    }
    let value: Value = read.query_async(connection).await.expect("an answer");
    let mut bytes = Vec::new();
    flatten(&value, &mut bytes);
    bytes
}

fn flatten(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::BulkString(bytes) => into.extend(bytes),
        Value::SimpleString(text) => into.extend(text.as_bytes()),
        Value::Array(values) => values.iter().for_each(|value| flatten(value, into)),
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            flatten(key, into);
            flatten(value, into);
        }),
        Value::Nil | Value::Int(_) => (),
        other => panic!("{other:?}"),
    }
}
