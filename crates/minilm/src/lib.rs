//! Sentences as vectors, near each other where they mean the same: all-MiniLM-L6-v2 in int8.
//!
//! | stage | module | does |
//! | --- | --- | --- |
//! | 1 | `word_piece` | a sentence becomes the word pieces that the net was trained on |
//! | 2 | `net` | the net: six layers of attention, then the mean over the pieces |
//!
//! No I/O, no clock: the same sentence gives the same vector.

mod net;
mod word_piece;

pub use net::{Error, MiniLm, WIDTH};
