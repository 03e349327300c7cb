//! Every route on one page.

pub(crate) mod api;
mod arrival;
mod health;
pub(crate) mod listener;
mod lookup;
mod stray;
mod stream;
mod voice;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::app::App;

/// A webhook's body: Twilio's own limit for what it sends and fetches.
const MAX_BODY_BYTES: usize = 64 * 1024;

pub(crate) use self::health::install_metrics;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        // the carrier, with its signature; what people type into its console may have a slash at the end
        .route("/voice", post(voice::incoming).fallback(stray::other_method))
        .route("/voice/", post(voice::incoming).fallback(stray::other_method))
        .route("/voice/resume", post(voice::resume).fallback(stray::other_method))
        .route("/voice/resume/", post(voice::resume).fallback(stray::other_method))
        .route("/voice/status", post(voice::status).fallback(stray::other_method))
        .route("/voice/status/", post(voice::status).fallback(stray::other_method))
        .route("/media-stream", get(stream::media_stream))
        .route("/media-stream/", get(stream::media_stream))
        // operators
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(stray::other_path)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(app)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
