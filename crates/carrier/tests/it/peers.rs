//! The carriers' sides, one file a guest.

pub(crate) mod relay;
pub(crate) mod twilio;
pub(crate) mod wideband;

mod json;
