//! `en/emergency.toml`: which number is dialled in an emergency.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Numbers in words, for the voice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyNumbers {
    /// Where it is not known where the caller is.
    unknown: String,
    /// In most countries, and in every mobile network (3GPP TS 22.101).
    usual: String,
    /// By country code (ITU-T E.164), where it is another one.
    numbers: BTreeMap<String, String>,
}

impl EmergencyNumbers {
    /// The number to dial where numbers have this country code.
    pub fn in_country(&self, country_code: Option<u16>) -> &str {
        let Some(code) = country_code else { return &self.unknown };
        self.numbers.get(&code.to_string()).unwrap_or(&self.usual)
    }
}
