//! Requests that a carrier sends elsewhere than it should: answered and logged with what is to be changed.

use std::sync::Arc;

use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::routes::Routes;
use crate::telemetry::limited::Limited;

/// The most characters of a path that are logged.
const MAX_PATH_CHARS: usize = 80;
/// From so many digits on, a row of them may be a number, and is not logged.
const MAX_DIGITS: usize = 3;

/// A webhook by another method than POST.
pub(super) async fn other_method(
    Extension(routes): Extension<Routes>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    static METHODS: Limited = Limited::new();
    if let Some(left_out) = METHODS.due() {
        tracing::warn!(
            method = shown(method.as_str()),
            path = shown(uri.path()),
            signed = routes.carrier.webhook().is_signed(&headers),
            left_out,
            "a webhook came by another method than POST and is not taken: choose HTTP POST for it in the carrier's console"
        );
    }
    let text = "webhooks are taken by POST only: choose HTTP POST in the carrier's console\n";
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], text).into_response()
}

/// A path that there is not.
pub(super) async fn other_path(
    State(app): State<Arc<App>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    static PATHS: Limited = Limited::new();
    let signed_by = app.routes.iter().find(|routes| routes.carrier.webhook().is_signed(&headers));
    let whose = signed_by.or_else(|| app.routes.first().filter(|_| method == Method::POST && is_form(&headers)));
    let Some(routes) = whose else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    let is_upgrade = headers.contains_key(header::UPGRADE);
    let (what, right) = match uri.path() {
        _ if is_upgrade => ("stream", app.ws_url(&routes.stream())),
        path if path.to_ascii_lowercase().contains("status") => ("status callback", app.url(&routes.status())),
        _ => ("voice webhook", app.url(&routes.voice())),
    };
    if let Some(left_out) = PATHS.due() {
        tracing::warn!(
            path = shown(uri.path()),
            right,
            left_out,
            "what looks like a carrier's {what} came to a path that there is not: put the right URL into the carrier's console"
        );
    }
    (StatusCode::NOT_FOUND, format!("not found; the {what} is {right}\n")).into_response()
}

/// Whether a body is said to be a form, as webhooks' are.
fn is_form(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.to_ascii_lowercase().trim_start().starts_with("application/x-www-form-urlencoded")
}

/// What a stranger has sent, short enough for a log, without control characters or what may be a number.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = 0;
    for c in text.chars().take(MAX_PATH_CHARS) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        match c {
            _ if digits > MAX_DIGITS => {
                shown.truncate(shown.trim_end_matches(|c: char| c.is_ascii_digit()).len());
                if !shown.ends_with('#') {
                    shown.push('#');
                }
            }
            c if c.is_ascii_graphic() => shown.push(c),
            _ => shown.push('?'),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_numbers_and_control_characters() {
        assert_eq!(shown("/v1/voice"), "/v1/voice");
        assert_eq!(shown("/calls/+14155550123/voice"), "/calls/+#/voice");
        assert_eq!(shown("/a\u{1b}[31m\n\u{e9}"), "/a?[31m??");
        assert_eq!(shown(&"x".repeat(1000)).len(), MAX_PATH_CHARS);
    }
}
