//! The forms that webhooks bring: parsed as pairs, typed where they are used.

use redial_call::CallId;
use redial_identity::Attestation;

use super::sid;

/// More fields than any carrier sends.
const MAX_PAIRS: usize = 200;

/// A form that cannot be a carrier's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Too many fields.
    #[error("the form has more than {MAX_PAIRS} fields")]
    TooManyFields,
    /// A field that every request has is not there.
    #[error("{0}: missing")]
    Missing(&'static str),
    /// A field that decides who is calling is there twice.
    #[error("{0}: there twice")]
    Twice(&'static str),
    /// A field is not what it should be.
    #[error("{name}: {reason}")]
    Malformed {
        /// Which field.
        name: &'static str,
        /// What is wrong; never the value of a personal field.
        reason: String,
    },
}

/// The decoded fields of a form body, in the order in which they came.
///
/// # Errors
/// When there are too many.
pub fn form_pairs(body: &[u8]) -> Result<Vec<(String, String)>, WebhookError> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().take(MAX_PAIRS + 1).collect();
    if pairs.len() > MAX_PAIRS { Err(WebhookError::TooManyFields) } else { Ok(pairs) }
}

/// A call comes in. Only the signed body counts; nothing is read from the query.
pub struct VoiceRequest {
    /// The call.
    pub call_sid: CallId,
    /// `AC…`.
    pub account_sid: String,
    from: String,
    stir_verstat: Option<String>,
    is_answered: bool,
}

impl VoiceRequest {
    /// Reads the fields of a voice webhook.
    ///
    /// # Errors
    /// Names the field that is missing or wrong.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: call_sid(pairs)?,
            account_sid: once(pairs, "AccountSid")?.unwrap_or_default().to_owned(),
            from: once(pairs, "From")?.unwrap_or_default().to_owned(),
            stir_verstat: once(pairs, "StirVerstat")?.map(ToOwned::to_owned),
            is_answered: once(pairs, "CallStatus")? == Some("in-progress"),
        })
    }

    /// What the carrier says about the caller: a number, an address, or words for "withheld". Empty when there is none.
    pub fn caller_number(&self) -> &str {
        &self.from
    }

    /// The caller is on the line already, so that this is about a call that goes on, or was answered by somebody else.
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// How far the originating carrier vouches for the number: complete values only, as a prefix proves nothing.
    pub fn attestation(&self) -> Attestation {
        match self.stir_verstat.as_deref() {
            None | Some("" | "No-TN-Validation") => Attestation::Absent,
            Some("TN-Validation-Passed-A") => Attestation::Full,
            Some(value) if value.starts_with("TN-Validation-Failed") => Attestation::Failed,
            Some(_) => Attestation::Partial,
        }
    }
}

/// A call's state has changed.
#[derive(Debug)]
pub struct StatusCallback {
    /// The call.
    pub call_sid: CallId,
    status: String,
}

impl StatusCallback {
    /// Reads the fields of a status callback.
    ///
    /// # Errors
    /// Names the field that is missing or wrong.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, WebhookError> {
        let status = once(pairs, "CallStatus")?.ok_or(WebhookError::Missing("CallStatus"))?.to_owned();
        Ok(Self { call_sid: call_sid(pairs)?, status })
    }

    /// The call is over, whatever comes late.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "busy" | "failed" | "no-answer" | "canceled")
    }
}

fn call_sid(pairs: &[(String, String)]) -> Result<CallId, WebhookError> {
    let text = once(pairs, "CallSid")?.ok_or(WebhookError::Missing("CallSid"))?;
    sid::call(text).map_err(|error| WebhookError::Malformed { name: "CallSid", reason: error.to_string() })
}

/// A field that must not be there twice: the reader of the first and of the last would see different callers.
fn once<'a>(pairs: &'a [(String, String)], name: &'static str) -> Result<Option<&'a str>, WebhookError> {
    let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() { Err(WebhookError::Twice(name)) } else { Ok(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "AccountSid=AC0a1b2c3d4e5f60718293a4b5c6d7e8f9&ApiVersion=2010-04-01&\
                        CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f&CallStatus=ringing&Direction=inbound&\
                        From=%2B14155550123&To=%2B18005550199";

    fn parsed(body: &str) -> Result<VoiceRequest, WebhookError> {
        VoiceRequest::parse(&form_pairs(body.as_bytes())?)
    }

    fn fault(body: &str) -> String {
        parsed(body).err().expect("a fault").to_string()
    }

    #[test]
    fn a_voice_webhook_is_read() {
        let request = parsed(BODY).unwrap();
        assert_eq!(request.call_sid.as_str(), "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f");
        assert_eq!(request.caller_number(), "+14155550123");
        assert_eq!(request.attestation(), Attestation::Absent);
    }

    #[test]
    fn a_call_that_rings_is_told_from_one_that_was_answered() {
        assert!(!parsed(BODY).unwrap().is_answered());
        assert!(parsed(&BODY.replace("ringing", "in-progress")).unwrap().is_answered());
        assert!(!parsed("CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f").unwrap().is_answered());
        assert_eq!(fault(&format!("{BODY}&CallStatus=in-progress")), "CallStatus: there twice");
    }

    #[test]
    fn a_form_without_from_has_no_caller() {
        let request = parsed("CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f").unwrap();
        assert_eq!(request.caller_number(), "");
    }

    #[test]
    fn only_a_complete_word_vouches_for_a_number() {
        for (word, attestation) in [
            ("TN-Validation-Passed-A", Attestation::Full),
            ("TN-Validation-Passed-A-Diverted", Attestation::Partial),
            ("TN-Validation-Passed-B", Attestation::Partial),
            ("TN-Validation-Failed", Attestation::Failed),
            ("TN-Validation-Failed-C", Attestation::Failed),
            ("No-TN-Validation", Attestation::Absent),
        ] {
            assert_eq!(parsed(&format!("{BODY}&StirVerstat={word}")).unwrap().attestation(), attestation, "{word}");
        }
    }

    #[test]
    fn bad_forms_are_refused_by_field() {
        assert_eq!(fault("From=%2B14155550123"), "CallSid: missing");
        assert!(fault("CallSid=CA12").starts_with("CallSid: not a CallSid"));
        assert_eq!(fault(&format!("{BODY}&From=%2B14155550199")), "From: there twice");
        assert_eq!(fault(&format!("{BODY}&CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f")), "CallSid: there twice");
        assert_eq!(fault(&"a=b&".repeat(10_000)), "the form has more than 200 fields");
    }

    #[test]
    fn terminal_states_are_told_from_passing_ones() {
        for (status, terminal) in [
            ("completed", true),
            ("no-answer", true),
            ("canceled", true),
            ("busy", true),
            ("failed", true),
            ("ringing", false),
            ("in-progress", false),
            ("initiated", false),
            ("something-new", false),
        ] {
            let body = format!("CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f&CallStatus={status}");
            let callback = StatusCallback::parse(&form_pairs(body.as_bytes()).unwrap()).unwrap();
            assert_eq!(callback.is_terminal(), terminal, "{status}");
        }
    }
}
