//! A carrier in the box: it speaks the carrier's side of the protocol.

pub mod playback;
pub mod twiml;
