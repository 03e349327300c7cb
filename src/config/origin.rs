//! The public origin: what the carrier reaches us by.

use url::{Host, Url};

/// Why a text is no origin that a carrier can use. The text itself may hold a password and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OriginError {
    #[error("is not a URL: give scheme and host, such as https://calls.example.com")]
    NotAUrl,
    #[error("has no scheme in front: give https://HOST, such as https://calls.example.com")]
    NoScheme,
    #[error("begins with ws:// or wss://: give the https:// origin, the stream's wss:// URL is made from it")]
    WebSocket,
    #[error("begins with another scheme than https://: give an origin such as https://calls.example.com")]
    OtherScheme,
    #[error("has a user or password in it, which webhooks do not carry: give scheme and host only")]
    UserInfo,
    #[error(
        "has a path, query or fragment behind the host: give scheme and host only, such as https://calls.example.com"
    )]
    NotBare,
    #[error(
        "names an address to listen on, not a host: give the name that the carrier reaches, such as https://calls.example.com"
    )]
    Unspecified,
    #[error(
        "begins with http://, but the carrier streams to wss:// only, so every call would end after the ring: give https://, \
         and end TLS in front of the gateway; http:// is for loopback addresses"
    )]
    Plain,
}

/// Reads an origin: `https://host[:port]`, or `http://` of a loopback address.
pub(super) fn parse(text: &str) -> Result<Url, OriginError> {
    // A URL's reader would quietly take these out.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(OriginError::NotAUrl);
    }
    // `host:8080` is a URL of the scheme `host` to its reader, and `https:host` one of that host.
    let Some((scheme, rest)) = text.split_once("://") else { return Err(OriginError::NoScheme) };
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => (),
        "ws" | "wss" => return Err(OriginError::WebSocket),
        "" => return Err(OriginError::NoScheme),
        _ => return Err(OriginError::OtherScheme),
    }
    if rest.contains('@') {
        return Err(OriginError::UserInfo);
    }
    if rest.find(['/', '?', '#']).is_some_and(|end| rest.get(end..) != Some("/")) {
        return Err(OriginError::NotBare);
    }
    let url: Url = text.parse().map_err(|_| OriginError::NotAUrl)?;
    let (loopback, unspecified) = match url.host() {
        Some(Host::Domain(name)) => (name == "localhost" || name.ends_with(".localhost"), false),
        Some(Host::Ipv4(address)) => (address.is_loopback(), address.is_unspecified()),
        Some(Host::Ipv6(address)) => (address.is_loopback(), address.is_unspecified()),
        None => return Err(OriginError::NotAUrl),
    };
    if unspecified {
        return Err(OriginError::Unspecified);
    }
    if url.scheme() == "http" && !loopback {
        return Err(OriginError::Plain);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_and_a_host_or_http_of_this_machine() {
        for (text, url) in [
            ("https://calls.example.com", "https://calls.example.com/"),
            ("https://calls.example.com/", "https://calls.example.com/"),
            ("HTTPS://Calls.Example.com:8443", "https://calls.example.com:8443/"),
            ("https://203.0.113.7", "https://203.0.113.7/"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"),
            ("http://localhost:8080", "http://localhost:8080/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
        ] {
            assert_eq!(parse(text).map(|url| url.to_string()), Ok(url.to_owned()), "{text}");
        }
    }

    #[test]
    fn whatever_a_carrier_could_not_use_is_refused_with_the_way_out() {
        for (text, error) in [
            ("http://calls.example.com", OriginError::Plain),
            ("http://10.0.0.7:8080", OriginError::Plain),
            ("http://localhost.example.com", OriginError::Plain),
            ("ws://calls.example.com", OriginError::WebSocket),
            ("wss://calls.example.com", OriginError::WebSocket),
            ("ftp://calls.example.com", OriginError::OtherScheme),
            ("calls.example.com", OriginError::NoScheme),
            ("calls.example.com:8443", OriginError::NoScheme),
            ("localhost:8080", OriginError::NoScheme),
            ("https:calls.example.com", OriginError::NoScheme),
            ("https:/calls.example.com", OriginError::NoScheme),
            ("//calls.example.com", OriginError::NoScheme),
            ("://calls.example.com", OriginError::NoScheme),
            ("https://user@calls.example.com", OriginError::UserInfo),
            ("https://user:secret@calls.example.com", OriginError::UserInfo),
            ("https://:secret@calls.example.com", OriginError::UserInfo),
            ("https://calls.example.com/voice", OriginError::NotBare),
            ("https://calls.example.com//", OriginError::NotBare),
            ("https://calls.example.com?", OriginError::NotBare),
            ("https://calls.example.com/?a=1", OriginError::NotBare),
            ("https://calls.example.com#rc=2", OriginError::NotBare),
            ("https://calls.example.com /", OriginError::NotAUrl),
            ("https://calls.exa\tmple.com", OriginError::NotAUrl),
            ("https:\\\\calls.example.com", OriginError::NotAUrl),
            ("https://", OriginError::NotAUrl),
            ("https:///", OriginError::NotAUrl),
            ("https://calls.example.com:99999", OriginError::NotAUrl),
            ("https://[::1", OriginError::NotAUrl),
            ("https://0.0.0.0:8080", OriginError::Unspecified),
            ("http://[::]:8080", OriginError::Unspecified),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
