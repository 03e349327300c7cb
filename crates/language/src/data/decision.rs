//! `en/decision.toml`: yes, no, and what makes neither of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;

/// What an answer is judged by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionWords {
    /// Said beside an answer, and changes nothing.
    pub fillers: Phrases,
    /// Alone, they say that one listens and not that one agrees.
    pub weak: Phrases,
    /// Agrees, to whatever was asked.
    pub yes: Phrases,
    /// Agrees as the whole of a sentence: "it is", and not "it is Jenny".
    pub whole_yes: Phrases,
    /// Refuses.
    pub no: Phrases,
    /// Takes the clearness out of either.
    pub hedges: Phrases,
    /// Whoever asks back has not answered.
    pub asks: Phrases,
    /// What turns a sentence round.
    pub negations: Phrases,
    /// What answers one question and no other, by the question's name.
    pub questions: BTreeMap<String, Own>,
}

/// Answers of one question's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Own {
    /// Agrees.
    pub yes: Phrases,
    /// Refuses.
    pub no: Phrases,
    /// Words of the question, which may come back in the answer.
    pub echo: Phrases,
}
