//! One server or a cluster behind one type.

use std::fmt;
use std::sync::Arc;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, Pipeline, RedisFuture, RedisResult, Value};

/// Where commands go. Cheap to clone; clones share the sockets.
#[derive(Clone)]
pub(super) enum Connection {
    /// One server.
    One(MultiplexedConnection),
    /// A cluster: each command goes to the node that has its keys.
    Cluster(ClusterConnection),
    /// One master of a cluster, whatever the keys are: for SCAN and INFO.
    Master(ClusterConnection, Arc<Node>),
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Node {
    /// Reads `host:port` as the client answers it; an IPv6 address stands there without brackets.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Connection {
    /// True for a cluster, whose client keeps its own sockets up.
    pub(super) fn is_cluster(&self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// A connection to each master, for what the nodes of a cluster must be asked one by one, such as SCAN and INFO; one
    /// server is its own only master.
    ///
    /// # Errors
    /// When a master of a cluster does not answer, or is not known to the client, which forgets one that was away when
    /// it connected: an incomplete list would be taken for a complete one.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Self>> {
        let (Self::Cluster(cluster) | Self::Master(cluster, _)) = self else { return Ok(vec![self.clone()]) };
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let mut info = redis::cmd("CLUSTER");
        info.arg("INFO");
        let answers = cluster.clone().route_command(info, everywhere).await?;
        let Value::Map(answers) = answers else { return Err(unexpected()) };
        let (mut nodes, mut expected) = (Vec::new(), 0);
        for (node, answer) in answers {
            match answer.extract_error() {
                Ok(info) => expected = expected.max(cluster_size(&redis::from_redis_value::<String>(info)?)),
                // It has answered, and that is all that can be known.
                Err(error) if error.code() == Some("NOPERM") => (),
                Err(error) => return Err(error),
            }
            let node: String = redis::from_redis_value(node)?;
            nodes.push(Node::parse(&node).ok_or_else(unexpected)?);
        }
        if nodes.len() < expected {
            return Err(
                (redis::ErrorKind::ClusterConnectionNotFound, "a master of the cluster is not connected").into()
            );
        }
        nodes.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        Ok(nodes.into_iter().map(|node| Self::Master(cluster.clone(), Arc::new(node))).collect())
    }

    /// Host and port of a cluster's master.
    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        match self {
            Self::Master(_, node) => Some(node),
            Self::One(_) | Self::Cluster(_) => None,
        }
    }

    /// The same connection to one master of a cluster; one server is what it is.
    pub(super) fn at(&self, node: Option<&Arc<Node>>) -> Self {
        match (self, node) {
            (Self::Cluster(cluster) | Self::Master(cluster, _), Some(node)) => {
                Self::Master(cluster.clone(), Arc::clone(node))
            }
            _ => self.clone(),
        }
    }

    /// PING, answered by every master.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        match self {
            Self::Cluster(cluster) => {
                let everywhere = (MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::AllSucceeded));
                cluster.route_command(ping, RoutingInfo::MultiNode(everywhere)).await?;
            }
            Self::One(_) | Self::Master(..) => {
                ping.query_async::<Value>(self).await?;
            }
        }
        Ok(())
    }
}

/// How many masters have slots, whether they answer or not; 0 when CLUSTER INFO does not say.
fn cluster_size(info: &str) -> usize {
    let size = info.lines().find_map(|line| line.strip_prefix("cluster_size:"));
    size.and_then(|size| size.trim().parse().ok()).unwrap_or(0)
}

fn unexpected() -> redis::RedisError {
    (redis::ErrorKind::Parse, "the masters of a cluster were expected").into()
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
            Self::Master(cluster, node) => {
                Box::pin(cluster.route_command(cmd.clone(), RoutingInfo::SingleNode(to(node))))
            }
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
            Self::Master(cluster, node) => Box::pin(cluster.route_pipeline(pipeline.clone(), offset, count, to(node))),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) | Self::Master(cluster, _) => cluster.get_db(),
        }
    }
}

fn to(node: &Node) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::ByAddress { host: node.host.clone(), port: node.port }
}
