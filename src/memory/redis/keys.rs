//! The names of our keys. Every part of a key has been checked to be an id, so no glob or brace gets into one.

use crate::identity::{PhoneHash, UserId};

/// Makes keys below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// String: whose number it is.
    pub(super) fn phone(&self, hash: &PhoneHash) -> String {
        format!("{}:phone:{}", self.prefix, hash.as_str())
    }

    /// Hash `v, rev, doc, calls, last`.
    pub(super) fn profile(&self, user: &UserId) -> String {
        format!("{}:user:{}:profile", self.prefix, user.as_str())
    }

    /// Sorted set: session ids by when the call ended, Unix ms.
    pub(super) fn sessions(&self, user: &UserId) -> String {
        format!("{}:user:{}:sessions", self.prefix, user.as_str())
    }

    /// String: there as long as an erased caller must not come back by a late write.
    pub(super) fn gone(&self, user: &UserId) -> String {
        format!("{}:user:{}:gone", self.prefix, user.as_str())
    }

    /// Hash `v, doc, uid, ended`. `sid` must be an id.
    pub(super) fn session(&self, sid: &str) -> String {
        format!("{}:session:{sid}", self.prefix)
    }

    /// Hash `d, n, merged`: which copy of the session was committed. `sid` must be an id.
    pub(super) fn done(&self, sid: &str) -> String {
        format!("{}:done:{sid}", self.prefix)
    }
}
