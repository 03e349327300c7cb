//! `redial session`: finished calls.

use clap::Subcommand;
use redial_call::Role;
use redial_memory::model::SessionDoc;

use super::exit::Exit;
use super::operators::{Format, Operators, Paging, block_on, expires, more, note};
use crate::operations::{Sessions, rfc3339};

/// Finished calls: list, show.
#[derive(Debug, clap::Args)]
pub(super) struct Session {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The calls whose words are still held.
    List(Paging),
    /// What was said in a call.
    Show {
        /// The call's id.
        id: String,
    },
}

impl Session {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::look().await?;
            let operations = operators.operations();
            match self.command {
                Command::List(Paging { limit, after }) => {
                    let sessions = operations.sessions(after, limit).await;
                    note("sessions.list", "-", &sessions);
                    self.format.print(&sessions?, listed)
                }
                Command::Show { id } => {
                    let session = operations.session(&id).await;
                    note(
                        "sessions.show",
                        session.as_ref().map_or("-", |session| session.session_id.as_str()),
                        &session,
                    );
                    self.format.print(&session?, shown)
                }
            }
        })
    }
}

fn listed(sessions: &Sessions) -> String {
    if sessions.sessions.is_empty() && sessions.next.is_none() {
        return "No call's words are held.".to_owned();
    }
    let lines = sessions.sessions.iter().map(|session| match (&session.user_id, session.ended_at) {
        (Some(user), Some(at)) => {
            format!("{}  {user}  {}  expires: {}", session.session_id, rfc3339(at), expires(session.expires_in_s))
        }
        _ => format!("{}  something else is stored in its place: `redial memory repair`", session.session_id),
    });
    lines.collect::<Vec<_>>().join("\n") + &more(sessions.next.as_ref())
}

fn shown(session: &SessionDoc) -> String {
    let SessionDoc { session_id, user_id, started_at, end_reason, conversation_history, .. } = session;
    let mut text = format!("{session_id}  {user_id}  {}  {end_reason}", rfc3339(*started_at));
    for message in conversation_history {
        let who = match message.turn.role {
            Role::Caller => "caller",
            Role::Agent => "agent ",
        };
        let seconds = message.turn.start_ms / 1000;
        text.push_str(&format!("\n  {seconds:>4} s  {who}  {}", message.turn.text));
    }
    text
}
