//! `en/question.toml`: how questions are recognised, and how the built-in agent asks them.

use serde::Deserialize;

use super::phrases::Phrases;
use super::template::Template;

/// How each [`Question`](crate::question::Question) is recognised, asked, and asked in other words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestionWords {
    /// How a question begins when it was cut off before its question mark.
    pub(crate) asking: Phrases,
    /// How a request begins that asks without a question mark.
    pub(crate) requests: Phrases,
    /// Whether to end with what there is.
    pub(crate) leave_it: Phrases,
    /// Whether calls may be remembered.
    pub(crate) consent: Phrases,
    /// Whether all is to be deleted.
    pub(crate) erase: Phrases,
    /// What else there is to say.
    pub(crate) more: Phrases,
    /// Whether there is anything else.
    pub(crate) anything_else: Phrases,
    /// Whether it is about what the greeting guessed.
    pub(crate) topic: Phrases,
    /// Whether something was understood; a number or a name, as `number_word` and `name_checks` have it.
    pub(crate) right: Phrases,
    /// Whether a number was understood.
    pub(crate) number_right: Phrases,
    /// What makes a number of what was to be right.
    pub(crate) number_word: Phrases,
    /// What an asked name comes behind, as it is written, in lower case.
    pub(crate) name_checks: Phrases,
    /// Which number to call back.
    pub(crate) number: Phrases,
    /// The caller's name.
    pub(crate) name: Phrases,
    /// What the call is about.
    pub(crate) reason: Phrases,
    /// For the voice.
    pub(crate) ask: Asked,
    /// In other words, for somebody who did not understand the first.
    pub(crate) ask_again: Asked,
}

/// The questions in words for the voice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// What the call is about.
    pub(crate) reason: String,
    /// What else there is to say.
    pub(crate) more: String,
    /// The caller's name.
    pub(crate) name: String,
    /// Whether `{name}` was understood.
    pub(crate) name_check: Template,
    /// Which number to call back.
    pub(crate) number: String,
    /// Whether the number was understood.
    pub(crate) number_check: String,
    /// Whether there is anything else.
    pub(crate) anything_else: String,
    /// Whether calls may be remembered.
    pub(crate) consent: String,
    /// Whether all is to be deleted.
    pub(crate) erase: String,
    /// Whether this number is to be kept apart from whoever is remembered under it.
    pub(crate) part: String,
    /// Whether a call that is not to be remembered may be remembered after all.
    pub(crate) keep_call: String,
    /// Whether to hang up.
    pub(crate) end: String,
    /// Whether to end with what there is.
    pub(crate) leave_it: String,
}
