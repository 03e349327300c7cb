//! The opening of a WebSocket (RFC 6455, 4.2), and what every request must have.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The one version there is.
const VERSION: &str = "13";
/// Bytes of a key, decoded.
const KEY_BYTES: usize = 16;

/// A request that may become a WebSocket.
///
/// The framework's own extractor names no version to a client that asks for another, and takes any key.
pub(super) struct Handshake {
    accept: String,
    on_upgrade: OnUpgrade,
}

impl Handshake {
    /// The answer that makes it one, and the connection once it is.
    pub(super) fn accept(self) -> (Response, OnUpgrade) {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept); // base64, always
        }
        *response.body_mut() = Body::empty();
        (response, self.on_upgrade)
    }
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let key = key(parts).map_err(Refusal::into_response)?;
        let accept = derive_accept_key(key.as_bytes());
        let on_upgrade = parts.extensions.remove().ok_or_else(|| Refusal::NotAnUpgrade.into_response())?;
        Ok(Self { accept, on_upgrade })
    }
}

/// Why a request does not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("method: a WebSocket is opened with GET")]
    Method,
    #[error("Connection, Upgrade: this path is a WebSocket; ask for `Connection: Upgrade` and `Upgrade: websocket`")]
    NotAnUpgrade,
    #[error("Sec-WebSocket-Version: only {VERSION} is spoken here")]
    Version,
    #[error("Sec-WebSocket-Key: not {KEY_BYTES} bytes in base64, once")]
    Key,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAnUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key => StatusCode::BAD_REQUEST,
        };
        let mut response = (status, format!("{self}\n")).into_response();
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        }
        response
    }
}

/// The key of a request that is in order.
fn key(parts: &Parts) -> Result<&str, Refusal> {
    let headers = &parts.headers;
    if parts.method != Method::GET {
        return Err(Refusal::Method);
    }
    if !lists(headers, &header::CONNECTION, "upgrade") || !lists(headers, &header::UPGRADE, "websocket") {
        return Err(Refusal::NotAnUpgrade);
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(Refusal::Version);
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    let whole = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == KEY_BYTES);
    whole.then_some(key).ok_or(Refusal::Key)
}

/// Whether a word is in a header's comma-separated list.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

/// Refuses a request of HTTP/1.1 that does not name its host, once (RFC 9112, 3.2).
pub(super) async fn names_its_host(request: Request, next: Next) -> Response {
    if request.version() == Version::HTTP_11 && only(request.headers(), &header::HOST).is_none() {
        return (StatusCode::BAD_REQUEST, "Host: not there, or twice\n").into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// The good request with one header changed; an empty value: left out.
    fn with(name: &str, value: &str) -> Parts {
        let mut request = Request::builder().method("GET").uri("/");
        for (good, good_value) in GOOD {
            let value = if good == name { value } else { good_value };
            if !value.is_empty() {
                request = request.header(good, value);
            }
        }
        request.body(Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(key(&with("", "")), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        for (name, value, refusal) in [
            ("connection", "", Refusal::NotAnUpgrade),
            ("connection", "keep-alive", Refusal::NotAnUpgrade),
            ("upgrade", "h2c", Refusal::NotAnUpgrade),
            ("sec-websocket-version", "", Refusal::Version),
            ("sec-websocket-version", "8", Refusal::Version),
            ("sec-websocket-key", "", Refusal::Key),
            ("sec-websocket-key", "AAAA", Refusal::Key),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", Refusal::Key),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSBvZiAy", Refusal::Key),
        ] {
            assert_eq!(key(&with(name, value)), Err(refusal), "{name}: {value:?}");
        }
        let mut twice = with("", "");
        twice.headers.append("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(key(&twice), Err(Refusal::Key));
    }
}
