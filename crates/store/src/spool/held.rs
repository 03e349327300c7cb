//! What is here of one user, for whoever asks what is held of them; and clearing one session.

use std::io::ErrorKind;

use redial_identity::UserId;
use redial_memory::session_id::SessionId;
use rusqlite::{Row, params};

use super::super::sqlite::cells;
use super::super::store::MemoryError;
use super::{PATIENCE, Spool, call_logs, user};

/// What this instance's disk holds of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Turns of live calls: the session's id, and the turn as JSON.
    pub turns: Vec<(String, String)>,
    /// Sessions that wait, were delivered lately, or cannot be.
    pub entries: Vec<HeldEntry>,
    /// Sessions of which there are call logs.
    pub logs: Vec<SessionId>,
}

/// A session in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEntry {
    /// What is or was to be done with it.
    pub kind: String,
    /// The session's id, as its row has it.
    pub session_id: String,
    /// The session as JSON; for a damaged turn, what is left of it.
    pub body: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
}

/// What [`Spool::clear_session`] took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClearedSession {
    /// Entries that waited, were delivered lately, or were dead.
    pub entries: u64,
    /// True when there was a call log.
    pub log: bool,
}

impl Spool {
    /// What this instance holds of a user. Nothing is left out, however much it is.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn held(&self, user: &UserId) -> Result<Held, MemoryError> {
        self.writer.flushed(PATIENCE).await;
        let user = user.clone();
        self.database
            .ask(PATIENCE, move |rows| {
                let uid = params![user.as_str()];
                let turns = "SELECT turn.sid, turn.doc FROM turn JOIN call ON call.sid = turn.sid WHERE call.uid = ?1
                             ORDER BY turn.sid, turn.id";
                let entries = "SELECT kind, sid, body, iif(delivered IS NULL, 'waiting', 'delivered') FROM outbox
                               WHERE uid = ?1 AND sid <> ''
                               UNION ALL SELECT kind, sid, body, 'dead' FROM dead WHERE uid = ?1";
                Ok(Held {
                    turns: rows.all(turns, uid, |row| Ok((text(row, 0)?, text(row, 1)?)))?,
                    entries: rows.all(entries, uid, |row| {
                        Ok(HeldEntry {
                            kind: text(row, 0)?,
                            session_id: text(row, 1)?,
                            body: text(row, 2)?,
                            state: text(row, 3)?,
                        })
                    })?,
                    logs: user::logs_of(rows, &user)?,
                })
            })
            .await
    }

    /// The logs of a call's streams, one after the other, NDJSON; `None`: there are none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn call_log(&self, session_id: &SessionId) -> Result<Option<String>, MemoryError> {
        let Some(data_dir) = &self.data_dir else { return Ok(None) };
        let mut logs = None;
        for leg in 1.. {
            let path = call_logs::path(data_dir, session_id, leg);
            match tokio::fs::read_to_string(&path).await {
                Ok(log) => logs.get_or_insert_with(String::new).push_str(&log),
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => {
                    return Err(MemoryError::Unavailable {
                        advice: format!("make `{}` readable for this user", path.display()),
                        source: Some(error.into()),
                    });
                }
            }
        }
        Ok(logs)
    }

    /// Deletes what is here of a finished session: its entries, so that it is not written again, and its call log.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] while the call goes on: its hang-up would write it again.
    pub async fn clear_session(&self, session_id: &SessionId) -> Result<ClearedSession, MemoryError> {
        self.writer.flushed(PATIENCE).await;
        let id = session_id.clone();
        let (entries, log) = self
            .database
            .ask(PATIENCE, move |rows| {
                let id = params![id.as_str()];
                if rows.one("SELECT 1 FROM call WHERE sid = ?1", id, |_| Ok(()))?.is_some() {
                    return Err(MemoryError::Refused("the call goes on; clear it when it is over".to_owned()));
                }
                rows.leave_no_log();
                let entries = rows.change("DELETE FROM outbox WHERE sid = ?1", id)?
                    + rows.change("DELETE FROM dead WHERE sid = ?1", id)?;
                Ok((entries, rows.one("SELECT 1 FROM log WHERE sid = ?1", id, |_| Ok(()))?.is_some()))
            })
            .await?;
        if let Some(data_dir) = self.data_dir.as_ref().filter(|_| log) {
            call_logs::delete(data_dir, session_id).await?;
            let id = session_id.clone();
            self.database
                .ask(PATIENCE, move |rows| rows.change("DELETE FROM log WHERE sid = ?1", params![id.as_str()]))
                .await?;
        }
        Ok(ClearedSession { entries: u64::try_from(entries).unwrap_or(u64::MAX), log })
    }
}

/// A value to be shown, whatever it is by now.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(cells::readable(cells::bytes(row, column)?.unwrap_or_default()))
}
