//! The members of a JSON message, none of which is repeated in an error.

use serde_json::{Map, Value};

use crate::line::ReadError;

/// Largest text message read: a start with its parameters is far shorter.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Parameters of a start.
const MAX_PARAMETERS: usize = 20;
/// Names and values of all of them together: what Vonage allows.
pub(super) const MAX_PARAMETER_BYTES: usize = 512;

/// A message that is not one of the protocol's.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParseError {
    #[error("the message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    #[error("not a JSON object")]
    Json,
    #[error("{0}: missing, or not as documented")]
    Member(&'static str),
    #[error("more than {MAX_PARAMETERS} parameters, or more than {MAX_PARAMETER_BYTES} bytes of them")]
    Parameters,
    #[error("{0} is too long")]
    Audio(&'static str),
    #[error("content-type: not {0}")]
    Format(&'static str),
}

impl From<ParseError> for ReadError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Format(_) => Self::Unusable(error.into()),
            _ => Self::Undecodable(error.into()),
        }
    }
}

/// One message.
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(ParseError::TooLong);
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            // The parser's own words quote the peer's.
            Ok(_) | Err(_) => Err(ParseError::Json),
        }
    }

    /// A member that is a text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A member that is true or false.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// An id of the carrier's.
    pub(super) fn id<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, ParseError> {
        self.text(name).parse().map_err(|_| ParseError::Member(name))
    }

    /// A key that was pressed.
    pub(super) fn digit(&self) -> Result<char, ParseError> {
        let mut chars = self.text("digit").chars();
        match (chars.next(), chars.next()) {
            (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(digit),
            _ => Err(ParseError::Member("digit")),
        }
    }

    /// The members of this one.
    pub(super) fn object(self, name: &'static str) -> Result<Self, ParseError> {
        let mut members = self.0;
        match members.remove(name) {
            Some(Value::Object(members)) => Ok(Self(members)),
            Some(Value::Null) | None => Ok(Self(Map::new())),
            Some(_) => Err(ParseError::Member(name)),
        }
    }

    /// What a start says back to us: all members but those that are the carrier's own.
    pub(super) fn parameters(self, own: &[&str]) -> Result<Vec<(String, String)>, ParseError> {
        let others = self.0.into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
        let pairs = others.filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None, // newer than this build
        });
        let parameters: Vec<(String, String)> = pairs.take(MAX_PARAMETERS + 1).collect();
        let bytes: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        if parameters.len() > MAX_PARAMETERS || bytes > MAX_PARAMETER_BYTES {
            return Err(ParseError::Parameters);
        }
        Ok(parameters)
    }
}
