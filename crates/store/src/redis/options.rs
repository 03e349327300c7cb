//! What a deployment says about Redis beyond its URL.

use std::time::Duration;

/// How the client behaves; the defaults suit a server in the same data centre.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// How keys are named; `None`: tagged for a cluster, flat otherwise.
    pub layout: Option<Layout>,
    /// What [`Keys::check_value`](redial_identity::Keys::check_value) answers; `None`: peppers are not compared.
    pub pepper_check: Option<String>,
    /// Whether the first to come leaves the check value there, for others to compare with theirs. Who may be run anywhere,
    /// with a pepper that nobody else has, must not: the gateway would be refused by its own Redis.
    pub leaves_pepper_check: bool,
    /// Authorities to trust for `rediss`, in PEM form, instead of the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// How long TCP, TLS and the greeting may take together. No caller waits for it: a call start has its own deadline.
    pub connect_timeout: Duration,
    /// How long writes and reads may take that no caller waits for.
    pub socket_timeout: Duration,
    /// How often the server's condition is looked at; whether it answers is tried every second.
    pub health_interval: Duration,
    /// How many requests may wait for their answers on one connection; `None`: any number.
    pub in_flight: Option<usize>,
    /// What the log says is done while Redis is down.
    pub fallback: &'static str,
}

/// How keys are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `sarah:user:{id}:profile`: keys of one caller may be on different nodes.
    Flat,
    /// `sarah:{<id>}:profile`: all keys of one caller are in one slot, as a cluster needs it.
    Tagged,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            layout: None,
            pepper_check: None,
            leaves_pepper_check: true,
            ca_pem: None,
            connect_timeout: Duration::from_millis(400),
            socket_timeout: Duration::from_secs(5),
            health_interval: Duration::from_secs(30),
            in_flight: None,
            fallback: "this process's own queue for hang-ups, and no memory for new calls",
        }
    }
}
