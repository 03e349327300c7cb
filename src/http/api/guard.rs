//! Who may come in: programs with the token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use utoipa::openapi::{Ref, RefOr, Response as Described};
use utoipa::{IntoResponses, ToResponse};

use super::context::{Actor, Api};
use super::failures::Failure;
use super::problem::{FromABrowser, Problem, TooManyFailures, Unauthorized};
use crate::http::listener::{Believed, Peer};
use crate::operations::audit;

/// Lets programs with the token through, nobody else, and no web page. Nothing that is answered may be kept by a cache.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let mut response = match check(&api, peer, request.headers()) {
        Ok(()) => {
            let mut response = next.run(request).await;
            response.extensions_mut().insert(Believed);
            response
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn check(api: &Api, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    let actor = Actor::of(peer);
    if headers.contains_key(header::ORIGIN) {
        audit::note("authenticate", &actor.0, "-", "from a browser");
        return Err(Problem::from_a_browser());
    }
    let guesses = headers.contains_key(header::AUTHORIZATION);
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let token = sent.next().and_then(|value| value.as_bytes().split_at_checked(7));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer ")).map(|(_, token)| token);
    let right = api.token.expose_secret().as_bytes();
    // Only the length can be told from the time that this takes, and that is no secret.
    if sent.next().is_none() && token.is_some_and(|token| token.ct_eq(right).into()) {
        // Also from an address with many failures: who shares it with somebody who guesses is not locked out.
        return Ok(());
    }
    metrics::counter!("redial_api_refused_total").increment(1);
    match api.failures.note(peer, Instant::now()) {
        Failure::Another => {
            audit::note("authenticate", &actor.0, "-", "refused");
            Err(Problem::unauthorized())
        }
        Failure::TooMany { first, retry_after } => {
            if first {
                audit::note("authenticate", &actor.0, "-", "refused too often; not noted again for a minute");
            }
            // Who sends no token guesses none, and is told each time that one is needed.
            Err(if guesses {
                Problem::too_many_failures(retry_after.as_secs().max(1))
            } else {
                Problem::unauthorized()
            })
        }
    }
}

/// In the document: what every operation may be answered, whatever it does.
pub(super) struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let named = [
            ("401", Unauthorized::response().0),
            ("403", FromABrowser::response().0),
            ("429", TooManyFailures::response().0),
            ("default", Problem::response().0),
        ];
        named.map(|(status, name)| (status.to_owned(), Ref::from_response_name(name).into())).into()
    }
}
