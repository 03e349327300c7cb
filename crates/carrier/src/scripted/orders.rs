//! An API that takes orders in JSON: `POST BASE/calls/CALL` with `{"do":"end"}`, whose HMAC-SHA256 stands in `Authorization`.

use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::hooks::sign;
use crate::control::{ApiRequest, Control, NotDone, Order};

/// The API of one carrier.
pub struct Orders {
    base: String,
    key: Vec<u8>,
}

impl Orders {
    /// At `base`, believed by the `key` that both sides share.
    pub fn new(base: &str, key: &[u8]) -> Self {
        Self { base: base.to_owned(), key: key.to_owned() }
    }
}

impl Control for Orders {
    fn base(&self) -> &str {
        &self.base
    }

    fn request(&self, order: Order<'_>) -> ApiRequest {
        let Order::HangUp(call) = order;
        let body = json!({ "do": "end" }).to_string();
        let signed = HeaderValue::try_from(format!("HMAC {}", sign(&self.key, body.as_bytes())));
        let mut authorization = signed.expect("hex is a header's value");
        authorization.set_sensitive(true);
        let path = vec!["calls".to_owned(), call.to_string()];
        ApiRequest { path, authorization, content_type: "application/json", body }
    }

    fn read(&self, status: StatusCode, _: &[u8]) -> Result<(), NotDone> {
        NotDone::of_status(status)
    }
}
