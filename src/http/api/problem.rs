//! Errors as RFC 9457 has them: `application/problem+json`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redial_store::archive::ArchiveError;
use redial_store::store::MemoryError;
use serde::Serialize;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as Described};
use utoipa::{ToResponse, ToSchema};

use crate::operations::OperationError;

/// What problems are sent as.
const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, and the way out. Never holds what was sent.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Last part of the type, `urn:redial:problem:…`.
    name: &'static str,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, title, detail: detail.into(), retry_after_s: None }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "The token is missing or wrong",
            "send `Authorization: Bearer` with what ADMIN_TOKEN is set to, or else what the file says that the log names at the start",
        )
    }

    pub(super) fn too_many_failures(retry_after_s: u64) -> Self {
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-failures",
            "Too many wrong tokens",
            "wrong tokens came from this address again and again; wait, and send the right one",
        );
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    pub(super) fn from_a_browser() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "origin",
            "Not for browsers",
            "the request has an Origin header, so a web page sent it; this API is for programs",
        )
    }

    pub(super) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-route",
            "There is no such route",
            "/api/v1/openapi.json lists those that there are",
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Not by this method",
            "/api/v1/openapi.json lists the methods of every route",
        )
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be understood", detail)
    }

    pub(super) fn died() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "died",
            "It died half-way",
            "a fault of this program; what was done stays done, so ask for it again",
        )
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", "64 kB are the most")
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body did not come in time", "it may take 10 s")
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        let detail = error.to_string();
        match error {
            OperationError::Invalid(_) => Self::invalid(detail),
            OperationError::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "not-found", "Nothing is held of that name", detail)
            }
            OperationError::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", "It has changed", detail),
            OperationError::Memory(MemoryError::Unavailable { .. })
            | OperationError::Archive(ArchiveError::Unavailable { .. }) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not reachable at the moment", detail)
            }
            OperationError::Memory(MemoryError::WrongShape { .. }) => {
                Self::new(StatusCode::CONFLICT, "wrong-shape", "Something else is stored there", detail)
            }
            OperationError::Memory(MemoryError::Refused(_)) | OperationError::Archive(ArchiveError::Refused(_)) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "It was refused", detail)
            }
        }
    }
}

/// RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Told {
    /// Names the kind of problem.
    #[schema(pattern = "^urn:redial:problem:[a-z-]+$")]
    r#type: String,
    /// The kind of problem in words.
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and the way out. Never repeats what was sent.
    detail: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let told = Told {
            r#type: format!("urn:redial:problem:{}", self.name),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(told)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"redial\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// In the document: [`Problem::unauthorized`].
pub(super) struct Unauthorized;
/// In the document: [`Problem::from_a_browser`].
pub(super) struct FromABrowser;
/// In the document: [`Problem::too_many_failures`].
pub(super) struct TooManyFailures;

impl ToResponse<'static> for Problem {
    fn response() -> (&'static str, RefOr<Described>) {
        ("Problem", described("What is wrong, and the way out.").build().into())
    }
}

impl ToResponse<'static> for Unauthorized {
    fn response() -> (&'static str, RefOr<Described>) {
        let challenge = always("Bearer", ObjectBuilder::new().schema_type(Type::String));
        let response = described("The token is missing or wrong.").header("WWW-Authenticate", challenge);
        ("Unauthorized", response.build().into())
    }
}

impl ToResponse<'static> for FromABrowser {
    fn response() -> (&'static str, RefOr<Described>) {
        ("FromABrowser", described("The request has an Origin header, so a web page sent it.").build().into())
    }
}

impl ToResponse<'static> for TooManyFailures {
    fn response() -> (&'static str, RefOr<Described>) {
        let about = "Wrong tokens came from this address again and again. The right one is let in all the same.";
        let seconds = always("s", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)));
        ("TooManyFailures", described(about).header("Retry-After", seconds).build().into())
    }
}

fn described(about: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Told::name())));
    ResponseBuilder::new().description(about).content(MEDIA_TYPE, content.build())
}

/// A header that every such answer has.
fn always(about: &str, value: ObjectBuilder) -> utoipa::openapi::Header {
    let required = Extensions::from_iter([("required", true)]);
    HeaderBuilder::new().schema(Some(value)).description(Some(about)).extensions(Some(required)).build()
}
