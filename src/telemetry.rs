//! Logs: one line a thing that happened, never a number, a transcript or a token.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogConfig;

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| anyhow::anyhow!("RUST_LOG: {:?} is not a filter ({error})", config.filter))?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Already started: by an earlier command in this process, or by a test.
    let _ = if config.json { registry.with(lines.json()).try_init() } else { registry.with(lines).try_init() };
    Ok(())
}
