//! How frames follow one another.

/// Samples from one frame to the next: 12.5 ms.
pub(crate) const HOP: usize = 100;
