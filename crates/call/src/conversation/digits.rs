//! A row of keys.

use std::time::Duration;

/// A row of keys that has begun; the first key comes with it.
#[derive(Debug)]
pub(super) struct Digits {
    pub(super) text: String,
    pub(super) since: Duration,
}

impl Digits {
    pub(super) const fn since(now: Duration) -> Self {
        Self { text: String::new(), since: now }
    }
}
