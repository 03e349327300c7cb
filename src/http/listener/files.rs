//! The system's limit of open files, which connections are among.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::places::OPERATORS;

/// Connections at once beside the calls': webhooks, probes, and strangers.
const PLACES: usize = 1024;
/// As few make sense.
const MIN_PLACES: usize = 32;
/// A call has its socket, and its log where `CALL_LOG` is set.
const FILES_PER_CALL: usize = 2;
/// The databases, connections to Redis and to other people's servers, and what is on its way out.
const OTHER_FILES: usize = 64 + OPERATORS;

/// Raises the limit to what `calls` calls and a crowd of strangers need, and answers how many places there are for others
/// than calls: fewer where the system does not allow so many files.
pub(crate) fn places_beside(calls: usize) -> usize {
    let needed = calls * FILES_PER_CALL + OTHER_FILES + PLACES;
    let allowed = raise_to(needed as u64);
    let places = places_within(allowed, calls);
    if places < PLACES {
        tracing::warn!(
            allowed,
            needed,
            places,
            calls,
            "the limit of open files leaves fewer places for connections; raise it (ulimit -n, LimitNOFILE=), or lower MAX_CALLS"
        );
    }
    places
}

fn places_within(allowed: u64, calls: usize) -> usize {
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    // Calls come in through these: without them there are none, however many there may be.
    let least = (allowed / 4).clamp(MIN_PLACES, PLACES);
    allowed.saturating_sub(calls * FILES_PER_CALL + OTHER_FILES).clamp(least, PLACES)
}

/// The limit after it was raised as far as it can be, `needed` at most; never lowered.
fn raise_to(needed: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    // The maximum above it is a decision of whoever runs the machine.
    let allowed = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { allowed } else { current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_leaves_fewer_places_and_never_none() {
        assert_eq!(places_within(u64::MAX, 500), PLACES);
        assert_eq!(places_within(2152, 500), PLACES);
        assert_eq!(places_within(1400, 500), 350);
        assert_eq!(places_within(256, 20), 88);
        assert_eq!(places_within(20_000, 20_000), PLACES);
        assert_eq!(places_within(64, 500), MIN_PLACES);
    }
}
