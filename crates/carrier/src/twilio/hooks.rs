//! Twilio's webhooks behind the seam of all carriers.

use http::{HeaderMap, header};
use redial_call::CallId;

use super::codec::MediaStreams;
use super::form::{self, StatusCallback, VoiceRequest, WebhookError};
use super::rest::Rest;
use super::signature::{SignatureError, SignatureHeaders, Verifier};
use super::twiml;
use crate::carrier::Carrier;
use crate::control::Control;
use crate::line::Codec;
use crate::webhook::{Answer, Document, IncomingCall, Refused, Request, Webhook};

/// The header that carries a signature.
const SIGNATURE: &str = "x-twilio-signature";

/// Twilio, and whoever speaks its dialect.
#[derive(Debug)]
pub struct Twilio {
    /// `None`: signatures are not checked.
    verifier: Option<Verifier>,
    /// Calls of other accounts are refused.
    account_sid: Option<String>,
    rest: Option<Rest>,
}

impl Twilio {
    /// Believes what is signed with one of `auth_tokens`; without any, everything. With an `account_sid`, takes that account's
    /// calls only.
    pub fn new(auth_tokens: Vec<String>, account_sid: Option<String>) -> Self {
        let verifier = (!auth_tokens.is_empty()).then(|| Verifier::new(auth_tokens));
        Self { verifier, account_sid, rest: None }
    }

    /// The same, told of calls by this API as well.
    #[must_use]
    pub fn with_rest(self, rest: Rest) -> Self {
        Self { rest: Some(rest), ..self }
    }

    /// The fields of a webhook, once its signature is right.
    fn signed_form(&self, request: Request<'_>) -> Result<Vec<(String, String)>, Refused> {
        if !is_form(request.headers) {
            return Err(Refused::WrongType("Content-Type: not application/x-www-form-urlencoded"));
        }
        let pairs = form::form_pairs(request.body)?;
        if let Some(verifier) = &self.verifier {
            verifier.verify_form(request.url, &pairs, signature_headers(request.headers))?;
        }
        Ok(pairs)
    }
}

impl Carrier for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn webhook(&self) -> &dyn Webhook {
        self
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(MediaStreams::default())
    }

    fn control(&self) -> Option<&dyn Control> {
        self.rest.as_ref().map(|rest| rest as &dyn Control)
    }
}

impl Webhook for Twilio {
    fn is_signed(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(SIGNATURE)
    }

    fn look_at(&self, headers: &HeaderMap) -> Result<(), Refused> {
        match &self.verifier {
            Some(verifier) => Ok(verifier.look_at(signature_headers(headers))?),
            None => Ok(()),
        }
    }

    fn verify_stream(&self, url: &str, query: &str, headers: &HeaderMap) -> Result<(), Refused> {
        match &self.verifier {
            Some(verifier) => Ok(verifier.verify_websocket(url, query, signature_headers(headers))?),
            None => Ok(()),
        }
    }

    fn call(&self, request: Request<'_>) -> Result<IncomingCall, Refused> {
        let request = VoiceRequest::parse(&self.signed_form(request)?)?;
        if self.account_sid.as_ref().is_some_and(|ours| *ours != request.account_sid) {
            return Err(Refused::OtherAccount("AccountSid: not the configured account"));
        }
        Ok(IncomingCall {
            attestation: request.attestation(),
            is_answered: request.is_answered(),
            from: request.caller_number().to_owned(),
            call: request.call_sid,
        })
    }

    fn status(&self, request: Request<'_>) -> Result<Option<CallId>, Refused> {
        let status = StatusCallback::parse(&self.signed_form(request)?)?;
        Ok(status.is_terminal().then_some(status.call_sid))
    }

    fn answer(&self, answer: Answer<'_>) -> Result<Document, Box<dyn std::error::Error + Send + Sync>> {
        let body = match answer {
            Answer::Connect { stream_url, parameters, resume_url } => {
                twiml::connect_stream(stream_url, parameters, resume_url)?
            }
            Answer::Busy => twiml::reject_busy(),
            Answer::Say(text) => twiml::say_and_hang_up(text),
            Answer::HangUp => twiml::hang_up(),
        };
        Ok(Document { content_type: "text/xml; charset=utf-8", body })
    }
}

impl From<SignatureError> for Refused {
    fn from(error: SignatureError) -> Self {
        Self::Stranger(format!("X-Twilio-Signature: {error}"))
    }
}

impl From<WebhookError> for Refused {
    fn from(error: WebhookError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Whether a body is said to be a form. The type's name has no case, and may have parameters behind it (RFC 9110, 8.3.1).
fn is_form(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = named.split_once(';').map_or(named, |(kind, _)| kind);
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn signature_headers(headers: &HeaderMap) -> SignatureHeaders<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    SignatureHeaders { signature: text(SIGNATURE), settings: text("x-twilio-webhooks-signature-settings") }
}
