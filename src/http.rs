//! Every route on one page.

pub(crate) mod api;
mod arrival;
mod clock;
mod handshake;
mod health;
pub(crate) mod listener;
mod lookup;
mod signed;
mod stray;
mod stream;
mod voice;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};

use crate::app::App;

/// A webhook's body: Twilio's own limit for what it sends and fetches.
const MAX_BODY_BYTES: usize = 64 * 1024;

pub(crate) fn router(app: Arc<App>) -> Router {
    // Whoever asks by another method than a carrier does is told so, signed or not.
    let signed = middleware::from_fn_with_state(Arc::clone(&app), signed::signed);
    let of_carrier = |method: MethodRouter<Arc<App>>| method.route_layer(signed.clone());
    let webhook = |method| of_carrier(method).fallback(stray::other_method);
    Router::new()
        // the carrier, with its signature; what people type into its console may have a slash at the end
        .route("/voice", webhook(post(voice::incoming)))
        .route("/voice/", webhook(post(voice::incoming)))
        .route("/voice/resume", webhook(post(voice::resume)))
        .route("/voice/resume/", webhook(post(voice::resume)))
        .route("/voice/status", webhook(post(voice::status)))
        .route("/voice/status/", webhook(post(voice::status)))
        .route("/media-stream", of_carrier(get(stream::media_stream)))
        .route("/media-stream/", of_carrier(get(stream::media_stream)))
        // load balancers; what operators ask is on a port of its own
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(stray::other_path)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(handshake::names_its_host))
        .with_state(app)
}
