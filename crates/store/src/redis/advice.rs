//! What went wrong with Redis, and what an operator should do about it.
//!
//! The client's own error texts stay out: they may hold a host, a user or whatever the peer chose to say.
//! What each situation looks like was measured against `redis` 1.8.1 and a Redis 7.0 server.

use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, RedisError, ServerErrorKind};

use crate::store::MemoryError;

/// How the URL says to connect; the same error means another thing over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `redis://`
    Plain,
    /// `rediss://`
    Tls,
    /// `unix://`
    Socket,
}

impl Scheme {
    pub(super) fn of(addr: &ConnectionAddr) -> Self {
        match addr {
            ConnectionAddr::TcpTls { .. } => Self::Tls,
            ConnectionAddr::Unix(_) => Self::Socket,
            // Plain TCP, and whatever a later client may add.
            _ => Self::Plain,
        }
    }
}

/// What a user may not do, in the server's words as far as they are known words: with the name of the command, without
/// that of the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("NOPERM this user has no permissions to run the '{0}' command")]
    Command(String),
    /// With the commands, where they are known.
    #[error("ERR The user executing the script can't run this command or subcommand{}", list(.0))]
    InScript(Vec<String>),
    #[error("NOPERM this user has no permissions to access one of the keys used as arguments")]
    Keys,
    #[error("NOPERM")]
    Something,
}

fn list(commands: &[String]) -> String {
    if commands.is_empty() { String::new() } else { format!(": {}", commands.join(", ")) }
}

impl Denied {
    fn of(text: &str) -> Self {
        if text.contains("can't run this command") {
            Self::InScript(Vec::new())
        } else if text.contains(" key") {
            Self::Keys
        } else {
            quoted_command(text).map_or(Self::Something, Self::Command)
        }
    }
}

/// The command that an error names: in quotes, `config|get` with a subcommand. Nothing else of the text is repeated.
fn quoted_command(text: &str) -> Option<String> {
    let name = text.split(['\'', '`']).nth(1)?.to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'|' | b'.' | b'_' | b'-');
    ((1..=40).contains(&name.len()) && name.bytes().all(is_name)).then_some(name)
}

/// A failure, told apart by what an operator does about it. Holds no text of the peer's but names of commands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the first connection is still being made")]
    Connecting,
    #[error("no answer within {} ms", .0.as_millis())]
    NoAnswer(Duration),
    #[error("Connection refused")]
    Refused,
    #[error("connecting timed out")]
    ConnectTimeout,
    #[error("connection lost")]
    Lost,
    #[error("host name not found")]
    UnknownHost,
    #[error("SSL handshake failed: certificate not accepted")]
    Certificate,
    #[error("input or output error")]
    Io,
    #[error("NOAUTH Authentication required")]
    PasswordRequired,
    #[error("password rejected")]
    PasswordRejected,
    #[error("{0}")]
    NotAllowed(Denied),
    /// Left out or renamed; its name in small letters.
    #[error("ERR unknown command '{0}'")]
    UnknownCommand(String),
    #[error("no such database")]
    Database,
    #[error("loading its data (LOADING)")]
    Loading,
    #[error("read-only replica (READONLY)")]
    ReadOnly,
    #[error("no longer the master, say the Sentinels")]
    Replaced,
    #[error("replica without its primary (MASTERDOWN)")]
    MasterDown,
    #[error("OOM command not allowed: memory full")]
    Full,
    #[error("writes refused since a snapshot failed (MISCONF)")]
    CannotSave,
    #[error("value of another type (WRONGTYPE)")]
    WrongType,
    #[error("not the Redis protocol")]
    NotRedis,
    #[error("another pepper is in use (meta:pepper)")]
    OtherPepper,
    #[error("none of the Sentinels answers")]
    NoSentinel,
    #[error("the Sentinels want another password")]
    SentinelPassword,
    #[error("the Sentinels know no such service")]
    UnknownService,
    #[error("a node of a cluster (MOVED)")]
    OneOfACluster,
    #[error("not a cluster")]
    NotACluster,
    #[error("the cluster is down (CLUSTERDOWN)")]
    ClusterDown,
    #[error("the answer of the script {script} about `{key}` is none that it gives")]
    Nonsense {
        script: &'static str,
        /// Which key (it holds no number).
        key: String,
    },
    #[error("unexpected error {0}")]
    Other(String),
}

impl Trouble {
    /// Reads a client error by its kind and code.
    pub(super) fn of(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io => Self::of_io(error),
            ErrorKind::Parse | ErrorKind::RESP3NotSupported => Self::NotRedis,
            ErrorKind::AuthenticationFailed => Self::PasswordRejected,
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::Loading,
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::ReadOnly,
            ErrorKind::Server(ServerErrorKind::MasterDown) => Self::MasterDown,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NotAllowed(Denied::of(&error.to_string())),
            ErrorKind::Server(ServerErrorKind::ResponseError) => Self::of_response(error),
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
                Self::OneOfACluster
            }
            ErrorKind::Server(ServerErrorKind::ClusterDown) => Self::ClusterDown,
            ErrorKind::ClusterConnectionNotFound => Self::Lost,
            kind => match error.code() {
                Some("NOAUTH") => Self::PasswordRequired,
                Some("WRONGPASS") => Self::PasswordRejected,
                Some("OOM") => Self::Full,
                Some("MISCONF") => Self::CannotSave,
                Some("WRONGTYPE") => Self::WrongType,
                Some(code) if is_code(code) => Self::Other(code.to_owned()),
                _ => Self::Other(format!("{kind:?}")),
            },
        }
    }

    fn of_io(error: &RedisError) -> Self {
        if error.is_connection_refusal() {
            return Self::Refused;
        }
        if error.is_timeout() {
            return Self::ConnectTimeout;
        }
        // Name resolution and TLS have no kind of their own; the text is looked at, and not passed on.
        let text = error.to_string();
        if text.contains("lookup") {
            Self::UnknownHost
        } else if text.contains("certificate") {
            Self::Certificate
        } else if error.is_connection_dropped() {
            Self::Lost
        } else {
            Self::Io
        }
    }

    /// `ERR` says little by itself: choosing a database fails so, and before Redis 7 whatever fails in a script.
    fn of_response(error: &RedisError) -> Self {
        let text = error.to_string();
        let says = |word| text.contains(word);
        if says("cluster support disabled") {
            Self::NotACluster
        } else if says("database") {
            Self::Database
        } else if says("-READONLY ") {
            Self::ReadOnly
        } else if says("-OOM ") {
            Self::Full
        } else if says("-MISCONF ") {
            Self::CannotSave
        } else if says("-NOPERM ") || says("ACL failure") || says("The user executing the script can't") {
            Self::NotAllowed(Denied::of(&text))
        } else if says("nknown command") || says("nknown Redis command") {
            Self::UnknownCommand(quoted_command(&text).unwrap_or_else(|| "of a script".to_owned()))
        } else {
            Self::Other("ERR".to_owned())
        }
    }

    /// True when the connection is of no more use, whatever the server does next.
    pub(super) fn breaks_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::ConnectTimeout
                | Self::Lost
                | Self::UnknownHost
                | Self::Certificate
                | Self::Io
                | Self::PasswordRequired
                | Self::PasswordRejected
                | Self::ReadOnly
                | Self::Replaced
                | Self::MasterDown
                | Self::NotRedis
                | Self::OtherPepper
        )
    }

    /// What an operator should look at.
    pub(super) fn advice(&self, scheme: Scheme) -> &'static str {
        match (self, scheme) {
            (Self::Connecting, _) => "Redis is still being connected to",
            (Self::NoAnswer(_), _) => {
                "Redis does not answer in time; look at its load, at slow commands and at the network between"
            }
            (Self::Refused, Scheme::Socket) => "nothing listens on the socket; check its path and that Redis runs",
            (Self::Refused, _) => "nothing listens there; check that Redis runs, and the host and port in the URL",
            (Self::ConnectTimeout, Scheme::Tls) => {
                "no TLS answer; if the server speaks plain text, use redis:// (REDIS_SSL=false), \
                 else check host, port and firewall"
            }
            (Self::ConnectTimeout, _) => "no answer from that host and port; check both, and the firewall between",
            (Self::Lost, Scheme::Plain) => {
                "the server closed the connection; if it wants TLS (most cloud services do), use rediss:// \
                 (REDIS_SSL=true), else check its maxclients and its log"
            }
            (Self::Lost, _) => "the server closed the connection; check its maxclients and its log",
            (Self::UnknownHost, _) => "the host name in the URL does not resolve; check its spelling and the DNS",
            (Self::Certificate, _) => {
                "the server's certificate is not from a known authority or for another name; \
                 use the name that is in the certificate, and name an authority of your own by REDIS_TLS_CA_FILE"
            }
            (Self::Io, Scheme::Tls) => {
                "the TLS connection failed; check that the port speaks TLS, or use redis:// (REDIS_SSL=false)"
            }
            (Self::Io, _) => "the connection failed; check host, port and network",
            (Self::PasswordRequired, _) => "the server wants a password; set REDIS_PASSWORD or put it into the URL",
            (Self::PasswordRejected, _) => {
                "the server refuses the user or password; check REDIS_USERNAME and REDIS_PASSWORD, \
                 and percent-encode special characters in a URL"
            }
            (Self::NotAllowed(_), _) => {
                "the user may not do this; allow it our keys with `+@read +@write +eval +evalsha +ping +role +info +time` (in a cluster also `+cluster|slots`)"
            }
            (Self::UnknownCommand(_), _) => {
                "the server does not have a command that is needed; take rename-command for it out of its configuration, \
                 or use a server that has it"
            }
            (Self::Database, _) => "the server has no database of that number; check REDIS_DB or the URL's path",
            (Self::Loading, _) => "Redis is loading its data after a start; it answers when it is done",
            (Self::ReadOnly, _) => "this server is a replica; point the URL at the primary",
            (Self::Replaced, _) => "another server was made the master, and is connected to instead",
            (Self::MasterDown, _) => "this replica has lost its primary; point the URL at the primary",
            (Self::Full, _) => {
                "Redis has no memory left; raise maxmemory, shorten the TTLs or move other data away \
                 (with the policy noeviction nothing is lost meanwhile)"
            }
            (Self::CannotSave, _) => {
                "Redis refuses writes because it could not save its data (MISCONF); give its disk room and its directory \
                 the right owner, then SAVE (nothing is lost meanwhile)"
            }
            (Self::WrongType, _) => "a key of ours holds another type of value; move it aside",
            (Self::NotRedis, Scheme::Plain) => {
                "what listens there does not speak Redis; check host and port, and whether it wants rediss:// (REDIS_SSL=true)"
            }
            (Self::NotRedis, _) => "what listens there does not speak Redis; check host and port",
            (Self::OtherPepper, _) => {
                "the callers there were hashed with another MEMORY_PHONE_PEPPER: give all instances the same one, or another \
                 MEMORY_KEY_PREFIX; where the old pepper is lost, delete the key …:meta:pepper, and all callers are strangers again"
            }
            (Self::NoSentinel, _) => {
                "none of the Sentinels in the URL answers; check their hosts and ports (26379), and that they run"
            }
            (Self::SentinelPassword, _) => "the Sentinels want a password; add ?sentinel_password=… to the URL",
            (Self::UnknownService, _) => {
                "the Sentinels have no master of that name; check the name behind the hosts in the URL"
            }
            (Self::OneOfACluster, _) => "this server is one node of a cluster; use redis+cluster://host:port,host:port",
            (Self::NotACluster, _) => "this server is not part of a cluster; use redis:// for a single one",
            (Self::ClusterDown, _) => {
                "the cluster has slots that no master serves; look at CLUSTER INFO and bring the missing master back"
            }
            (Self::Nonsense { .. }, _) => {
                "Redis, or what is between, answers a script with something else; check what listens there, and any proxy"
            }
            (Self::Other(_), _) => "Redis answered with an error; look at its log",
        }
    }

    /// A word for a log's field.
    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::NoAnswer(_) | Self::ConnectTimeout => "timeout",
            Self::Refused => "refused",
            Self::Lost | Self::Io => "lost",
            Self::UnknownHost => "dns",
            Self::Certificate => "tls",
            Self::PasswordRequired | Self::PasswordRejected | Self::SentinelPassword => "auth",
            Self::NotAllowed(_) => "acl",
            Self::UnknownCommand(_) => "command",
            Self::Loading => "loading",
            Self::ReadOnly | Self::MasterDown | Self::Replaced => "replica",
            Self::Full => "oom",
            Self::CannotSave => "misconf",
            Self::WrongType => "wrongtype",
            Self::OtherPepper => "pepper",
            Self::NoSentinel | Self::UnknownService => "sentinel",
            Self::OneOfACluster | Self::NotACluster | Self::ClusterDown => "cluster",
            Self::Database | Self::NotRedis => "address",
            Self::Nonsense { .. } => "answer",
            Self::Other(_) => "other",
        }
    }

    /// The error for the caller of the store.
    pub(super) fn unavailable(self, scheme: Scheme) -> MemoryError {
        MemoryError::Unavailable { advice: self.advice(scheme).to_owned(), source: Some(Box::new(self)) }
    }
}

/// An error code as Redis writes them. Anything else a peer says is not repeated.
fn is_code(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn io_trouble(kind: io::ErrorKind, text: &str) -> Trouble {
        Trouble::of(&RedisError::from(io::Error::new(kind, text)))
    }

    #[test]
    fn a_lost_plain_connection_suggests_tls_and_a_tls_timeout_suggests_plain() {
        let reset = io_trouble(io::ErrorKind::ConnectionReset, "Connection reset by peer");
        assert_eq!(reset, Trouble::Lost);
        assert!(reset.advice(Scheme::Plain).contains("rediss://"));
        assert!(!reset.advice(Scheme::Tls).contains("rediss://"));
        let timeout = io_trouble(io::ErrorKind::TimedOut, "deadline has elapsed");
        assert_eq!(timeout, Trouble::ConnectTimeout);
        assert!(timeout.advice(Scheme::Tls).contains("redis://"));
        assert!(!timeout.advice(Scheme::Plain).contains("redis://"));
    }

    #[test]
    fn io_errors_are_told_apart() {
        assert_eq!(io_trouble(io::ErrorKind::ConnectionRefused, "refused"), Trouble::Refused);
        assert_eq!(io_trouble(io::ErrorKind::Other, "failed to lookup address information"), Trouble::UnknownHost);
        let tls = io_trouble(io::ErrorKind::InvalidData, "invalid peer certificate: not valid for name secret.host");
        assert_eq!(tls, Trouble::Certificate);
        assert!(!format!("{:?}", tls.unavailable(Scheme::Tls)).contains("secret.host"));
    }

    #[test]
    fn what_a_peer_says_is_repeated_only_when_it_is_a_code() {
        assert!(is_code("CLUSTERDOWN"));
        for other in ["", "User-alice", "THISISFARTOOLONGTOBEACODE", "A B"] {
            assert!(!is_code(other), "{other}");
        }
    }

    #[test]
    fn what_is_forbidden_is_told_in_the_servers_words_without_the_user() {
        for (text, expected) in [
            // Redis 7.0, 7.2, 6.0
            (
                "NOPERM this user has no permissions to run the 'evalsha' command",
                "NOPERM this user has no permissions to run the 'evalsha' command",
            ),
            (
                "NOPERM User alice has no permissions to run the 'config|get' command",
                "NOPERM this user has no permissions to run the 'config|get' command",
            ),
            (
                "NOPERM No permissions to access a key",
                "NOPERM this user has no permissions to access one of the keys used as arguments",
            ),
            (
                "ERR The user executing the script can't run this command or subcommand script: 08be, on @user_script:1.",
                "ERR The user executing the script can't run this command or subcommand",
            ),
            ("ERR unknown command 'EVAL', with args beginning with: 'return 1' 'alice'", "ERR unknown command 'eval'"),
            ("ERR unknown command `EVAL`, with args beginning with: `alice`, ", "ERR unknown command 'eval'"),
        ] {
            let (code, detail) = text.split_once(' ').unwrap();
            let kind = if code == "NOPERM" { ServerErrorKind::NoPerm } else { ServerErrorKind::ResponseError };
            let error = RedisError::from((ErrorKind::Server(kind), "An error was signalled", detail.to_owned()));
            assert_eq!(Trouble::of(&error).to_string(), expected, "{text}");
            assert!(!format!("{:?}", Trouble::of(&error)).contains("alice"));
        }
        assert_eq!(quoted_command("the 'drop table; --' command"), None);
    }

    #[test]
    fn a_full_memory_and_a_wrong_type_do_not_break_the_connection() {
        let denied = Trouble::NotAllowed(Denied::Something);
        for trouble in [Trouble::Full, Trouble::CannotSave, Trouble::WrongType, Trouble::Loading, denied] {
            assert!(!trouble.breaks_the_connection(), "{trouble}");
        }
        for trouble in [Trouble::ReadOnly, Trouble::MasterDown, Trouble::PasswordRequired, Trouble::NotRedis] {
            assert!(trouble.breaks_the_connection(), "{trouble}");
        }
    }
}
