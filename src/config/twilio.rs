//! The first carrier: who is believed, and where its API is.

use redial_outgoing::{Endpoint, Networks};
use secrecy::SecretString;

use super::reader::Reader;

/// The carrier's credentials.
#[derive(Debug)]
pub struct TwilioConfig {
    /// `TWILIO_ACCOUNT_SID`: when set, calls of other accounts are refused.
    pub account_sid: Option<String>,
    /// `TWILIO_AUTH_TOKEN`, and `TWILIO_AUTH_TOKEN_OLD` during a rotation. Empty: nothing is checked.
    pub auth_tokens: Vec<SecretString>,
}

/// Twilio's REST API.
#[derive(Debug)]
pub struct TwilioRest {
    /// Where it is.
    pub url: String,
    /// Whose calls.
    pub account_sid: String,
    /// What proves that.
    pub auth_token: SecretString,
}

pub(super) fn read(reader: &mut Reader<'_>) -> TwilioConfig {
    let account_sid = reader.text("TWILIO_ACCOUNT_SID");
    if let Some(sid) = &account_sid {
        let hex =
            sid.strip_prefix("AC").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if !hex {
            reader.fault("TWILIO_ACCOUNT_SID", "is not AC and 32 hex digits".to_owned());
        }
    }
    let auth_tokens: Vec<SecretString> =
        ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_OLD"].into_iter().filter_map(|name| reader.secret(name)).collect();
    TwilioConfig { account_sid, auth_tokens }
}

/// `TWILIO_API_URL`: calls that we end are ended there as well.
pub(super) fn rest(reader: &mut Reader<'_>, twilio: &TwilioConfig, networks: Networks) -> Option<TwilioRest> {
    let url = reader.text("TWILIO_API_URL")?;
    let (Some(account_sid), Some(auth_token)) = (twilio.account_sid.clone(), twilio.auth_tokens.first().cloned())
    else {
        reader.fault("TWILIO_API_URL", "needs TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN beside it".to_owned());
        return None;
    };
    if let Err(error) = Endpoint::parse(&url, networks) {
        reader.fault("TWILIO_API_URL", error.to_string());
    }
    Some(TwilioRest { url, account_sid, auth_token })
}
