//! The webhooks: a call comes in, a call is taken up again, a call is over.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redial_carrier::webhook::{Answer, Refused, Request};

use crate::app::App;
use crate::reception::admission::{self, Decision, Entry};
use crate::reception::live::TOKEN_PARAMETER;
use crate::routes::Routes;
use crate::telemetry::limited::Limited;

/// About how long a restart takes, in s.
const RETRY_AFTER_SECONDS: &str = "2";

/// `POST /voice`: a call comes in.
pub(super) async fn incoming(
    state: State<Arc<App>>,
    routes: Extension<Routes>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(state, routes, uri, headers, body, Entry::Incoming).await
}

/// `POST /voice/resume`: the stream of a call is over, and the carrier asks what comes next.
pub(super) async fn resume(
    state: State<Arc<App>>,
    routes: Extension<Routes>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(state, routes, uri, headers, body, Entry::Resume).await
}

/// `POST /voice/status`: a call's state has changed.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Extension(routes): Extension<Routes>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let url = public_url(&app, &uri);
    match routes.carrier.webhook().status(Request { url: &url, headers: &headers, body: &body }) {
        Ok(over) => {
            if let Some(call) = over {
                tracing::info!(call.sid = %call, "the carrier says that the call is over");
                app.calls.completed(&call);
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refused(&refusal, uri.path()),
    }
}

async fn answer(
    State(app): State<Arc<App>>,
    Extension(routes): Extension<Routes>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
    entry: Entry,
) -> Response {
    let url = public_url(&app, &uri);
    let call = match routes.carrier.webhook().call(Request { url: &url, headers: &headers, body: &body }) {
        Ok(call) => call,
        Err(refusal) => return refused(&refusal, uri.path()),
    };
    let decision = admission::decide(&app, &call, entry).await;
    let (stream_url, resume_url) = (app.ws_url(&routes.stream()), app.url(&routes.resume()));
    let parameters = match &decision {
        Decision::Connect { token } => [(TOKEN_PARAMETER, token.as_str())],
        _ => [(TOKEN_PARAMETER, "")],
    };
    let answer = match &decision {
        Decision::Connect { .. } => {
            Answer::Connect { stream_url: &stream_url, parameters: &parameters, resume_url: &resume_url }
        }
        Decision::Busy => Answer::Busy,
        Decision::Say(text) => Answer::Say(text),
        Decision::HangUp => Answer::HangUp,
        Decision::Elsewhere(refusal) => {
            let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
            return (StatusCode::SERVICE_UNAVAILABLE, retry, format!("this instance takes no calls: {refusal}\n"))
                .into_response();
        }
    };
    match routes.carrier.webhook().answer(answer) {
        Ok(document) => {
            let kind = HeaderValue::from_static(document.content_type);
            ([(header::CONTENT_TYPE, kind)], document.body).into_response()
        }
        Err(error) => {
            app.calls.finish(&call.call, true);
            tracing::error!(call.sid = %call.call, %error, "the answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A request's URL as the carrier was told it.
fn public_url(app: &App, uri: &axum::http::Uri) -> String {
    app.url(uri.path_and_query().map_or("/", |path| path.as_str()))
}

/// Answers a webhook that is not taken.
fn refused(refusal: &Refused, path: &str) -> Response {
    static REFUSED: Limited = Limited::new();
    static OTHERS: Limited = Limited::new();
    let status = match refusal {
        Refused::Stranger(error) => {
            metrics::counter!("redial_signatures_refused_total").increment(1);
            if let Some(left_out) = REFUSED.due() {
                tracing::warn!(path, %error, left_out, "a webhook is refused");
            }
            StatusCode::FORBIDDEN
        }
        Refused::OtherAccount(_) => {
            if let Some(left_out) = OTHERS.due() {
                tracing::warn!(left_out, "a call of another account");
            }
            StatusCode::FORBIDDEN
        }
        Refused::WrongType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refused::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    (status, format!("{refusal}\n")).into_response()
}
