//! The hibari voice: phonemes to speech, straight at a telephone line's 8000 Hz.
//!
//! | stage | module | does |
//! | --- | --- | --- |
//! | 1 | `pieces` | cuts what is too long for one run of the net at commas or spaces |
//! | 2 | `net` | phoneme numbers become frames of 12.5 ms: pitch, and how each frequency sounds |
//! | 3 | `vocoder` | frames become samples, one after another |
//! | | `frame` | how frames follow one another |
//! | | `pulses`, `noise` | what a throat gives: pulses at the pitch, and breath |
//! | | `vector` | exponentials and sines that a compiler turns into vector instructions |
//! | 4 | `ends` | the silence around the speech becomes the pause that a sentence has |
//!
//! The net was trained for 24 kHz; the vocoder computes only the lower third of its spectrum, which is what a telephone
//! line carries. So there is nothing to resample, and it costs a third.
//!
//! No I/O but the loading, no clock, no randomness that is not seeded: the same numbers always give the same samples.
//! Numbers are made by `redial-phonemes`.

mod ends;
mod error;
mod frame;
mod net;
mod noise;
mod pieces;
mod pulses;
mod vector;
mod vocoder;
mod voice;

pub use error::{LoadError, SynthesisError};
pub use voice::{Flow, Voice};

/// Samples a second of everything that the voice says, in Hz.
pub const SAMPLE_RATE_HZ: u32 = 8000;
