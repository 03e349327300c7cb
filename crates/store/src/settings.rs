//! How a store keeps things: the prefix of its keys, and for how long.

use std::time::Duration;

/// The same for every store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// First part of every key, such as `sarah`.
    pub prefix: String,
    /// How long a finished session's document is kept.
    pub session_ttl: Duration,
    /// How long phone → user mapping, profile and session index are kept; `None`: for ever. The three always together.
    pub profile_ttl: Option<Duration>,
    /// When the profile's TTL starts again.
    pub refresh: TtlRefresh,
    /// How many session ids the index keeps at least; ids whose documents still live are kept beyond that.
    pub keep_sessions: usize,
    /// How long a commit is remembered, so that a repeated one changes nothing, and another copy of the call is united
    /// with the stored one: longer than the document is kept.
    pub marker_ttl: Duration,
    /// First part of the keys of calls that are going on, such as `conversation`.
    pub mirror_prefix: String,
    /// How many messages of a call that is going on are mirrored, the newest.
    pub mirror_messages: usize,
}

/// When a TTL starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlRefresh {
    /// Whenever the caller calls.
    Access,
    /// When something is written.
    Write,
}

impl Default for StoreSettings {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            prefix: "sarah".to_owned(),
            session_ttl: 24 * HOUR,
            profile_ttl: Some(90 * 24 * HOUR),
            refresh: TtlRefresh::Access,
            keep_sessions: 50,
            marker_ttl: 25 * HOUR,
            mirror_prefix: "conversation".to_owned(),
            mirror_messages: 50,
        }
    }
}
