//! What the handlers share, and who asks.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Serialize;

use super::failures::Failures;
use super::problem::Problem;
use crate::app::App;
use crate::http::listener::Peer;
use crate::operations::{OperationError, audit};

/// What the handlers share.
pub(super) struct Api {
    pub(super) app: Arc<App>,
    pub(super) token: SecretString,
    pub(super) failures: Failures,
    /// What describes the API, OpenAPI 3.1.
    pub(super) document: String,
}

/// Who asks, for the audit.
pub(super) struct Actor(pub(super) String);

impl Actor {
    pub(super) fn of(peer: Option<IpAddr>) -> Self {
        Self(peer.map_or_else(|| "api".to_owned(), |peer| format!("api {peer}")))
    }

    /// Notes what was done, and answers it.
    pub(super) fn done<T: Serialize>(
        &self,
        action: &str,
        subject: &str,
        result: Result<T, OperationError>,
    ) -> Response {
        self.done_with(StatusCode::OK, action, subject, result)
    }

    /// The same with a status of its own.
    pub(super) fn done_with<T: Serialize>(
        &self,
        status: StatusCode,
        action: &str,
        subject: &str,
        result: Result<T, OperationError>,
    ) -> Response {
        audit::note(action, &self.0, subject, audit::outcome(&result));
        match result {
            Ok(answer) => (status, Json(answer)).into_response(),
            Err(error) => Problem::from(error).into_response(),
        }
    }

    /// Notes that something was begun and not finished, and answers why.
    pub(super) fn failed(&self, action: &str, problem: Problem) -> Response {
        audit::note(action, &self.0, "-", "failed");
        problem.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts.extensions.get::<Peer>().map(|peer| peer.0)))
    }
}
