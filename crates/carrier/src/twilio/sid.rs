//! Twilio's identifiers: two letters that say what of, and 32 hex digits.

use redial_call::{CallId, StreamId};

/// Text that is none of Twilio's identifiers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: two letters and 32 hex digits are expected, as in {example}")]
pub struct SidError {
    kind: &'static str,
    example: &'static str,
}

/// A call's, `CA…`.
///
/// # Errors
/// When it is not of that form.
pub fn call(text: &str) -> Result<CallId, SidError> {
    let error = SidError { kind: "CallSid", example: "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f" };
    if has_form(text, "CA") { text.parse().map_err(|_| error) } else { Err(error) }
}

/// A media stream's, `MZ…`. Not the call's.
///
/// # Errors
/// When it is not of that form.
pub fn stream(text: &str) -> Result<StreamId, SidError> {
    let error = SidError { kind: "StreamSid", example: "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f" };
    if has_form(text, "MZ") { text.parse().map_err(|_| error) } else { Err(error) }
}

fn has_form(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_or_length_is_none() {
        assert_eq!(call("CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f").unwrap().as_str(), "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f");
        for text in ["", "CA", "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f", "CA5f2b", "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1g"] {
            assert!(call(text).unwrap_err().to_string().starts_with("not a CallSid"), "{text}");
        }
        assert!(stream("CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f").is_err());
    }
}
