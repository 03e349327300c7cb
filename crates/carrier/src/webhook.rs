//! A carrier's webhooks, whatever the carrier: is it the carrier, who calls, and what the carrier is to do.

use http::HeaderMap;
use redial_call::CallId;
use redial_identity::Attestation;

/// A request as it came. Its body has been read; of a stranger's only the headers are looked at.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The URL as the carrier was told it, with its query.
    pub url: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not the carrier, as far as can be told.
    #[error("{0}")]
    Stranger(String),
    /// Its body is of another type.
    #[error("{0}")]
    WrongType(&'static str),
    /// A field is missing or wrong. The text names the field, and never the value of a personal one.
    #[error("{0}")]
    Malformed(String),
    /// It is about somebody else's account.
    #[error("{0}")]
    OtherAccount(&'static str),
}

/// A call, as a webhook tells it.
pub struct IncomingCall {
    /// The call.
    pub call: CallId,
    /// Who calls, as the carrier writes it. Personal data.
    pub from: String,
    /// How far the carrier vouches for that.
    pub attestation: Attestation,
    /// The caller is on the line already, so that this is about a call that goes on, or was answered by somebody else.
    pub is_answered: bool,
}

/// What a carrier is told to do with a call.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// Open a stream. When it ends, ask what comes next.
    Connect {
        /// The stream's `wss` URL.
        stream_url: &'a str,
        /// What the stream's beginning is to say.
        parameters: &'a [(&'a str, &'a str)],
        /// Where to ask.
        resume_url: &'a str,
    },
    /// Decline the call as busy, without answering it.
    Busy,
    /// Say a sentence in the carrier's own voice, and end the call.
    Say(&'a str),
    /// End the call.
    HangUp,
}

/// An answer as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// A carrier's webhooks.
pub trait Webhook: Send + Sync {
    /// Whether the headers carry a signature of this carrier's, right or wrong.
    fn is_signed(&self, headers: &HeaderMap) -> bool;

    /// Whether the headers alone show a stranger: then no body is read.
    ///
    /// # Errors
    /// [`Refused::Stranger`].
    fn look_at(&self, headers: &HeaderMap) -> Result<(), Refused>;

    /// Whether a stream's upgrade comes from the carrier. `query`: of its URL, without `?`.
    ///
    /// # Errors
    /// [`Refused::Stranger`].
    fn verify_stream(&self, url: &str, query: &str, headers: &HeaderMap) -> Result<(), Refused>;

    /// Checks and reads the webhook of a call: it comes in, or its stream is over.
    ///
    /// # Errors
    /// When it is not to be believed, or not understood.
    fn call(&self, request: Request<'_>) -> Result<IncomingCall, Refused>;

    /// Checks and reads a status callback: the call that is over, if it says so.
    ///
    /// # Errors
    /// When it is not to be believed, or not understood.
    fn status(&self, request: Request<'_>) -> Result<Option<CallId>, Refused>;

    /// Writes an answer.
    ///
    /// # Errors
    /// When the carrier would not take it.
    fn answer(&self, answer: Answer<'_>) -> Result<Document, Box<dyn std::error::Error + Send + Sync>>;
}
