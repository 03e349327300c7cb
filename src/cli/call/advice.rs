//! Why a call could not be placed, and what to do about it.

use crate::simulate::SimulateError;

/// How the carrier signs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signing<'a> {
    /// It has a token to sign with.
    pub(super) has_token: bool,
    /// For which origin.
    pub(super) origin: &'a str,
}

/// What to do; `None` where the error says all that is known.
pub(super) fn advice(error: &SimulateError, signing: Signing<'_>) -> Option<String> {
    let Signing { has_token, origin } = signing;
    match error {
        SimulateError::Request { .. } if error.is_refused_connection() => {
            Some("nothing listens there: start `redial serve`, or name the gateway's address with --url".to_owned())
        }
        SimulateError::Status { status: 403, text, .. } if text.starts_with("AccountSid") => {
            Some("set TWILIO_ACCOUNT_SID to the gateway's, or unset it there".to_owned())
        }
        SimulateError::Status { status: 401 | 403, .. } if !has_token => Some(
            "the gateway checks signatures: give its TWILIO_AUTH_TOKEN in the environment, in .env or by --token"
                .to_owned(),
        ),
        SimulateError::Status { status: 401 | 403, .. } => Some(format!(
            "the gateway has another TWILIO_AUTH_TOKEN, or is known by another PUBLIC_URL than {origin}, for which this was \
             signed: give its token (--token) and its origin (--sign-for)"
        )),
        SimulateError::Status { status: 404 | 405, .. } | SimulateError::Twiml { .. } => {
            Some("is this the origin of a gateway? --url is what stands before /voice".to_owned())
        }
        SimulateError::Status { status: 503, .. } => {
            Some("it is stopping, or takes no calls just now: ring again, or ring another instance".to_owned())
        }
        SimulateError::BaseUrl { .. } => Some("an origin is expected, such as http://127.0.0.1:8080".to_owned()),
        SimulateError::Request { .. } | SimulateError::Status { .. } | SimulateError::Client(_) => None,
    }
}
