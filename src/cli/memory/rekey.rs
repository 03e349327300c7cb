//! `redial memory rekey`: how far callers have been moved to another pepper.

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::operators::{Format, Operators, block_on, lasting, note};
use crate::operations::OperationError;

/// How far callers have been moved to the present pepper.
///
/// Numbers are not stored, so a caller is moved when they call. Which of the numbers were hashed with the former pepper
/// cannot be told from the hashes; what can be said is when the last of them has expired.
#[derive(Debug, clap::Args)]
pub(crate) struct Rekey {
    /// Say what can be said. There is nothing else to do: the gateway moves callers by itself.
    #[arg(long, required = true)]
    status: bool,
    #[command(flatten)]
    format: Format,
}

/// What can be said.
#[derive(Debug, Serialize)]
struct Status {
    /// Numbers in all.
    numbers: u64,
    /// `MEMORY_PHONE_PEPPER_OLD` is set.
    looks_under_old_pepper: bool,
    /// `MEMORY_LEGACY_HASH`.
    looks_under_legacy_hash: Option<String>,
    /// After so many seconds without a call a number expires; `None`: never.
    numbers_expire_after_s: Option<u64>,
}

impl Rekey {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::look().await?;
            let figures = operators.operations().store.figures().await.map_err(OperationError::from);
            note("memory.rekey", "-", &figures);
            let memory = &operators.config.memory;
            let status = Status {
                numbers: figures?.numbers,
                looks_under_old_pepper: memory.old_pepper.is_some(),
                looks_under_legacy_hash: memory.legacy_hash.map(|hash| hash.to_string()),
                numbers_expire_after_s: memory.store.profile_ttl.map(|ttl| ttl.as_secs()),
            };
            self.format.print(&status, told)
        })
    }
}

fn told(status: &Status) -> String {
    let mut older = Vec::new();
    if status.looks_under_old_pepper {
        older.push("the former pepper (MEMORY_PHONE_PEPPER_OLD)".to_owned());
    }
    if let Some(hash) = &status.looks_under_legacy_hash {
        older.push(format!("the older deployment's hash (MEMORY_LEGACY_HASH={hash})"));
    }
    let numbers = status.numbers;
    if older.is_empty() {
        return format!("{numbers} number(s). No former pepper and no older hash is set: nobody is to be moved.");
    }
    let until = match status.numbers_expire_after_s {
        Some(s) => format!(
            "{} after the change, whoever has not called has expired, and the variable may be unset",
            lasting(s)
        ),
        None => {
            "numbers never expire (MEMORY_PROFILE_TTL_DAYS=0), so the variable must stay as long as one who has not \
                 called is to be known"
                .to_owned()
        }
    };
    format!(
        "{numbers} number(s) in all; which of them are still under {} cannot be told. A caller is moved when they \
         call; {until}.",
        older.join(" or ")
    )
}
