//! `en/languages.toml`: the languages that callers ask for.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Names of languages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LanguageTags {
    /// English name in lower case, and BCP 47 tag.
    pub(crate) tags: BTreeMap<String, String>,
}
