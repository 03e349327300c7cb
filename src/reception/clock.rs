//! The time as tokens and look-ups take it.

use redial_store::clock;

/// For tokens, which live for a minute: a clock that is set meanwhile neither ends nor lengthens that.
pub(super) fn unix_seconds() -> u64 {
    clock::steady_ms() / 1000
}
