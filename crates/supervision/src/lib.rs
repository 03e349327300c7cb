//! Threads and long tasks have an owner that notices their end, and pauses between attempts are of one kind.
//!
//! | module | holds |
//! | --- | --- |
//! | `backoff` | pauses that grow with each failure |
//! | [`jitter`] | the chance in them, repeatable in a simulation |
//! | `part` | something that must not end, and how it does |
//! | `supervisor` | who starts parts, and starts them again |

mod backoff;
pub mod jitter;
mod part;
mod supervisor;

pub use self::backoff::Backoff;
pub use self::part::{Condition, Part};
pub use self::supervisor::{Supervisor, keep_going};
