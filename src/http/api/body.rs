//! Reading what a request says. What is wrong with it is told without repeating it: it may hold a number.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::context::Actor;
use super::problem::Problem;
use crate::http::listener::Peer;
use crate::operations::{MAX_PAGE, audit};

/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// Entries of a page that does not say how many it wants.
const PAGE: usize = 100;

/// What a body is expected to be, as an example.
pub(super) trait Shape {
    /// `{"caller": "…"}`.
    const SHAPE: &str;
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Shape> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    /// Notes a body that cannot be read: nobody else would, and whoever tries to do something leaves a line.
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let actor = Actor::of(request.extensions().get::<Peer>().map(|peer| peer.0));
        let read = Self::read(request, state).await;
        read.inspect_err(|_| audit::note("body", &actor.0, "-", "invalid"))
    }
}

impl<T: DeserializeOwned + Shape> Body<T> {
    async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Self, Problem> {
        let read = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state));
        let bytes = read.await.map_err(|_| Problem::too_slow())?.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
                _ => Problem::invalid("the body ended early"),
            }
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                Category::Eof => "ends early",
                Category::Data => "is not as expected",
                Category::Syntax | Category::Io => "is no JSON",
            };
            Problem::invalid(format!("the body {what} (line {line}, column {column}); send {}", T::SHAPE))
        })
    }
}

/// Which part of a listing: `?limit=100&after=…`.
#[derive(Debug)]
pub(super) struct PageQuery {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

#[derive(Deserialize)]
struct RawPage {
    after: Option<String>,
    limit: Option<usize>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = || Problem::invalid(format!("`limit` is expected as a number from 1 to {MAX_PAGE}"));
        let Query(RawPage { after, limit }) =
            Query::<RawPage>::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        let limit = limit.unwrap_or(PAGE);
        if (1..=MAX_PAGE).contains(&limit) { Ok(Self { after, limit }) } else { Err(wrong()) }
    }
}

/// The part of a path that names something.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<T>::from_request_parts(parts, state).await;
        named.map(|Path(name)| Self(name)).map_err(|_| Problem::invalid("the path names something that cannot be"))
    }
}
