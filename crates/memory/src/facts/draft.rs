//! A fact that something proposes: rules or a model.

use redial_call::TurnId;

use crate::model::Confidence;

/// The key under which a caller's language is asked for; the profile's `lang` follows it.
pub(crate) const LANGUAGE_KEY: &str = "lang";

/// A fact that something proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The key, see [`Fact::k`](crate::model::Fact::k).
    pub k: String,
    /// The text, see [`Fact::t`](crate::model::Fact::t).
    pub t: String,
    /// The turn of the caller that says so.
    pub turn: TurnId,
    /// How sure the proposer is.
    pub conf: Confidence,
    /// The turn says that this holds no longer.
    pub closes: bool,
}
