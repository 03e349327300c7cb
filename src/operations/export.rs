//! Everything that is held of a person, as one JSON document.

use std::collections::BTreeSet;

use redial_identity::{PhoneHash, UserId};
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::directory::Page;
use redial_store::erasure;
use redial_store::spool::Held;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::{MAX_PAGE, OperationError, Operations, Subject};

/// What is held of a person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Export {
    /// When this was written, RFC 3339.
    #[schema(format = DateTime)]
    pub exported_at: String,
    /// Who: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// The profile; null when there is none, or this version cannot read it.
    #[schema(required)]
    pub profile: Option<Profile>,
    /// Its revision.
    pub revision: u64,
    /// Finished calls, also those whose words have expired.
    pub calls: u64,
    /// End of the last one, Unix time in ms.
    #[schema(required)]
    pub last_call_at: Option<u64>,
    /// When all of this expires if nobody calls, in s; null: never.
    #[schema(required)]
    pub expires_in_s: Option<u64>,
    /// The keyed hashes of their numbers; the numbers themselves are not held.
    pub numbers: Vec<String>,
    /// Finished calls with their words.
    pub sessions: Vec<SessionDoc>,
    /// Finished calls that the archive has.
    pub archived_sessions: Vec<SessionDoc>,
    /// Calls that are known to have been, and whose words are not held any more.
    #[schema(value_type = Vec<String>)]
    pub expired_sessions: Vec<SessionId>,
    /// Turns of calls that go on, on this machine.
    pub live_turns: Vec<Value>,
    /// Calls on this machine's disk that wait for the store, were delivered lately, or cannot be.
    pub queued_sessions: Vec<QueuedSession>,
    /// Events of logged calls, on this machine's disk.
    pub call_logs: Vec<CallLogExport>,
    /// What there may be beside this, and could not be looked for from here.
    pub not_looked_for: Vec<String>,
}

/// A call in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueuedSession {
    /// Its id, which is the carrier's, as it stands on the disk.
    pub session_id: String,
    /// What is or was to be done with it.
    pub kind: String,
    /// `waiting`, `delivered` or `dead`.
    #[schema(schema_with = states)]
    pub state: String,
    /// The session; text where it is damaged.
    pub document: Value,
}

/// A call log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallLogExport {
    /// The call's id, which is the carrier's.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Its lines.
    pub events: Vec<Value>,
}

fn states() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Where it is."))
        .enum_values(Some(["waiting", "delivered", "dead"]))
        .build()
}

impl Operations<'_> {
    /// Everything that is held of somebody, and of those who became one with them, here, in the store and in the archive.
    /// The archive may know them when the store does not any more. Other instances' disks are not seen: they hold what
    /// waits there, and calls of the last hour.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when nothing is held. Whatever cannot be read fails the export: a part of it must not
    /// pass for the whole.
    pub async fn export(&self, subject: &Subject) -> Result<Export, OperationError> {
        let user = self.exported(subject).await?;
        let entry = self.store.user(&user).await?;
        let mut ids = vec![user.clone()];
        ids.extend(erasure::absorbed_by(self.store, &user).await?);
        let mut held = Held::default();
        for id in &ids {
            let Held { turns, entries, logs } = self.spool.held(id).await?;
            held.turns.extend(turns);
            held.entries.extend(entries);
            held.logs.extend(logs);
        }
        let numbers = self.store.numbers(&user).await?;
        let mut session_ids: BTreeSet<SessionId> =
            entry.iter().flat_map(|entry| entry.sessions.iter().cloned()).collect();
        if entry.is_none() {
            // No index says which are theirs: a withheld number has none.
            session_ids.extend(self.sessions_of(&user).await?);
        }
        let profile = entry.as_ref().and_then(|entry| entry.profile.clone());
        session_ids.extend(
            profile.iter().flat_map(|profile| profile.episodes.iter().map(|episode| episode.session_id.clone())),
        );
        let is_theirs = |session: &SessionDoc| ids.iter().any(|id| id.as_str() == session.user_id);
        let mut archived_sessions = self.archived(&ids, &session_ids).await?;
        archived_sessions.found.retain(is_theirs);
        let (mut sessions, mut expired_sessions) = (Vec::new(), Vec::new());
        for session_id in session_ids {
            let stored = self.store.load_session(&session_id).await?.filter(is_theirs);
            if stored.is_none() && !archived_sessions.found.iter().any(|session| session.session_id == session_id) {
                expired_sessions.push(session_id);
            }
            sessions.extend(stored);
        }
        let mut call_logs = Vec::new();
        for session_id in &held.logs {
            if let Some(log) = self.spool.call_log(session_id).await? {
                let events = log.lines().map(json_or_text).collect();
                call_logs.push(CallLogExport { session_id: session_id.clone(), events });
            }
        }
        let nothing = entry.is_none()
            && numbers.is_empty()
            && sessions.is_empty()
            && archived_sessions.found.is_empty()
            && held.turns.is_empty()
            && held.entries.is_empty()
            && call_logs.is_empty();
        if nothing {
            return Err(self.nobody(&user).await);
        }
        Ok(Export {
            exported_at: super::now_rfc3339(),
            user_id: user.as_str().to_owned(),
            profile,
            revision: entry.as_ref().map_or(0, |entry| entry.revision),
            calls: entry.as_ref().map_or(0, |entry| entry.calls),
            last_call_at: entry.as_ref().and_then(|entry| entry.last_call_at),
            expires_in_s: entry.and_then(|entry| entry.expires_in).map(|ttl| ttl.as_secs()),
            numbers: numbers.iter().map(PhoneHash::as_str).map(str::to_owned).collect(),
            sessions,
            archived_sessions: archived_sessions.found,
            expired_sessions,
            live_turns: held.turns.iter().map(|(_, turn)| json_or_text(turn)).collect(),
            queued_sessions: held
                .entries
                .into_iter()
                .map(|entry| QueuedSession {
                    document: json_or_text(&entry.body),
                    session_id: entry.session_id,
                    kind: entry.kind,
                    state: entry.state,
                })
                .collect(),
            call_logs,
            not_looked_for: archived_sessions.not_looked_for,
        })
    }

    /// Whose an export is. Nobody that a number leads to may be in the archive still.
    async fn exported(&self, subject: &Subject) -> Result<UserId, OperationError> {
        match (self.resolve(subject).await, subject) {
            (Err(nobody @ OperationError::NotFound(_)), Subject::Number { caller, older })
                if self.archive.is_some() =>
            {
                // Not somebody from whom the number was split off.
                erasure::erasure_scope(self.store, caller, older).await?.users.pop().ok_or(nobody)
            }
            (resolved, _) => resolved,
        }
    }

    /// What the archive has of these users; where it cannot look for users, of these calls.
    async fn archived(&self, ids: &[UserId], session_ids: &BTreeSet<SessionId>) -> Result<Archived, OperationError> {
        let mut archived = Archived::default();
        let Some(archive) = self.archive else { return Ok(archived) };
        for id in ids {
            match archive.of_user(id).await? {
                Some(sessions) => archived.found.extend(sessions),
                None => {
                    archived.not_looked_for = vec![
                        "calls in the archive that are in no index here any more: the archive's server cannot look for a \
                         user's (`GET /users/{uid}/sessions`)"
                            .to_owned(),
                    ];
                }
            }
        }
        if !archived.not_looked_for.is_empty() {
            for session_id in session_ids {
                if !archived.found.iter().any(|session| session.session_id == *session_id) {
                    archived.found.extend(archive.get(session_id).await?);
                }
            }
        }
        Ok(archived)
    }

    /// The finished calls whose documents are a user's. Looks at every session in the store.
    async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionId>, OperationError> {
        let (mut theirs, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.sessions(Page { after, limit: MAX_PAGE }).await?;
            for session_id in page.entries {
                if self.store.session_entry(&session_id).await?.is_some_and(|entry| entry.user_id == *user) {
                    theirs.push(session_id);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(theirs);
            }
        }
    }
}

/// What was found in the archive.
#[derive(Default)]
struct Archived {
    found: Vec<SessionDoc>,
    not_looked_for: Vec<String>,
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
