//! Between webhook and stream, whatever the carrier: who may come in, who it is, how they are greeted, which call a stream is of.
//!
//! | module | holds |
//! | --- | --- |
//! | `admission` | what a carrier is told to do with a call |
//! | `lookup` | who calls, and the words to greet them with |
//! | `arrival` | the call that a stream is of, also when another instance answered its webhook |
//! | `live` | the call from its stream's beginning to what is kept of it |

pub(crate) mod admission;
mod arrival;
mod clock;
pub(crate) mod live;
mod lookup;
