//! Reading what a request says. What is wrong with it is told without repeating it: it may hold a number.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Response as Described};
use utoipa::{IntoParams, IntoResponses, ToResponse as _};

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

impl<T> IntoResponses for Body<T> {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(["400", "408", "413"])
    }
}

/// How much of a listing: `?limit=100`.
pub(super) struct Limit(pub(super) usize);

#[derive(Deserialize)]
struct RawLimit {
    limit: Option<usize>,
}

impl<S: Send + Sync> FromRequestParts<S> for Limit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = || Problem::invalid(format!("`limit` is expected as a number from 1 to {MAX_PAGE}"));
        let Query(RawLimit { limit }) =
            Query::<RawLimit>::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        let limit = limit.unwrap_or(PAGE);
        if (1..=MAX_PAGE).contains(&limit) { Ok(Self(limit)) } else { Err(wrong()) }
    }
}

impl IntoParams for Limit {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_PAGE))
            .default(Some(PAGE.into()));
        vec![in_query("limit", "About how many entries", number)]
    }
}

impl IntoResponses for Limit {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(["400"])
    }
}

/// Which part of a listing: `?limit=100&after=…`.
pub(super) struct PageQuery {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

#[derive(Deserialize)]
struct RawAfter {
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Limit(limit) = Limit::from_request_parts(parts, state).await?;
        let wrong = |_| Problem::invalid("`after` is expected at most once");
        let Query(RawAfter { after }) = Query::<RawAfter>::from_request_parts(parts, state).await.map_err(wrong)?;
        Ok(Self { after, limit })
    }
}

impl IntoParams for PageQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let page = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(300));
        let about = "`next` of the page before, as it was answered; anything else is no page";
        let mut parameters = Limit::into_params(parameter_in);
        parameters.push(in_query("after", about, page));
        parameters
    }
}

impl IntoResponses for PageQuery {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        Limit::responses()
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

impl<T> IntoResponses for Named<T> {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(["400"])
    }
}

fn in_query(name: &str, about: &str, value: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(value))
        .build()
}

fn problems<const N: usize>(statuses: [&str; N]) -> BTreeMap<String, RefOr<Described>> {
    let problem = Ref::from_response_name(Problem::response().0);
    statuses.map(|status| (status.to_owned(), problem.clone().into())).into()
}
