//! Between webhook and stream, whatever the carrier.

pub mod token;
