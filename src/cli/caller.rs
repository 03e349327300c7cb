//! `redial caller`: who is remembered, and people's rights.

mod document;
mod text;

use clap::Subcommand;

use super::exit::Exit;
use super::operators::{Format, Operators, Paging, block_on, note};
use crate::operations::Receipt;

/// Who is remembered: list, show, explain, export, merge, split, forget.
///
/// A caller is named by number (+14155550123) or user id (u_…); `-` reads either from standard input, where no process
/// list shows it. A number is hashed at once, and never printed or logged.
#[derive(Debug, clap::Args)]
pub(super) struct Caller {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who is remembered.
    List(Paging),
    /// What is remembered of somebody.
    Show {
        /// Number or user id.
        caller: String,
    },
    /// Where each remembered thing comes from: which call, which turn, how sure.
    Why {
        /// Number or user id.
        caller: String,
    },
    /// Everything that is held of somebody, as JSON, in the form in which it is stored.
    Export {
        /// Number or user id.
        caller: String,
    },
    /// Erase a person: live calls, journal, outbox, call logs, store and archive. Exit code 0 when that is done or will
    /// be by itself, 2 when nothing was held of them, 1 when somebody has to do something.
    Forget {
        /// Number or user id.
        caller: String,
    },
    /// Make two callers one: numbers and memory of FROM go to INTO.
    Merge {
        /// Number or user id.
        from: String,
        /// Number or user id.
        into: String,
    },
    /// Let a number be somebody new, as when it was given to somebody else.
    Split {
        /// The number.
        number: String,
    },
}

impl Caller {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        block_on(self.operate())
    }

    async fn operate(self) -> anyhow::Result<Exit> {
        let operators = match &self.command {
            Command::List(_) | Command::Show { .. } | Command::Why { .. } | Command::Export { .. } => {
                Operators::look().await?
            }
            Command::Forget { .. } | Command::Merge { .. } | Command::Split { .. } => Operators::open().await?,
        };
        let (operations, format) = (operators.operations(), self.format);
        match self.command {
            Command::List(Paging { limit, after }) => {
                let callers = operations.callers(after, limit).await;
                note("callers.list", "-", &callers);
                format.print(&callers?, text::callers)
            }
            Command::Show { caller } => {
                let subject = operators.subject(&caller)?;
                let shown = operations.show(&subject).await;
                operators.note("callers.show", &subject, &shown);
                let shown = shown?;
                let document = document::Caller::of(&shown);
                format.print(&document, |_| text::caller(&shown))
            }
            Command::Why { caller } => {
                let subject = operators.subject(&caller)?;
                let why = operations.why(&subject).await;
                operators.note("callers.why", &subject, &why);
                format.print(&why?, text::why)
            }
            Command::Export { caller } => {
                let subject = operators.subject(&caller)?;
                let export = operations.export(&subject).await;
                operators.note("callers.export", &subject, &export);
                Format { json: true }.print(&export?, |_| String::new())
            }
            Command::Forget { caller } => {
                let subject = operators.subject(&caller)?;
                let receipt = operations.forget(&subject).await;
                operators.note("callers.forget", &subject, &receipt);
                let receipt = receipt?;
                format.print(&receipt, text::receipt)?;
                // What waits is done by itself; what is left needs somebody.
                Ok(match &receipt {
                    Receipt { nothing_held: true, .. } => Exit::NothingHeld,
                    Receipt { left, .. } if left.is_empty() => Exit::Done,
                    Receipt { .. } => Exit::Failed,
                })
            }
            Command::Merge { from, into } => {
                let (from, into) = (operators.subject(&from)?, operators.subject(&into)?);
                let merged = operations.merge(&from, &into).await;
                let subject = format!("{} into {}", operations.pseudonym(&from), operations.pseudonym(&into));
                note("callers.merge", &subject, &merged);
                format.print(&merged?, text::merged)
            }
            Command::Split { number } => {
                let subject = operators.subject(&number)?;
                let split = operations.split(&subject).await;
                operators.note("callers.split", &subject, &split);
                format.print(&split?, text::split)
            }
        }
    }
}
