//! Logs: one line a thing that happened, never a number, a transcript or a token.
//!
//! What the libraries below us say when asked for details is whole frames and headers, with the tokens and digits in them. So
//! whatever `RUST_LOG` says, details are ours only.

pub(crate) mod limited;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
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
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_told));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Already started: by an earlier command in this process, or by a test.
    let _ = if config.json { registry.with(lines.json()).try_init() } else { registry.with(lines).try_init() };
    Ok(())
}

/// Details below `info` come from our own crates only.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    let is_ours = || metadata.target().split("::").next().is_some_and(|root| root.starts_with("redial"));
    *metadata.level() <= Level::INFO || is_ours()
}
