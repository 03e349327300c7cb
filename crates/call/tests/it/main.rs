//! The core's replays and properties.
