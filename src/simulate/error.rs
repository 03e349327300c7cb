//! Why a call could not be placed.

use super::twiml::TwimlError;

/// Why a call could not be placed, or followed from its first answer on.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The gateway's URL is none.
    #[error("{url:?}: not a URL")]
    BaseUrl {
        /// As given.
        url: String,
        /// Why.
        source: url::ParseError,
    },
    /// No HTTP client can be had, or no request made of the call's fields.
    #[error("no HTTP request can be made")]
    Client(#[source] reqwest::Error),
    /// The gateway did not answer.
    #[error("{url}: no answer")]
    Request {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The gateway refused.
    #[error("{url}: status {status}{}", said(text))]
    Status {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: u16,
        /// What the answer says, the beginning of it, in one line.
        text: String,
    },
    /// The gateway answered something that no carrier would follow.
    #[error("{url}: not the TwiML of a call")]
    Twiml {
        /// What was asked.
        url: String,
        /// What is wrong.
        source: TwimlError,
    },
}

/// What an answer says, behind its status.
fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl SimulateError {
    /// True when nothing listens there, as while a gateway starts.
    pub fn is_refused_connection(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
