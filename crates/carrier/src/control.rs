//! What a carrier is told of a call beside its webhooks and its stream: orders to its API.
//!
//! A carrier says how an order is put and what an answer means; whoever sends it brings the connection, the time limit and the
//! second attempt.

use http::{HeaderValue, StatusCode};
use redial_call::CallId;

/// A carrier's API.
pub trait Control: Send + Sync {
    /// Where it is: scheme, host, port and path, nothing else.
    fn base(&self) -> &str;

    /// How an order is put.
    fn request(&self, order: Order<'_>) -> ApiRequest;

    /// What an answer to an order means.
    ///
    /// # Errors
    /// When it has not been carried out.
    fn read(&self, status: StatusCode, body: &[u8]) -> Result<(), NotDone>;
}

/// What a carrier is to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// End it, whatever it is about to ask us.
    HangUp(&'a CallId),
}

/// A request with which an order is put; always a `POST`.
pub struct ApiRequest {
    /// What follows the API's base, by segment, unescaped.
    pub path: Vec<String>,
    /// The value of `Authorization`; marked as sensitive.
    pub authorization: HeaderValue,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Why an order was not carried out. No text repeats what the carrier answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The call is over, or there never was one.
    #[error("there is no such call any more")]
    Gone,
    /// An operator must act.
    #[error("the carrier does not take our credentials")]
    Unauthorized,
    /// The same may be taken a little later.
    #[error("the carrier cannot do it now (status {0})")]
    Later(StatusCode),
    /// Not this order, or not in this way.
    #[error("the carrier declines it (status {0})")]
    Declined(StatusCode),
}

impl NotDone {
    /// What a status of HTTP says by itself; `None`: it is done.
    ///
    /// # Errors
    /// What it says otherwise.
    pub fn of_status(status: StatusCode) -> Result<(), Self> {
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Self::Unauthorized),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Self::Gone),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(Self::Later(status)),
            _ if status.is_server_error() => Err(Self::Later(status)),
            _ => Err(Self::Declined(status)),
        }
    }
}
