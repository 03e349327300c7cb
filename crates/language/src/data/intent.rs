//! `en/intent.toml`: what callers say with small words alone.

use serde::Deserialize;

use super::phrases::Phrases;

/// What can be told without examples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentWords {
    /// Words that bring nothing to pass on.
    pub small: Phrases,
    /// What ears write for noise; alone, it says nothing.
    pub noise: Phrases,
    /// Thanks.
    pub thanks: Phrases,
    /// What a greeting, or "are you there?", is made of.
    pub hello: Phrases,
    /// At least one of them is in it.
    pub greets: Phrases,
    /// They close a call.
    pub closings: Phrases,
    /// They say that one listens.
    pub acknowledges: Phrases,
    /// They close it beside one of those, and not alone.
    pub beside_closings: Phrases,
    /// Numbers of emergency services, as they are keyed.
    pub emergency_numbers: Phrases,
    /// A name follows that is not the caller's.
    pub not_called: Phrases,
    /// The beginning of a clause by which this call is not to be remembered.
    pub forget: Phrases,
    /// What may stand before it.
    pub polite: Phrases,
}
