//! The media stream's upgrade.

use std::sync::Arc;

use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::handshake::Handshake;
use super::listener::Place;
use crate::app::App;
use crate::media_stream::MediaStream;
use crate::reception::live;
use crate::routes::Routes;
use crate::telemetry::limited::Limited;

/// `GET /media-stream`: everything that can be refused is refused before `101`.
pub(super) async fn media_stream(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Extension(place): Extension<Arc<Place>>,
    Extension(routes): Extension<Routes>,
    handshake: Handshake,
) -> Response {
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "Origin: a browser has no business here\n").into_response();
    }
    let url = app.ws_url(uri.path());
    let verified = routes.carrier.webhook().verify_stream(&url, uri.query().unwrap_or_default(), &headers);
    if let Err(error) = verified {
        static REFUSED: Limited = Limited::new();
        metrics::counter!("redial_signatures_refused_total").increment(1);
        if let Some(left_out) = REFUSED.due() {
            tracing::warn!(%error, left_out, "a media stream is refused");
        }
        return (StatusCode::FORBIDDEN, format!("{error}\n")).into_response();
    }
    if app.calls.count() == 0 && !app.shares_calls() {
        // Nobody rings, here or elsewhere, so nobody's stream can start.
        static NOBODY: Limited = Limited::new();
        if let Some(left_out) = NOBODY.due() {
            tracing::warn!(
                left_out,
                "a media stream came while no call rings here: behind a load balancer, send webhook and stream of a call to one \
                 instance, or give all the same MEMORY_PHONE_PEPPER and Redis"
            );
        }
        return (StatusCode::SERVICE_UNAVAILABLE, "no call waits for a stream\n").into_response();
    }
    let (response, on_upgrade) = handshake.accept();
    let tasks = app.tasks.clone();
    // Tracked, so that a shutdown waits for the call and for what it writes.
    tasks.spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => {
                let socket = MediaStream::new(upgraded).await;
                live::serve(app, socket, &routes, move || place.begin_call()).await;
            }
            Err(error) => tracing::debug!(%error, "the connection ended before it was a media stream"),
        }
    });
    response
}
