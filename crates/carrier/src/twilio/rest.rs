//! Twilio's REST API, as far as calls in progress are concerned.
//!
//! Source: Twilio's documentation, "Call resource", "Update a Call resource"; "Requests to Twilio", basic authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::control::{ApiRequest, Control, NotDone, Order};

/// Twilio's code for "call is not in progress".
const NOT_IN_PROGRESS: u64 = 21220;

/// The account's API.
pub struct Rest {
    base: String,
    account_sid: String,
    authorization: HeaderValue,
}

impl Rest {
    /// `base`: `https://api.twilio.com`, or a region's. Believed by its account's SID and token.
    pub fn new(base: &str, account_sid: &str, auth_token: &str) -> Self {
        let credentials = STANDARD.encode(format!("{account_sid}:{auth_token}"));
        let value = HeaderValue::try_from(format!("Basic {credentials}"));
        let mut authorization = value.expect("base64 is a header's value");
        authorization.set_sensitive(true);
        Self { base: base.to_owned(), account_sid: account_sid.to_owned(), authorization }
    }
}

/// Without the token.
impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rest({})", self.base)
    }
}

impl Control for Rest {
    fn base(&self) -> &str {
        &self.base
    }

    fn request(&self, order: Order<'_>) -> ApiRequest {
        let Order::HangUp(call) = order;
        let path = ["2010-04-01", "Accounts", &self.account_sid, "Calls", &format!("{call}.json")].map(str::to_owned);
        ApiRequest {
            path: path.into(),
            authorization: self.authorization.clone(),
            content_type: "application/x-www-form-urlencoded",
            body: "Status=completed".to_owned(),
        }
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<(), NotDone> {
        let fault: Value = serde_json::from_slice(body).unwrap_or_default();
        if status == StatusCode::BAD_REQUEST && fault.get("code").and_then(Value::as_u64) == Some(NOT_IN_PROGRESS) {
            return Err(NotDone::Gone);
        }
        NotDone::of_status(status)
    }
}
