//! The clock that expiry goes by.

use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the Unix time in ms. A test hands in its own and moves it, so that 90 days pass without a sleep.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's clock. A machine that believes to be before 1970 gets 0: then nothing expires.
pub fn system() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| to_ms(since.as_millis())))
}

/// Unix time in ms as it was when it was first asked for in this process, and what has passed since: setting the machine's
/// clock does not move it. For what lives for seconds, within one process.
pub fn steady_ms() -> u64 {
    static BEGAN: LazyLock<(Instant, u64)> = LazyLock::new(|| (Instant::now(), system()()));
    let (began, unix_ms) = *BEGAN;
    unix_ms.saturating_add(to_ms(began.elapsed().as_millis()))
}

/// How often a local store looks for what has expired: 1 h. Reads never return expired rows, so this is only about space.
pub(super) const SWEEP_EVERY_MS: u64 = 3_600_000;

fn to_ms(ms: u128) -> u64 {
    u64::try_from(ms).unwrap_or(u64::MAX)
}
