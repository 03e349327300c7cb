//! The API of operators: `/api/v1`, on a port of its own, behind a token. Beside it, without one, what their probes ask.
//!
//! | module | holds |
//! | --- | --- |
//! | `admin_listener` | the port and the token |
//! | `guard`, `failures` | who may come in: no browser, nobody without the token; who has sent wrong ones |
//! | `context` | what the handlers share, and who asks |
//! | `problem` | errors as RFC 9457 has them |
//! | `body` | reading bodies and pages, without repeating what was in them |
//! | `names` | what requests name |
//! | `callers`, `sessions`, `memory` | the handlers, each with what the document says of it |
//! | `document` | what the document says beside that |

pub(crate) mod admin_listener;
mod body;
mod callers;
mod context;
mod document;
mod failures;
mod guard;
mod memory;
mod names;
mod problem;
mod sessions;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::context::Api;
use self::document::{DOCUMENT, ROOT};
use self::failures::Failures;
use self::guard::Guarded;
use self::problem::Problem;
use super::health;
use crate::app::App;

/// A body holds a number or a profile.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Every route below [`ROOT`], by its handler, and the document that says how it is asked. Path and method stand with the
/// handler, once for both.
fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(document::begun())
        .routes(routes!(openapi))
        // who is remembered
        .routes(routes!(callers::list))
        .routes(routes!(callers::find))
        .routes(routes!(callers::forget))
        .routes(routes!(callers::merge))
        .routes(routes!(callers::split))
        .routes(routes!(callers::show))
        .routes(routes!(callers::why))
        .routes(routes!(callers::export))
        .routes(routes!(callers::load_profile, callers::store_profile))
        // calls
        .routes(routes!(sessions::live))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::show, sessions::clear))
        // memory itself
        .routes(routes!(memory::check))
        .routes(routes!(memory::selftest))
        .routes(routes!(memory::outbox))
        .routes(routes!(memory::dead))
        .routes(routes!(memory::dead_entry, memory::drop_dead))
        .routes(routes!(memory::retry))
}

/// The routes behind the guard, also what is none of them: a stranger does not learn which there are. And the probes'.
pub(super) fn router(app: Arc<App>, token: SecretString) -> Router {
    let probes = health::probes(Arc::clone(&app));
    let (routes, document) = described();
    let api = Arc::new(Api { app, token, failures: Failures::default(), document });
    Router::new()
        .nest(ROOT, routes)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::no_route())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), guard::guard))
        .layer(middleware::from_fn(super::handshake::names_its_host))
        .with_state(api)
        .merge(probes)
}

/// The routes, and the document as it is sent, OpenAPI 3.1.
fn described() -> (Router<Arc<Api>>, String) {
    let (routes, document) = routes().split_for_parts();
    let document = document.to_json().expect("names are texts, so it is JSON");
    (routes, document)
}

/// This document.
///
/// What this server answers to, exactly.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = DOCUMENT,
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"),
        Guarded,
    )
)]
async fn openapi(State(api): State<Arc<Api>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], api.document.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&described().1).unwrap()
    }

    #[test]
    fn every_operation_says_what_it_is_and_under_which_heading() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"][0]["url"], ROOT);
        let mut operations = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let says = |what: &str| operation[what].as_str().is_some_and(|text| !text.is_empty());
                assert!(says("summary") && says("operationId") && says("description"), "{method} {path}");
                let tags = operation["tags"].as_array().unwrap();
                let known = document["tags"].as_array().unwrap();
                assert!(tags.iter().all(|tag| known.iter().any(|known| known["name"] == *tag)), "{method} {path}");
                assert_eq!(tags.len(), 1, "{method} {path}");
                let responses = operation["responses"].as_object().unwrap();
                for every in ["200", "401", "403", "429", "default"] {
                    assert!(responses.contains_key(every), "{every} of {method} {path}");
                }
                let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
                let named = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
                assert_eq!(named, path.matches('{').count(), "what the path names: {method} {path}");
                operations += 1;
            }
        }
        assert!(operations > 20, "{operations}");
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
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
