//! Before a carrier's route: no body is read of who has no signature, and who has a right one is no stranger.

use axum::extract::{Extension, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::listener::Believed;
use crate::routes::Routes;
use crate::telemetry::limited::Limited;

static REFUSED: Limited = Limited::new();

/// Refuses what cannot have a right signature by its headers alone, and ends the connection.
pub(super) async fn signed(Extension(routes): Extension<Routes>, request: Request, next: Next) -> Response {
    if let Err(error) = routes.carrier.webhook().look_at(request.headers()) {
        metrics::counter!("redial_signatures_refused_total").increment(1);
        if let Some(left_out) = REFUSED.due() {
            tracing::warn!(path = request.uri().path(), %error, left_out, "a request without a signature is refused");
        }
        // A stranger's body may be long in coming.
        let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
        return (StatusCode::FORBIDDEN, close, format!("{error}\n")).into_response();
    }
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response.extensions_mut().insert(Believed);
    }
    response
}
