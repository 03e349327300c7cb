//! A real Redis Cluster of a test's own: three masters without replicas, on free loopback ports.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

use super::ports::free_port;
use super::redis::RedisServer;

/// A busy machine may take a while until all nodes have heard of each other.
const JOIN_DEADLINE: Duration = Duration::from_secs(30);
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

/// The cluster. Its servers are killed when it is dropped.
pub(crate) struct RedisCluster {
    pub(crate) masters: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts three masters and waits until each of them serves its third of the slots.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, each with further arguments.
    pub(crate) async fn start_with(args: &[&str]) -> Self {
        let mut masters = Vec::new();
        let mut bus_ports = Vec::new();
        for _ in SLOTS {
            let bus_port = free_port().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus_port];
            // The slots of a master that is gone fail; the others go on.
            let partial = ["--cluster-require-full-coverage", "no"];
            masters.push(RedisServer::start_with(&[&cluster[..], &partial[..], args].concat()).await);
            bus_ports.push(bus_port);
        }
        for (master, (first, last)) in masters.iter().zip(SLOTS) {
            let mut raw = master.raw().await;
            let () =
                redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last).query_async(&mut raw).await.unwrap();
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(masters[0].port()).arg(&bus_ports[0]);
            let () = meet.query_async(&mut raw).await.unwrap();
        }
        let cluster = Self { masters };
        cluster.until_whole().await;
        cluster
    }

    /// Waits until every node knows who serves every slot.
    pub(crate) async fn until_whole(&self) {
        let deadline = Instant::now() + JOIN_DEADLINE;
        for master in &self.masters {
            let mut raw = master.raw().await;
            while !is_whole(&mut raw).await {
                assert!(Instant::now() < deadline, "the nodes do not become a cluster");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let nodes: Vec<String> = self.masters.iter().map(|master| format!("127.0.0.1:{}", master.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// Which master has a key.
    pub(crate) async fn owner_of(&self, key: &str) -> usize {
        let mut raw = self.masters[2].raw().await; // the one that no test kills
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async(&mut raw).await.unwrap();
        SLOTS.iter().position(|(first, last)| (*first..=*last).contains(&slot)).unwrap()
    }

    /// All keys of all masters, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut all = Vec::new();
        for master in &self.masters {
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut master.raw().await).await.unwrap();
            all.extend(keys);
        }
        all.sort();
        all
    }
}

async fn is_whole(raw: &mut MultiplexedConnection) -> bool {
    let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(raw).await.unwrap();
    let says = |line: &str| info.lines().any(|found| found.trim() == line);
    says("cluster_state:ok") && says("cluster_slots_ok:16384") && says("cluster_known_nodes:3")
}
