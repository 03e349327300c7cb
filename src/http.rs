//! Every route on one page.

pub(crate) mod api;
mod handshake;
mod health;
pub(crate) mod listener;
mod signed;
mod stray;
mod stream;
mod voice;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, middleware};

use crate::app::App;
use crate::routes::Routes;

/// A webhook's body: the limit of the first carrier for what it sends and fetches.
const MAX_BODY_BYTES: usize = 64 * 1024;

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for routes in &app.routes {
        router = router.merge(of_carrier(routes));
    }
    router
        // load balancers; what operators ask is on a port of its own
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(stray::other_path)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(handshake::names_its_host))
        .with_state(app)
}

/// What a carrier asks, with its signature; what people type into its console may have a slash at the end.
fn of_carrier(routes: &Routes) -> Router<Arc<App>> {
    // Whoever asks by another method than a carrier does is told so, signed or not.
    let webhook = |method: MethodRouter<Arc<App>>| {
        method.route_layer(middleware::from_fn(signed::signed)).fallback(stray::other_method)
    };
    let stream = || get(stream::media_stream).route_layer(middleware::from_fn(signed::signed));
    let mut router = Router::new();
    for slash in ["", "/"] {
        router = router
            .route(&format!("{}{slash}", routes.voice()), webhook(post(voice::incoming)))
            .route(&format!("{}{slash}", routes.resume()), webhook(post(voice::resume)))
            .route(&format!("{}{slash}", routes.status()), webhook(post(voice::status)))
            .route(&format!("{}{slash}", routes.stream()), stream());
    }
    router.layer(Extension(routes.clone()))
}
