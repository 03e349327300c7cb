//! The identifiers of a call, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest identifier of a carrier, in bytes. Known ones have up to 64.
const MAX_BYTES: usize = 128;

/// Text that cannot be a carrier's identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: 1 to {MAX_BYTES} bytes of visible ASCII are expected")]
pub struct IdError {
    kind: &'static str,
}

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as the carrier writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                if visible && (1..=MAX_BYTES).contains(&text.len()) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { kind: $kind })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque_id! {
    /// One leg of a call, in whatever form its carrier writes it.
    CallId, "call id"
}
opaque_id! {
    /// One media stream of a call. Not the call.
    StreamId, "stream id"
}

/// One turn of the conversation, counted from 1 over both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub u32);

/// One stretch of the caller's speech, counted from 1. A turn has one or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtteranceId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_any_visible_text_of_a_carrier() {
        let longest = "x".repeat(128);
        for text in ["CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f", "v3:abc-DEF_1@host", "7", longest.as_str()] {
            let id: CallId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.to_string().as_str(), format!("{id:?}").as_str()), (text, text, text));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<CallId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn an_id_has_no_space_no_line_break_and_an_end() {
        for text in ["", " ", "a b", "a\n", "a\u{7f}", "é", &"x".repeat(129)] {
            let error = text.parse::<StreamId>().unwrap_err();
            assert_eq!(error.to_string(), "not a stream id: 1 to 128 bytes of visible ASCII are expected");
            assert!(serde_json::from_str::<StreamId>(&serde_json::to_string(text).unwrap()).is_err());
        }
    }
}
