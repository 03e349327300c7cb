//! What the tests start: a gateway in this process, a real Redis, a hand on the wire.

pub(crate) mod cluster;
pub(crate) mod gateway;
pub(crate) mod line;
pub(crate) mod redis;
pub(crate) mod sentinel;
