//! `en/days.toml`: days of the week and months.

use serde::Deserialize;

use super::phrases::Phrases;

/// Their names, as they are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayNames {
    /// Monday to Sunday.
    pub(crate) weekdays: Phrases,
    /// January to December.
    pub(crate) months: Phrases,
}
