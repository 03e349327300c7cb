//! A real master, its replica, and three Sentinels that watch them.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::ports::free_port;
use super::programs::program;
use super::redis::RedisServer;

/// Sentinels find each other by messages that they send every two seconds.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// What the Sentinels call the master.
pub(crate) const SERVICE: &str = "main";

/// The servers and the Sentinels. Killed when dropped.
pub(crate) struct Sentinels {
    pub(crate) master: RedisServer,
    pub(crate) replica: RedisServer,
    sentinels: Vec<(u16, Child)>,
    _dir: tempfile::TempDir,
}

impl Sentinels {
    /// Starts everything; a master that is silent for a second is taken for dead.
    pub(crate) async fn start() -> Self {
        let master = RedisServer::start().await;
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]).await;
        let dir = tempfile::tempdir().unwrap();
        let sentinels = (0..3).map(|i| {
            let port = free_port();
            let file = dir.path().join(format!("sentinel-{i}.conf"));
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {SERVICE} 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n",
                dir.path().display(),
                master.port()
            );
            std::fs::write(&file, text).unwrap();
            let mut command = program("redis-server");
            command.arg(&file).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
            (port, command.spawn().expect("redis-server starts"))
        });
        let all = Self { sentinels: sentinels.collect(), master, replica, _dir: dir };
        all.until_watched().await;
        all
    }

    /// Where the Sentinels are.
    pub(crate) fn url(&self) -> String {
        let nodes: Vec<String> = self.sentinels.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{SERVICE}", nodes.join(","))
    }

    /// Ends one of them.
    pub(crate) fn kill_sentinel(&mut self, i: usize) {
        let child = &mut self.sentinels[i].1;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Lets the Sentinels make the replica the master, and the master a replica, while both run.
    pub(crate) async fn swap(&self) {
        let () = redis::cmd("SENTINEL").arg("FAILOVER").arg(SERVICE).query_async(&mut self.raw(0).await).await.unwrap();
    }

    async fn raw(&self, i: usize) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.sentinels[i].0)).unwrap();
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            match client.get_multiplexed_async_connection().await {
                Ok(raw) => return raw,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until each Sentinel knows the others and the replica, and the replica has the master's data.
    async fn until_watched(&self) {
        let deadline = Instant::now() + START_DEADLINE;
        for i in 0..self.sentinels.len() {
            let mut raw = self.raw(i).await;
            loop {
                let info: String = redis::cmd("INFO").arg("sentinel").query_async(&mut raw).await.unwrap();
                if info.contains("status=ok") && info.contains("slaves=1,sentinels=3") {
                    break;
                }
                assert!(Instant::now() < deadline, "{info}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let mut raw = self.replica.raw().await;
        loop {
            let info: String = redis::cmd("INFO").arg("replication").query_async(&mut raw).await.unwrap();
            if info.contains("master_link_status:up") {
                return;
            }
            assert!(Instant::now() < deadline, "{info}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for (_, child) in &mut self.sentinels {
            // It may be dead already, by the test's own hand.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
