//! Where Redis is: one server, the master that Sentinels name, or a cluster.
//!
//! The client reads URLs of one server only; the lists of hosts are taken apart here, and each host is handed to the client
//! as a URL of its own, so that percent-encoding means the same everywhere.

use std::fmt;

use redial_identity::is_id;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::advice::Scheme;
use super::stream::Dial;
use super::tcp;

const SENTINEL_PORT: u16 = 26379;
const PORT: u16 = 6379;

/// The parsed URL.
#[derive(Debug, Clone)]
pub struct Address {
    pub(super) place: Place,
    pub(super) scheme: Scheme,
    /// No user was named, so the server takes us for `default`.
    pub(super) default_user: bool,
}

/// What is connected to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// One server, whatever it is.
    One(Box<ConnectionInfo>),
    /// The server that the Sentinels call the master of a service.
    Sentinel {
        /// Whom to ask.
        sentinels: Vec<ConnectionInfo>,
        /// The name that they know the master by.
        service: String,
        /// The master, but for its host and port.
        master: Box<ConnectionInfo>,
    },
    /// Nodes of a cluster; one that answers is enough to find the others.
    Cluster(Vec<ConnectionInfo>),
    /// One server, reached over the streams that this opens: plain Redis protocol, without user and password.
    Streams(Opener),
}

/// Opens streams.
#[derive(Clone)]
pub(super) struct Opener(pub(super) Dial);

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// A URL that cannot be used: what is expected instead. Never holds a part of the URL that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

const FORMS: &str = "redis[s]://[user:password@]host[:port][/database], \
                     redis[s]+sentinel://[user:password@]host[:port],host[:port]/SERVICE[/database][?sentinel_password=…] or \
                     redis[s]+cluster://[user:password@]host[:port],host[:port] is expected, \
                     with special characters in user and password percent-encoded";

fn unusable() -> AddressError {
    AddressError(FORMS.to_owned())
}

impl Address {
    /// Reads a URL; nothing is looked up or connected to.
    ///
    /// # Errors
    /// When it is none of the three forms. What it says is safe to show.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = text.split_once("://") else { return Err(unusable()) };
        match scheme {
            "redis+sentinel" => Self::sentinel(rest, false),
            "rediss+sentinel" => Self::sentinel(rest, true),
            "redis+cluster" => Self::cluster(rest, false),
            "rediss+cluster" => Self::cluster(rest, true),
            _ => {
                let info = text.into_connection_info().map_err(|_| unusable())?;
                Ok(Self::of(Place::One(Box::new(tuned(info)))))
            }
        }
    }

    fn of(place: Place) -> Self {
        let first = match &place {
            Place::One(info) | Place::Sentinel { master: info, .. } => Some(&**info),
            Place::Cluster(nodes) => nodes.first(),
            Place::Streams(_) => None,
        };
        let user = first.and_then(|info| info.redis_settings().username());
        let scheme = first.map_or(Scheme::Plain, |info| Scheme::of(info.addr()));
        Self { scheme, default_user: user.is_none_or(|user| user == "default"), place }
    }

    /// A server that is reached over the streams that `dial` opens.
    pub(super) fn streams(dial: Dial) -> Self {
        Self::of(Place::Streams(Opener(dial)))
    }

    fn sentinel(rest: &str, tls: bool) -> Result<Self, AddressError> {
        let parts = Parts::of(rest)?;
        let (service, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
        if !is_id(service) {
            return Err(AddressError(
                "the name of the Sentinels' service is expected behind the hosts, such as /mymaster".to_owned(),
            ));
        }
        if !database.is_empty() && database.parse::<u16>().is_err() {
            return Err(AddressError(format!("the database {database:?} is not a number")));
        }
        let password = match parts.query.map(|query| query.split_once('=')) {
            None => None,
            Some(Some(("sentinel_password", password))) if !password.contains('&') => Some(format!(":{password}")),
            Some(_) => return Err(AddressError("only sentinel_password=… is expected behind the ?".to_owned())),
        };
        let sentinels = parts.nodes(tls, password.as_deref(), SENTINEL_PORT)?;
        let master = node(tls, parts.user, &format!("localhost:1/{database}"))?;
        Ok(Self::of(Place::Sentinel { sentinels, service: service.to_owned(), master: Box::new(master) }))
    }

    fn cluster(rest: &str, tls: bool) -> Result<Self, AddressError> {
        let parts = Parts::of(rest)?;
        if !parts.path.is_empty() {
            return Err(AddressError("a cluster has no databases: leave the number out".to_owned()));
        }
        if parts.query.is_some() {
            return Err(AddressError("nothing is expected behind the ?".to_owned()));
        }
        Ok(Self::of(Place::Cluster(parts.nodes(tls, parts.user, PORT)?)))
    }

    /// True for a cluster, which wants all keys of one step in one slot.
    pub fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster(_))
    }

    /// Trusts these authorities (PEM), and no others, for `rediss`.
    ///
    /// # Errors
    /// When the text holds no certificate.
    pub fn trusting(mut self, ca_pem: &[u8]) -> Result<Self, AddressError> {
        if !matches!(CertificateDer::pem_slice_iter(ca_pem).next(), Some(Ok(_))) {
            return Err(AddressError("a certificate in PEM form is expected".to_owned()));
        }
        redial_outgoing::tls::install_provider();
        let trust = |info: &mut ConnectionInfo| {
            if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
                return Ok(());
            }
            let client = Client::build_with_tls(info.clone(), authorities(ca_pem));
            let client = client.map_err(|_| AddressError("a certificate in PEM form is expected".to_owned()))?;
            *info = client.get_connection_info().clone();
            Ok(())
        };
        match &mut self.place {
            Place::One(info) => trust(info)?,
            Place::Sentinel { sentinels, master, .. } => {
                sentinels.iter_mut().try_for_each(trust)?;
                trust(master)?;
            }
            Place::Cluster(nodes) => nodes.iter_mut().try_for_each(trust)?,
            Place::Streams(_) => (),
        }
        Ok(self)
    }
}

/// Only these, not the ones that come with the program.
pub(super) fn authorities(ca_pem: &[u8]) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: Some(ca_pem.to_vec()) }
}

/// The URL with its passwords masked. A URL that cannot be taken apart is masked altogether.
pub fn redacted(url: &str) -> String {
    let masked = || {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let hosts = match authority.rsplit_once('@') {
            None => authority.to_owned(),
            Some((user, hosts)) => match user.split_once(':') {
                Some((user, _)) => format!("{user}:***@{hosts}"),
                None => format!("{user}@{hosts}"),
            },
        };
        let path = path.map_or_else(String::new, |path| format!("/{path}"));
        let query = query.map_or("", |_| "?***");
        Some(format!("{scheme}://{hosts}{path}{query}"))
    };
    masked().unwrap_or_else(|| "***".to_owned())
}

/// What is behind the scheme of a URL with several hosts.
struct Parts<'a> {
    user: Option<&'a str>,
    hosts: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Result<Self, AddressError> {
        if rest.contains('#') {
            return Err(AddressError("has a raw # in it, which is %23 in a password".to_owned()));
        }
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        Ok(Self { user, hosts, path, query })
    }

    /// One node a host; at least one.
    fn nodes(&self, tls: bool, user: Option<&str>, port: u16) -> Result<Vec<ConnectionInfo>, AddressError> {
        let one = |host: &str| {
            if host.is_empty() {
                return Err(AddressError("a host is missing".to_owned()));
            }
            let has_port = host.rsplit_once(']').map_or(host, |(_, behind)| behind).contains(':');
            if has_port { node(tls, user, host) } else { node(tls, user, &format!("{host}:{port}")) }
        };
        self.hosts.split(',').map(str::trim).map(one).collect()
    }
}

fn node(tls: bool, user: Option<&str>, host: &str) -> Result<ConnectionInfo, AddressError> {
    let scheme = if tls { "rediss" } else { "redis" };
    let user = user.map_or_else(String::new, |user| format!("{user}@"));
    let url = Url::parse(&format!("{scheme}://{user}{host}")).map_err(|_| unusable())?;
    Ok(tuned(url.into_connection_info().map_err(|_| unusable())?))
}

fn tuned(info: ConnectionInfo) -> ConnectionInfo {
    info.set_tcp_settings(tcp::settings())
}

/// The same user, TLS and database at another host and port.
pub(super) fn moved_to(info: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let addr = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

/// Host and port as they stand in a log, or the path of a socket.
pub(super) fn name(info: &ConnectionInfo) -> String {
    info.addr().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn names(nodes: &[ConnectionInfo]) -> Vec<String> {
        nodes.iter().map(name).collect()
    }

    #[test]
    fn a_list_of_sentinels_is_taken_apart() {
        let address = parse("redis+sentinel://me:p%23w@a:1,b,[::1]:3/main/2?sentinel_password=s%40x");
        let Place::Sentinel { sentinels, service, master } = &address.place else { panic!("{address:?}") };
        assert_eq!(names(sentinels), ["a:1", "b:26379", "::1:3"]);
        assert_eq!(service, "main");
        let (user, sentinel) = (master.redis_settings(), sentinels[0].redis_settings());
        assert_eq!((user.username(), user.password(), user.db()), (Some("me"), Some("p#w"), 2));
        assert_eq!((sentinel.username(), sentinel.password()), (None, Some("s@x")));
        assert!(!address.default_user && !address.is_cluster());
        assert_eq!(name(&moved_to(master, "h".to_owned(), 7)), "h:7");
    }

    #[test]
    fn a_list_of_cluster_nodes_is_taken_apart() {
        let address = parse("rediss+cluster://:word@a,b:2/");
        let Place::Cluster(nodes) = &address.place else { panic!("{address:?}") };
        assert_eq!(names(nodes), ["a:6379", "b:2"]);
        assert_eq!(nodes[1].redis_settings().password(), Some("word"));
        assert_eq!(address.scheme, Scheme::Tls);
        assert!(address.default_user && address.is_cluster());
    }

    #[test]
    fn a_url_that_cannot_be_used_says_why_without_its_secrets() {
        for (url, why) in [
            ("", "is expected"),
            ("http://h", "is expected"),
            ("redis+sentinel://h:1", "name of the Sentinels' service"),
            ("redis+sentinel://h:1/main/x", "the database \"x\" is not a number"),
            ("redis+sentinel://h:1/main?pw=secret", "sentinel_password"),
            ("redis+sentinel://h:1,,h:2/main", "a host is missing"),
            ("redis+sentinel://:se#cret@h:1/main", "raw #"),
            ("redis+cluster://h:1/0", "no databases"),
            ("redis+cluster://h:99999", "is expected"),
            ("redis+cluster://", "a host is missing"),
            ("redis+cluster://h?x=secret", "behind the ?"),
        ] {
            let error = Address::parse(url).expect_err(url).to_string();
            assert!(error.contains(why), "{url}: {error}");
            assert!(!error.contains("secret") && !error.contains("cret@"), "{error}");
        }
    }

    #[test]
    fn every_password_is_masked() {
        for (url, masked) in [
            ("redis://h", "redis://h"),
            ("redis://:word@h:1/0", "redis://:***@h:1/0"),
            ("redis://me@h", "redis://me@h"),
            ("redis://me:w:o@rd@h/1", "redis://me:***@h/1"),
            ("redis+sentinel://u:word@a:1,b:2/main?sentinel_password=word", "redis+sentinel://u:***@a:1,b:2/main?***"),
            ("word", "***"),
        ] {
            assert_eq!(redacted(url), masked);
        }
    }

    #[test]
    fn an_authority_that_is_none_is_refused() {
        for url in ["rediss://h", "redis://h", "rediss+cluster://h"] {
            for pem in [&b""[..], b"no certificate", b"-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n"] {
                assert!(parse(url).trusting(pem).is_err(), "{url}");
            }
        }
    }
}
