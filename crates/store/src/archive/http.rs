//! An archive behind a server of the operator's own, asked with signed requests.
//!
//! | request | means | answer |
//! | --- | --- | --- |
//! | `POST {url}` | keep this session: the body is the document with `"type": "session"` | 2xx, or 409 if it is kept already |
//! | `GET {url}/sessions/{sid}` | give it back | 200 with the body that was posted, or 404 |
//! | `GET {url}/users/{uid}/sessions` | give back all of a user | 200 with an array of bodies that were posted, or 404 if it cannot |
//! | `DELETE {url}/users/{uid}` | erase all sessions of a user | 2xx, if possible with `{"erased": 3}`, or 404 |
//!
//! Each carries `Redial-Signature: t=…,v1=…`: the Unix time in s, and in hex the HMAC-SHA256 of `{t}.{body}` under the
//! shared secret. A request without a body signs its method and path in the body's place (`GET /archive/sessions/CA…`),
//! so that a reading request cannot be turned into an erasing one. A server should refuse a `t` that is minutes old, and
//! take an `Idempotency-Key` that it has seen as 409. Status 408, 429 and 5xx ask to come back later; all others are final.

use std::time::Duration;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use redial_identity::UserId;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_outgoing as outgoing;
use redial_outgoing::{BodyError, Endpoint};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::super::clock;
use super::{Archive, ArchiveError, MAX_RECORD_BYTES, decode, encode, is_name, longest_copies};

/// Longest for one request, from connecting to the last byte.
const LIMIT: Duration = Duration::from_secs(5);
/// What is read of the answer to an erasure.
const MAX_COUNT_BYTES: usize = 64 * 1024;
/// What is read of all sessions of a user: the largest there can be and half as much beside, or some thousands of usual ones.
const MAX_LIST_BYTES: usize = 64 << 20;
/// Of a body's digest in its idempotency key: 128 bits.
const DIGEST_CHARS: usize = 32;

/// A server that keeps sessions.
pub struct HttpArchive {
    endpoint: Endpoint,
    client: Client,
    secret: SecretString,
}

#[derive(Deserialize)]
struct Erased {
    erased: u64,
}

impl HttpArchive {
    /// Connects when it is first asked. Each request takes 5 s at most.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(endpoint: Endpoint, secret: SecretString) -> Result<Self, ArchiveError> {
        Self::within(endpoint, secret, LIMIT)
    }

    /// The same with another limit for one request.
    ///
    /// # Errors
    /// As for [`HttpArchive::new`].
    pub fn within(endpoint: Endpoint, secret: SecretString, limit: Duration) -> Result<Self, ArchiveError> {
        let client = endpoint
            .client(limit)
            .map_err(|error| ArchiveError::Refused(format!("MEMORY_ARCHIVE {endpoint:?} cannot be asked: {error}")))?;
        Ok(Self { endpoint, client, secret })
    }

    /// A request without a body, signed over its method and path.
    fn bare(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let url = self.endpoint.below(segments);
        let signed = format!("{method} {}", url.path());
        self.signed(method, url, signed.as_bytes())
    }

    fn signed(&self, method: Method, url: Url, payload: &[u8]) -> RequestBuilder {
        let at_s = clock::system()() / 1000;
        self.client.request(method, url).header("Redial-Signature", signature(&self.secret, at_s, payload))
    }

    /// The answer, unless it says that the server has trouble or will not do it.
    async fn ask(&self, request: RequestBuilder) -> Result<Response, ArchiveError> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::CONFLICT) {
            return Ok(response);
        }
        if outgoing::is_passing(status) {
            let retry_after = outgoing::retry_after(response.headers());
            return Err(ArchiveError::Unavailable {
                advice: format!("{:?} answers {status}", self.endpoint),
                retry_after,
                source: None,
            });
        }
        Err(self.refused(status))
    }

    fn refused(&self, status: StatusCode) -> ArchiveError {
        ArchiveError::Refused(format!(
            "{:?} answers {status}; check MEMORY_ARCHIVE, which must be the final address, and MEMORY_ARCHIVE_SECRET",
            self.endpoint
        ))
    }

    fn unreachable(&self, error: reqwest::Error) -> ArchiveError {
        let advice = if error.is_timeout() {
            format!("{:?} does not answer in time", self.endpoint)
        } else {
            format!("check that {:?} is right and runs", self.endpoint)
        };
        ArchiveError::Unavailable { advice, retry_after: None, source: Some(Box::new(error.without_url())) }
    }
}

#[async_trait]
impl Archive for HttpArchive {
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError> {
        let body = encode(session)?;
        let mut digest = hex::encode(Sha256::digest(&body));
        digest.truncate(DIGEST_CHARS);
        let request = self
            .signed(Method::POST, self.endpoint.url(), &body)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", format!("{}-{digest}", session.session_id))
            .body(body);
        let status = self.ask(request).await?.status();
        if status.is_success() || status == StatusCode::CONFLICT { Ok(()) } else { Err(self.refused(status)) }
    }

    async fn get(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, ArchiveError> {
        if !is_name(session_id.as_str()) {
            return Ok(None);
        }
        let response = self.ask(self.bare(Method::GET, &["sessions", session_id.as_str()])).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            StatusCode::OK => (),
            other => return Err(self.refused(other)),
        }
        let another = |what: &str| ArchiveError::Refused(format!("{:?} answers with {what}", self.endpoint));
        if !outgoing::is_json(response.headers()) {
            return Err(another("something that is not JSON"));
        }
        let body = match outgoing::read_body(response, MAX_RECORD_BYTES).await {
            Ok(body) => body,
            Err(error @ BodyError::TooLarge { .. }) => return Err(another(&format!("too much: {error}"))),
            Err(BodyError::Broken(error)) => return Err(self.unreachable(error)),
        };
        match decode(&body) {
            Some(session) if session.session_id == *session_id => Ok(Some(session)),
            Some(_) => Err(another("another session than was asked for")),
            None => Err(another("something that is not a session")),
        }
    }

    async fn of_user(&self, user: &UserId) -> Result<Option<Vec<SessionDoc>>, ArchiveError> {
        if !is_name(user.as_str()) {
            return Ok(Some(Vec::new()));
        }
        let response = self.ask(self.bare(Method::GET, &["users", user.as_str(), "sessions"])).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            StatusCode::OK => (),
            other => return Err(self.refused(other)),
        }
        let another = |what: &str| ArchiveError::Refused(format!("{:?} answers with {what}", self.endpoint));
        let body = match outgoing::read_body(response, MAX_LIST_BYTES).await {
            Ok(body) => body,
            Err(error @ BodyError::TooLarge { .. }) => return Err(another(&format!("too much: {error}"))),
            Err(BodyError::Broken(error)) => return Err(self.unreachable(error)),
        };
        let records: Vec<Box<RawValue>> =
            serde_json::from_slice(&body).map_err(|_| another("something that is no list of sessions"))?;
        let sessions: Option<Vec<SessionDoc>> = records.iter().map(|record| decode(record.get().as_bytes())).collect();
        let sessions = sessions.ok_or_else(|| another("something that is not a session"))?;
        if sessions.iter().any(|session| session.user_id != user.as_str()) {
            return Err(another("another user's session"));
        }
        Ok(Some(longest_copies(sessions)))
    }

    /// 0 when the server does not say how many there were.
    async fn erase(&self, user: &UserId) -> Result<u64, ArchiveError> {
        if !is_name(user.as_str()) {
            return Ok(0);
        }
        let response = self.ask(self.bare(Method::DELETE, &["users", user.as_str()])).await?;
        match response.status() {
            status if status.is_success() => (),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(0),
            other => return Err(self.refused(other)),
        }
        // It is done, whatever the body says.
        let body = outgoing::read_body(response, MAX_COUNT_BYTES).await.unwrap_or_default();
        Ok(serde_json::from_slice(&body).map_or(0, |Erased { erased }| erased))
    }
}

/// The value of `Redial-Signature`.
fn signature(secret: &SecretString, at_s: u64, payload: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes a key of any size");
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(payload);
    format!("t={at_s},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation (Python's `hmac`): receivers have been written against it.
    #[test]
    fn a_signature_is_what_a_receiver_computes() {
        let secret = "0123456789abcdef0123456789abcdef".into();
        assert_eq!(
            signature(&secret, 1_767_614_400, br#"{"type":"session"}"#),
            "t=1767614400,v1=0a488b6c8a7d1ecdc31fd4409ede94389ece5dbaf59cebc7ee46224ad7b72347"
        );
    }
}
