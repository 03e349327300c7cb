//! What the tests start for themselves: real servers on loopback, and their ends.

pub(crate) mod redis;
