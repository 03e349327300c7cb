//! `redial memory repair`: one key of Redis in whose place something else is.

use redial_store::redis::{RedisStore, RepairOutcome, Repaired};

use crate::cli::exit::Exit;
use crate::cli::operators::{Format, Operators, block_on, expires, note};
use crate::config::Backend;
use crate::operations::OperationError;

/// Convert what is in the place of one of our keys in Redis, or move it aside. Nothing is deleted.
///
/// A list in the place of a session index becomes one; a profile or a session that is JSON text becomes a hash. What was
/// there is at KEY:aside afterwards, with a TTL, and an erasure of the caller takes it along.
#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// The key, as an error has named it.
    key: String,
    #[command(flatten)]
    format: Format,
}

impl Repair {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::open().await?;
            let Backend::Redis(redis) = &operators.config.memory.backend else {
                anyhow::bail!("only Redis has keys that somebody else may write; the embedded store needs no repair");
            };
            let store = RedisStore::connect(redis.url(), operators.config.memory.store.clone())?;
            let repaired = store.repair(&self.key).await;
            let outcome = repaired.as_ref().map(drop).map_err(|error| OperationError::Invalid(error.to_string()));
            note("memory.repair", "-", &outcome);
            self.format.print(&repaired?, told)
        })
    }
}

fn told(repaired: &Repaired) -> String {
    let Repaired { key, found, wanted, outcome, aside, aside_expires_in_s } = repaired;
    let aside = aside.as_deref().unwrap_or_default();
    let expires = expires(*aside_expires_in_s);
    let types = format!("{key}: {found} found, {wanted} wanted");
    match outcome {
        RepairOutcome::Sound => format!("{types}. It is sound; nothing was done."),
        RepairOutcome::Converted => {
            format!("{types}. Converted; what was there is at {aside} and expires there: {expires}.")
        }
        RepairOutcome::MovedAside => {
            format!("{types}. It cannot be read; it is at {aside} and expires there: {expires}.")
        }
    }
}
