//! The API of operators: `/api/v1`, on a port of its own, behind a token. Beside it, without one, what their probes ask.
//!
//! | module | holds |
//! | --- | --- |
//! | `admin_listener` | the port and the token |
//! | `guard`, `failures` | who may come in: no browser, nobody without the token; who has sent wrong ones |
//! | `context` | what the handlers share, and who asks |
//! | `problem` | errors as RFC 9457 has them |
//! | `body` | reading bodies and pages, without repeating what was in them |
//! | `callers`, `sessions`, `memory` | the handlers |

pub(crate) mod admin_listener;
mod body;
mod callers;
mod context;
mod failures;
mod guard;
mod memory;
mod problem;
mod sessions;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Router, middleware};
use secrecy::SecretString;

use self::context::Api;
use self::failures::Failures;
use self::problem::Problem;
use super::health;
use crate::app::App;

/// Before every path.
const ROOT: &str = "/api/v1";
/// A body holds a number or a profile.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The document that describes all of it, OpenAPI 3.1.
const OPENAPI: &str = include_str!("api/openapi.json");

/// A method, a path below [`ROOT`], and who answers it.
type Route = (&'static str, &'static str, MethodRouter<Arc<Api>>);

/// Every route.
fn routes() -> Vec<Route> {
    vec![
        ("GET", "/openapi.json", get(openapi)),
        // who is remembered
        ("GET", "/callers", get(callers::list)),
        ("POST", "/callers/find", post(callers::find)),
        ("POST", "/callers/forget", post(callers::forget)),
        ("POST", "/callers/merge", post(callers::merge)),
        ("POST", "/callers/split", post(callers::split)),
        ("GET", "/callers/{id}", get(callers::show)),
        ("GET", "/callers/{id}/why", get(callers::why)),
        ("GET", "/callers/{id}/export", get(callers::export)),
        ("GET", "/callers/{id}/profile", get(callers::load_profile)),
        ("PUT", "/callers/{id}/profile", put(callers::store_profile)),
        // calls
        ("GET", "/calls", get(sessions::live)),
        ("GET", "/sessions", get(sessions::list)),
        ("GET", "/sessions/{id}", get(sessions::show)),
        ("DELETE", "/sessions/{id}", delete(sessions::clear)),
        // memory itself
        ("GET", "/memory", get(memory::check)),
        ("POST", "/memory/selftest", post(memory::selftest)),
        ("GET", "/outbox", get(memory::outbox)),
        ("GET", "/dead", get(memory::dead)),
        ("GET", "/dead/{seq}", get(memory::dead_entry)),
        ("POST", "/dead/{seq}/retry", post(memory::retry)),
        ("DELETE", "/dead/{seq}", delete(memory::drop_dead)),
    ]
}

/// The routes behind the guard, also what is none of them: a stranger does not learn which there are. And the probes'.
pub(super) fn router(app: Arc<App>, token: SecretString) -> Router {
    let probes = health::probes(Arc::clone(&app));
    let api = Arc::new(Api { app, token, failures: Failures::default() });
    let mut router = Router::new();
    for (_, path, method) in routes() {
        router = router.route(&format!("{ROOT}{path}"), method);
    }
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::no_route())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), guard::guard))
        .layer(middleware::from_fn(super::handshake::names_its_host))
        .with_state(api)
        .merge(probes)
}

/// `GET /openapi.json`.
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"][0]["url"], ROOT);
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let says = |what: &str| operation[what].as_str().is_some_and(|text| !text.is_empty());
                assert!(says("summary") && says("operationId") && says("description"), "{method} {path}");
                let tags = operation["tags"].as_array().unwrap();
                let known = document["tags"].as_array().unwrap();
                assert!(tags.iter().all(|tag| known.iter().any(|known| known["name"] == *tag)), "{method} {path}");
                assert_eq!(tags.len(), 1, "{method} {path}");
                assert!(operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()));
                described.insert((method.to_ascii_uppercase(), path.clone()));
            }
        }
        let routed: BTreeSet<_> =
            routes().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
            }
        }
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
