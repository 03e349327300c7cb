//! What every guest of a seam has to keep to, as checks that its own tests run.

pub mod realtime;
