//! Who may come in: programs with the token.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::problem::Problem;
use super::{Actor, Api};
use crate::http::listener::Peer;
use crate::operations::audit;

/// Wrong tokens that an address may send within [`WINDOW`].
const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once; beyond that all count as one.
const MAX_PEERS: usize = 10_000;

/// Lets programs with the token through, nobody else, and no web page. Nothing that is answered may be kept by a cache.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let mut response = match check(&api, peer, request.headers()) {
        Ok(()) => next.run(request).await,
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

/// Who has sent wrong tokens lately.
#[derive(Default)]
pub(super) struct Failures {
    peers: Mutex<HashMap<Option<IpAddr>, Lately>>,
}

#[derive(Clone, Copy)]
struct Lately {
    since: Instant,
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Another,
    TooMany { first: bool, retry_after: Duration },
}

impl Failures {
    fn note(&self, peer: Option<IpAddr>, now: Instant) -> Failure {
        // No code panics while it holds the lock.
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peer = peer.map(network);
        if !peers.contains_key(&peer) && peers.len() >= MAX_PEERS {
            peers.retain(|_, lately| now.duration_since(lately.since) < WINDOW);
            if peers.len() >= MAX_PEERS {
                peer = None;
            }
        }
        let lately = peers.entry(peer).or_insert(Lately { since: now, failures: 0 });
        if now.duration_since(lately.since) >= WINDOW {
            *lately = Lately { since: now, failures: 0 };
        }
        lately.failures = lately.failures.saturating_add(1);
        if lately.failures <= MAX_FAILURES {
            return Failure::Another;
        }
        let retry_after = WINDOW.saturating_sub(now.duration_since(lately.since));
        Failure::TooMany { first: lately.failures == MAX_FAILURES + 1, retry_after }
    }
}

/// An IPv6 customer has 2^64 addresses.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_is_slowed_down_and_no_other() {
        let (failures, start) = (Failures::default(), Instant::now());
        let guesser: Option<IpAddr> = Some("2001:db8::1".parse().unwrap());
        for _ in 0..MAX_FAILURES {
            assert_eq!(failures.note(guesser, start), Failure::Another);
        }
        // The same network, another address of it.
        let neighbour = Some("2001:db8::ffff:2".parse().unwrap());
        let too_many = |first| Failure::TooMany { first, retry_after: WINDOW };
        assert_eq!(failures.note(neighbour, start), too_many(true));
        assert_eq!(failures.note(guesser, start), too_many(false));
        assert_eq!(failures.note(Some("192.0.2.1".parse().unwrap()), start), Failure::Another);
        assert_eq!(failures.note(guesser, start + WINDOW), Failure::Another);
    }

    #[test]
    fn more_addresses_than_are_remembered_count_as_one() {
        let (failures, start) = (Failures::default(), Instant::now());
        for n in 0..MAX_PEERS {
            let ip = IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
            assert_eq!(failures.note(Some(ip), start), Failure::Another);
        }
        let mut strangers = (0..20u8).map(|n| failures.note(Some(IpAddr::from([203, 0, 113, n])), start));
        assert!(strangers.any(|failure| failure != Failure::Another));
    }
}
