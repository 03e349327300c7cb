//! `en/greeting.toml`: the first sentence of a call.

use serde::Deserialize;

use super::template::Template;

/// What the caller hears first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreetingPhrases {
    /// To somebody of whom nothing may be said.
    pub stranger: String,
    /// Behind it, where calls are remembered unless the caller objects.
    pub announces: String,
    /// To somebody who has called before.
    pub welcome: String,
    /// The same, by `{name}`.
    pub welcome_name: Template,
    /// Behind it, what the last call was about, as a `{topic}` ("your order").
    pub topic: Template,
    /// Behind it, without one.
    pub help: String,
}
