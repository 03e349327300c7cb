//! Whether a caller who pauses has finished, from the sound of their voice: Smart Turn v3.2.
//!
//! | stage | module | does |
//! | --- | --- | --- |
//! | 1 | `half_band` | the line's 8000 Hz become the 16 kHz that the net was trained on |
//! | 2 | `log_mel` | the latest 8 s, levelled, as Whisper's log-mel spectrogram |
//! | 3 | `net` | the net: a Whisper encoder with one output |
//!
//! The net hears how a sentence falls or hangs, not its words. On telephone sentences it is sure (95 percent or more) of those
//! that are complete, and of about half of those that break off; read speech that is cut within a word it cannot tell
//! (our measurement). So it may shorten a wait; it should not decide alone.
//!
//! No I/O, no clock: the same audio gives the same answer.

#[cfg(test)]
mod golden;
mod half_band;
mod log_mel;
mod net;

pub use net::{Error, SmartTurn};
