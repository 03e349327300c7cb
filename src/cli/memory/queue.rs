//! `redial memory outbox` and `dead`: what waits, and what cannot be delivered.

use clap::Subcommand;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::operators::{Format, Operators, block_on, note};
use crate::operations::{DeadEntry, DeadLine, QueueLine, rfc3339};

/// Entries that are listed.
const MOST: usize = 1000;

/// What waits to be delivered to store and archive.
#[derive(Debug, clap::Args)]
pub(crate) struct Outbox {
    #[command(subcommand)]
    command: Option<OutboxCommand>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// Oldest first; the same as without.
    List,
}

impl Outbox {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::look().await?;
            let waiting = operators.operations().outbox(MOST).await;
            note("outbox.list", "-", &waiting);
            self.format.print(&waiting?, |waiting| waits(waiting))
        })
    }
}

/// What cannot be delivered: list, show, retry, drop.
#[derive(Debug, clap::Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    command: DeadCommand,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// Oldest first, with the reason.
    List,
    /// One entry, with its words.
    Show {
        /// Its number.
        #[arg(allow_negative_numbers = true)]
        seq: i64,
    },
    /// Put one back into the queue.
    Retry {
        /// Its number.
        #[arg(allow_negative_numbers = true)]
        seq: i64,
    },
    /// Throw one away, with its words.
    Drop {
        /// Its number.
        #[arg(allow_negative_numbers = true)]
        seq: i64,
    },
}

impl Dead {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = match self.command {
                DeadCommand::List | DeadCommand::Show { .. } => Operators::look().await?,
                DeadCommand::Retry { .. } | DeadCommand::Drop { .. } => Operators::open().await?,
            };
            let operations = operators.operations();
            match self.command {
                DeadCommand::List => {
                    let dead = operations.dead(MOST).await;
                    note("dead.list", "-", &dead);
                    self.format.print(&dead?, |dead| listed(dead))
                }
                DeadCommand::Show { seq } => {
                    let entry = operations.dead_entry(seq).await;
                    note("dead.show", &format!("entry {seq}"), &entry);
                    self.format.print(&entry?, shown)
                }
                DeadCommand::Retry { seq } => {
                    let retried = operations.retry_dead(seq).await;
                    note("dead.retry", &format!("entry {seq}"), &retried);
                    retried?;
                    self.format.print(&json!({ "queued": true }), |_| {
                        "It is queued; a gateway that runs here delivers it within 10 s.".to_owned()
                    })
                }
                DeadCommand::Drop { seq } => {
                    let dropped = operations.drop_dead(seq).await;
                    note("dead.drop", &format!("entry {seq}"), &dropped);
                    dropped?;
                    self.format.print(&json!({ "dropped": true }), |_| "It is gone.".to_owned())
                }
            }
        })
    }
}

fn waits(waiting: &[QueueLine]) -> String {
    if waiting.is_empty() {
        return "Nothing waits.".to_owned();
    }
    let lines = waiting.iter().map(|entry| {
        let QueueLine { seq, kind, user_id, session_id, tries, next_at } = entry;
        let next = if *next_at == 0 { "at once".to_owned() } else { rfc3339(*next_at) };
        format!("{seq}  {kind}  {user_id}  {session_id}  {tries} failed attempt(s), the next one {next}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn listed(dead: &[DeadLine]) -> String {
    if dead.is_empty() {
        return "Nothing is dead.".to_owned();
    }
    dead.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(entry: &DeadLine) -> String {
    let DeadLine { seq, kind, user_id, session_id, reason, parked_at } = entry;
    format!("{seq}  {kind}  {user_id}  {session_id}  since {}: {reason}", rfc3339(*parked_at))
}

fn shown(entry: &DeadEntry) -> String {
    format!("{}\n{:#}", line(&entry.line), entry.document)
}
