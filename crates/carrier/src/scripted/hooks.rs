//! Webhooks in JSON, signed with a key that the carrier and the gateway share.
//!
//! A request's header has the HMAC-SHA256 of its body in hex; a stream's upgrade has none, so that its URL is signed. A carrier that
//! can choose should sign URL, time and body: a signature of the body alone is as good for another path, and for ever.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, header};
use redial_call::CallId;
use redial_identity::Attestation;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::members::MAX_PARAMETER_BYTES;
use crate::webhook::{Answer, Document, IncomingCall, Refused, Request, Webhook};

/// Hex digits of a signature.
const SIGNATURE_DIGITS: usize = 64;

/// The webhooks of one carrier.
pub struct SignedJson {
    /// The header that carries a signature.
    header: HeaderName,
    key: Vec<u8>,
    /// What flows over a stream, as the answer that asks for one says.
    content_type: &'static str,
    /// Names that a stream's start has for itself, so that no parameter may have them.
    reserved: &'static [&'static str],
}

/// An answer that the carrier would not take.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum AnswerError {
    #[error("parameter {0:?}: the stream's start has this name for itself")]
    Reserved(String),
    #[error("the parameters have {0} bytes, more than {MAX_PARAMETER_BYTES}")]
    TooLong(usize),
}

/// What is said about a call. Whose call it is, decides the signature: a member that is there twice is refused.
#[derive(Deserialize)]
struct WireCall {
    call: String,
    status: Status,
    #[serde(default)]
    from: String,
    #[serde(default)]
    attestation: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ringing,
    Answered,
    Completed,
    #[serde(other)]
    Other,
}

impl SignedJson {
    /// Believes who signs with `key`, in this header.
    pub fn new(header: HeaderName, key: &[u8], content_type: &'static str, reserved: &'static [&'static str]) -> Self {
        Self { header, key: key.to_owned(), content_type, reserved }
    }

    /// The digest that the headers have, if it is one.
    fn presented(&self, headers: &HeaderMap) -> Result<[u8; SIGNATURE_DIGITS / 2], Refused> {
        let fault = |what: &str| Refused::Stranger(format!("{}: {what}", self.header));
        let text = headers.get(&self.header).ok_or_else(|| fault("missing"))?;
        let mut digest = [0; SIGNATURE_DIGITS / 2];
        hex::decode_to_slice(text, &mut digest).map_err(|_| fault("malformed"))?;
        Ok(digest)
    }

    /// Whether `headers` have the signature of `signed`.
    fn verify(&self, headers: &HeaderMap, signed: &[u8]) -> Result<(), Refused> {
        let presented = self.presented(headers)?;
        // In constant time.
        let verified = mac(&self.key, signed).verify_slice(&presented);
        verified.map_err(|_| Refused::Stranger(format!("{}: does not match; is the key the carrier's?", self.header)))
    }

    fn read(&self, request: Request<'_>) -> Result<(CallId, WireCall), Refused> {
        let kind = request.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"application/json")) {
            return Err(Refused::WrongType("Content-Type: not application/json"));
        }
        self.verify(request.headers, request.body)?;
        let wire: WireCall = serde_json::from_slice(request.body)
            .map_err(|error| Refused::Malformed(format!("not a webhook of this carrier, column {}", error.column())))?;
        let call = wire.call.parse().map_err(|error| Refused::Malformed(format!("call: {error}")))?;
        Ok((call, wire))
    }
}

impl Webhook for SignedJson {
    fn is_signed(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header)
    }

    fn look_at(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.presented(headers).map(|_| ())
    }

    fn verify_stream(&self, url: &str, query: &str, headers: &HeaderMap) -> Result<(), Refused> {
        if !query.is_empty() {
            return Err(Refused::Stranger("the stream's URL has a query, which is not signed".to_owned()));
        }
        self.verify(headers, url.as_bytes())
    }

    fn call(&self, request: Request<'_>) -> Result<IncomingCall, Refused> {
        let (call, wire) = self.read(request)?;
        let attestation = match wire.attestation.as_str() {
            "A" => Attestation::Full,
            "B" | "C" => Attestation::Partial,
            "failed" => Attestation::Failed,
            _ => Attestation::Absent,
        };
        Ok(IncomingCall { call, from: wire.from, attestation, is_answered: wire.status == Status::Answered })
    }

    fn status(&self, request: Request<'_>) -> Result<Option<CallId>, Refused> {
        let (call, wire) = self.read(request)?;
        Ok((wire.status == Status::Completed).then_some(call))
    }

    fn answer(&self, answer: Answer<'_>) -> Result<Document, Box<dyn std::error::Error + Send + Sync>> {
        let body = match answer {
            Answer::Connect { stream_url, parameters, resume_url } => {
                if let Some((name, _)) = parameters.iter().find(|(name, _)| self.reserved.contains(name)) {
                    return Err(AnswerError::Reserved((*name).to_owned()).into());
                }
                let bytes: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
                if bytes > MAX_PARAMETER_BYTES {
                    return Err(AnswerError::TooLong(bytes).into());
                }
                let headers: Map<String, Value> =
                    parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                json!({
                    "action": "connect", "url": stream_url, "content-type": self.content_type, "headers": headers,
                    "then": resume_url,
                })
            }
            Answer::Busy => json!({ "action": "reject", "reason": "busy" }),
            Answer::Say(text) => json!({ "action": "say", "text": text }),
            Answer::HangUp => json!({ "action": "hang_up" }),
        };
        Ok(Document { content_type: "application/json", body: body.to_string() })
    }
}

/// Signs a body, or a stream's URL, as the carrier does; for tests.
pub fn sign(key: &[u8], signed: &[u8]) -> String {
    hex::encode(mac(key, signed).finalize().into_bytes())
}

fn mac(key: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks() -> SignedJson {
        SignedJson::new(HeaderName::from_static("x-signature"), b"key", "words", &["call"])
    }

    #[test]
    fn the_signature_is_the_published_one() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(b"Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_parameter_with_a_name_of_the_carriers_own_is_not_sent() {
        let answer = |name| {
            hooks().answer(Answer::Connect { stream_url: "wss://x/s", parameters: &[(name, "v")], resume_url: "y" })
        };
        assert!(answer("token").is_ok());
        assert_eq!(
            answer("call").unwrap_err().to_string(),
            "parameter \"call\": the stream's start has this name for itself"
        );
    }

    #[test]
    fn a_query_of_a_stream_is_not_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-signature", sign(b"key", b"wss://x/s").parse().unwrap());
        assert_eq!(hooks().verify_stream("wss://x/s", "", &headers), Ok(()));
        assert!(matches!(hooks().verify_stream("wss://x/s", "a=b", &headers), Err(Refused::Stranger(_))));
    }
}
