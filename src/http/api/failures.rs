//! Who has sent wrong tokens lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::listener::network;

/// Wrong tokens that an address may send within [`WINDOW`].
const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once; beyond that all count as one.
const MAX_PEERS: usize = 10_000;

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

/// How a wrong token counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Within what is allowed.
    Another,
    /// Beyond it: the first time or not, and when the count begins anew.
    TooMany { first: bool, retry_after: Duration },
}

impl Failures {
    /// Counts one, of this address.
    pub(super) fn note(&self, peer: Option<IpAddr>, now: Instant) -> Failure {
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
