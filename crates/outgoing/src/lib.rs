//! Requests to other people's servers: where they may go, how long they take, how much they may answer.

mod addresses;
pub mod tls;

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use url::{Host, Url};

pub use self::addresses::is_public;

/// Longest to connect, name lookup and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Most headers that an answer may have; public services send some 30.
const MAX_HEADERS: usize = 64;

/// A server as an operator named it: `https://host/path`, or `http://` on this very machine. Nothing else can be asked.
///
/// Names are looked up for each connection, and addresses that are not public are left out of what they resolve to:
/// whoever controls a name cannot lead a request to a neighbour or to the metadata service of a cloud. A server on
/// loopback has to be named as one (`localhost`, `127.0.0.1`, `[::1]`), one in a private network needs [`Networks::Private`].
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
    reach: Reach,
}

/// Where requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Networks {
    /// To public addresses, and to this machine when it is named.
    Public,
    /// To private ones as well; never to link-local and metadata addresses.
    Private,
}

/// Which addresses one endpoint's name may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Loopback,
    Public,
    Private,
}

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL with a host.
    #[error("is not a URL such as https://host/path")]
    NotAUrl,
    /// Words would travel in the clear.
    #[error("is not https; http is for this machine only (localhost, 127.0.0.1, [::1])")]
    NotEncrypted,
    /// It would be logged.
    #[error("has a user, password, query or fragment in it; give scheme, host, port and path only")]
    NotBare,
    /// An address of a private network, of a link or of nobody.
    #[error("names an address that is not public; set OUTGOING_ALLOW_PRIVATE=true if a private network is meant")]
    NotPublic,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up; are root certificates installed (package ca-certificates)?")]
pub struct ClientError(#[source] reqwest::Error);

/// Why an answer was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than what is read of an answer.
    #[error("the answer is longer than {max_bytes} bytes")]
    TooLarge {
        /// What would have been read.
        max_bytes: usize,
    },
    /// The connection broke, or the time was up.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

impl Endpoint {
    /// Reads `https://host[:port][/path]`.
    ///
    /// # Errors
    /// When a request there would not be safe.
    pub fn parse(text: &str, networks: Networks) -> Result<Self, EndpointError> {
        let mut base = Url::parse(text).map_err(|_| EndpointError::NotAUrl)?;
        // Decimal, octal and hexadecimal forms of an address are read as the address here.
        let host = base.host().ok_or(EndpointError::NotAUrl)?;
        let (loopback, literal) = match host {
            Host::Domain(name) => (name.trim_end_matches('.') == "localhost", None),
            Host::Ipv4(address) => (address.is_loopback(), Some(IpAddr::V4(address))),
            Host::Ipv6(address) => (address.is_loopback(), Some(IpAddr::V6(address))),
        };
        let reach = match networks {
            _ if loopback => Reach::Loopback,
            Networks::Public => Reach::Public,
            Networks::Private => Reach::Private,
        };
        match base.scheme() {
            "https" => (),
            "http" if loopback => (),
            "http" => return Err(EndpointError::NotEncrypted),
            _ => return Err(EndpointError::NotAUrl),
        }
        if !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return Err(EndpointError::NotBare);
        }
        if literal.is_some_and(|address| !reach.allows(address)) {
            return Err(EndpointError::NotPublic);
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { base, reach })
    }

    /// The URL itself, without a slash at its end unless it is an origin.
    pub fn url(&self) -> Url {
        self.base.clone()
    }

    /// The URL of something below it; each segment is escaped as far as a path needs it.
    pub fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http and https URLs have paths").pop_if_empty().extend(segments);
        url
    }

    /// A client for this endpoint and no other: no redirects, no proxy, no cookies, no decompression.
    ///
    /// `timeout` is for a whole exchange, from connecting to the last byte.
    ///
    /// # Errors
    /// When TLS cannot be set up, such as on a machine without root certificates.
    pub fn client(&self, timeout: Duration) -> Result<Client, ClientError> {
        tls::install_provider();
        Client::builder()
            .user_agent(concat!("redial/", env!("CARGO_PKG_VERSION")))
            .https_only(self.base.scheme() == "https")
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(Resolver(self.reach))
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .http1_max_headers(MAX_HEADERS)
            .build()
            .map_err(ClientError)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.is_loopback(),
            Self::Public => is_public(address),
            Self::Private => is_public(address) || addresses::is_private(address),
        }
    }
}

/// Looks a name up and leaves out the addresses that this endpoint must not have.
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Box::new(NothingAllowed { host: name.as_str().to_owned() }) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A name that leads only where it must not.
#[derive(Debug, thiserror::Error)]
#[error("{host:?} has no address that may be asked; private networks need OUTGOING_ALLOW_PRIVATE=true")]
struct NothingAllowed {
    host: String,
}

/// Whether the same request may succeed a little later: the server is busy, or broken for a moment.
pub fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// How long the server asks to wait (RFC 9110, section 10.2.3); its form as a date is not read.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    u64::from_str(seconds.trim()).ok().map(Duration::from_secs)
}

/// Whether the answer says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    })
}

/// Reads an answer of at most `max_bytes`; of a longer one no more than that is taken from the connection.
///
/// # Errors
/// When it is longer, or breaks off.
pub async fn read_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let too_large = BodyError::TooLarge { max_bytes };
    if response.content_length().is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| BodyError::Broken(error.without_url()))? {
        if body.len() + piece.len() > max_bytes {
            return Err(too_large);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, networks: Networks) -> Option<EndpointError> {
        Endpoint::parse(text, networks).err()
    }

    #[test]
    fn only_encrypted_public_servers_are_asked_unless_it_is_this_machine() {
        for good in [
            "https://api.example.com/v1",
            "https://api.example.com:8443",
            "http://localhost:8080/v1",
            "http://127.0.0.1:9",
            "http://[::1]:9",
            "https://8.8.8.8",
        ] {
            assert_eq!(refusal(good, Networks::Public), None, "{good}");
        }
        for (bad, why) in [
            ("api.example.com", EndpointError::NotAUrl),
            ("ftp://api.example.com", EndpointError::NotAUrl),
            ("https://", EndpointError::NotAUrl),
            ("http://api.example.com", EndpointError::NotEncrypted),
            ("http://localhost.example.com", EndpointError::NotEncrypted),
            ("https://me:secret@api.example.com", EndpointError::NotBare),
            ("https://api.example.com/?key=secret", EndpointError::NotBare),
            ("https://api.example.com/#x", EndpointError::NotBare),
            ("https://10.0.0.1", EndpointError::NotPublic),
            ("https://169.254.169.254/latest", EndpointError::NotPublic),
            ("https://2852039166", EndpointError::NotPublic),
            ("https://0xa9fea9fe", EndpointError::NotPublic),
            ("https://[::ffff:127.0.0.1]", EndpointError::NotPublic),
            ("https://[fd00::1]", EndpointError::NotPublic),
        ] {
            assert_eq!(refusal(bad, Networks::Public), Some(why), "{bad}");
        }
    }

    #[test]
    fn private_networks_are_asked_when_an_operator_says_so_and_metadata_never() {
        assert_eq!(refusal("https://10.0.0.1", Networks::Private), None);
        assert_eq!(refusal("https://[fd00::1]", Networks::Private), None);
        assert_eq!(refusal("http://10.0.0.1", Networks::Private), Some(EndpointError::NotEncrypted));
        assert_eq!(refusal("https://169.254.169.254", Networks::Private), Some(EndpointError::NotPublic));
        assert_eq!(refusal("https://[fd00:ec2::254]", Networks::Private), Some(EndpointError::NotPublic));
    }

    #[test]
    fn what_is_below_stays_below() {
        for base in ["https://api.example.com/v1", "https://api.example.com/v1/"] {
            let endpoint = Endpoint::parse(base, Networks::Public).unwrap();
            assert_eq!(endpoint.url().as_str(), "https://api.example.com/v1");
            assert_eq!(
                endpoint.below(&["chat", "completions"]).as_str(),
                "https://api.example.com/v1/chat/completions"
            );
            assert_eq!(endpoint.below(&["a/b?c#d"]).as_str(), "https://api.example.com/v1/a%2Fb%3Fc%23d");
        }
        let origin = Endpoint::parse("https://api.example.com", Networks::Public).unwrap();
        assert_eq!(origin.below(&["x"]).as_str(), "https://api.example.com/x");
    }

    /// What an attacker's name server does: a public name, a private address.
    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let resolve = |reach| Resolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::Loopback).await.is_ok());
        for reach in [Reach::Public, Reach::Private] {
            let error = resolve(reach).await.err().expect("loopback is not public");
            assert!(error.to_string().contains("\"localhost\" has no address that may be asked"), "{error}");
        }
    }
}
