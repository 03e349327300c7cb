//! `redial memory clear`: forget everybody.

use redial_store::directory::Directory as _;
use redial_store::redis::RedisStore;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::operators::{Format, Operators, block_on, note};
use crate::config::Backend;
use crate::operations::OperationError;

/// Forget everybody: delete every key or row of ours, and nothing else. Never FLUSHDB.
///
/// What waits in the outbox of a data directory is not deleted, and is delivered afterwards; that somebody was erased
/// stays remembered, so that no late write brings them back.
#[derive(Debug, clap::Args)]
pub(crate) struct Clear {
    /// That everybody is meant.
    #[arg(long, required = true)]
    yes: bool,
    /// Another first part of the keys than MEMORY_KEY_PREFIX. Redis only.
    #[arg(long)]
    prefix: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What was deleted.
#[derive(Debug, Serialize)]
struct Cleared {
    deleted: u64,
    waiting: u64,
}

impl Clear {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::open().await?;
            let deleted = match (&self.prefix, &operators.config.memory.backend) {
                (None, _) => operators.operations().store.clear().await,
                (Some(prefix), Backend::Redis(redis)) => {
                    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
                    if prefix.is_empty() || !prefix.bytes().all(plain) {
                        let why = "--prefix: letters, digits, _ - . are expected".to_owned();
                        return Err(OperationError::Invalid(why).into());
                    }
                    let mut settings = operators.config.memory.store.clone();
                    settings.prefix.clone_from(prefix);
                    RedisStore::connect(redis.url(), settings)?.clear().await
                }
                (Some(_), _) => {
                    let why = "--prefix: only Redis has keys with one".to_owned();
                    return Err(OperationError::Invalid(why).into());
                }
            };
            let deleted = deleted.map_err(OperationError::from);
            note("memory.clear", "-", &deleted);
            let waiting = operators.operations().spool.figures().await?.waiting;
            self.format.print(&Cleared { deleted: deleted?, waiting }, |cleared| {
                format!(
                    "{} key(s) or row(s) deleted. {} outbox entries of this data directory wait and are still delivered.",
                    cleared.deleted, cleared.waiting
                )
            })
        })
    }
}
