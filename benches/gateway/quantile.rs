//! Quantiles of what was measured.

use std::time::Duration;

/// The least value that is as large as `share` of all, which are sorted, in ms; not a number where there are none.
pub(crate) fn quantile(values: &[Duration], share: f64) -> f64 {
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).map_or(f64::NAN, |value| 1e3 * value.as_secs_f64())
}
