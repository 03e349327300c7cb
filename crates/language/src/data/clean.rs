//! `en/clean.toml`: what must not be stored, said aloud or obeyed.

use serde::Deserialize;

use super::phrases::Phrases;

/// Words that keep a sentence from being stored, said or prompted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CleanWords {
    /// Words about health, money, family, address, religion and the law.
    pub(crate) sensitive: Phrases,
    /// The same, in several words.
    pub(crate) sensitive_phrases: Phrases,
    /// Words and phrases that introduce something secret. A sentence with one of them is dropped whole: where the secret
    /// itself begins and ends cannot be told reliably in a transcript.
    pub(crate) secret: Phrases,
    /// Phrases of somebody who talks to the machine's rules and not to the business. A tripwire, not the defence.
    pub(crate) instruction: Phrases,
    /// How the `@` of a mail address is said.
    pub(crate) mail_at: Phrases,
    /// How its points are said.
    pub(crate) mail_dot: Phrases,
}
