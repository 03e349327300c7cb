//! What a connection waits for, and how long that may take.

use std::time::Duration;

/// How long a client may say nothing at all.
pub(super) const FIRST_BYTE_LIMIT: Duration = Duration::from_secs(3);
/// How long a client may take for its request's head.
pub(super) const HEAD_LIMIT: Duration = Duration::from_secs(3);
/// How long a client may take for its request's body, 64 kB at most.
pub(super) const BODY_LIMIT: Duration = Duration::from_secs(5);
/// How long a client may let an answer stand: a document of the carrier's is a few hundred bytes.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The same for what operators fetch, such as all that is known of a caller.
pub(super) const LONG_ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long a stranger's connection is kept for another request.
pub(super) const STRANGER_IDLE_LIMIT: Duration = Duration::from_secs(5);
/// The same for somebody whose requests are believed: longer than proxies keep theirs, so that it is they who close.
pub(super) const IDLE_LIMIT: Duration = Duration::from_secs(75);
/// How long an upgraded stream may go without its `start`. Its own, shorter limits come first.
pub(super) const START_LIMIT: Duration = Duration::from_secs(15);
/// The carrier's own limit for a webhook is 15 s.
pub(super) const WEBHOOK_LIMIT: Duration = Duration::from_secs(10);
/// A check of all that is remembered may take minutes.
pub(super) const OPERATION_LIMIT: Duration = Duration::from_secs(300);
/// Operators' connections at once.
pub(crate) const OPERATORS: usize = 64;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The client's first byte.
    FirstByte,
    /// The rest of a request's head.
    Head,
    /// The rest of its body.
    Body,
    /// Our answer.
    Handler,
    /// That the client takes the answer.
    Answer,
    /// Another request.
    Idle,
    /// A stream's `start`.
    Start,
    /// The end of a call.
    Call,
}

impl Phase {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte",
            Self::Head => "head",
            Self::Body => "body",
            Self::Handler => "handler",
            Self::Answer => "answer",
            Self::Idle => "idle",
            Self::Start => "start",
            Self::Call => "call",
        }
    }
}

/// What holds for a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Its name in metrics and logs.
    pub(super) name: &'static str,
    /// Connections at once that are no calls.
    pub(super) places: usize,
    /// How long an answer may take us.
    pub(super) handler: Duration,
    /// How long it may take to reach the client.
    pub(super) answer: Duration,
}

impl Rules {
    /// For the carrier, and for strangers.
    pub(crate) const fn public(places: usize) -> Self {
        Self { name: "public", places, handler: WEBHOOK_LIMIT, answer: ANSWER_LIMIT }
    }

    pub(crate) const fn operators() -> Self {
        Self { name: "operators", places: OPERATORS, handler: OPERATION_LIMIT, answer: LONG_ANSWER_LIMIT }
    }
}
