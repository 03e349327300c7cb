//! A finished session goes to the store, and what follows from that is found out.

use std::error::Error;

use redial_identity::{Caller, UserId};
use redial_memory::consent::{self, Keep};
use redial_memory::fold;
use redial_memory::model::{Choice, SessionDoc};
use redial_memory::session_id::SessionId;
use tracing::{debug, info};

use super::super::entry::{Entry, Kind};
use super::super::{PATIENCE, journal};
use super::Deliverer;
use crate::hang_up::{self, HangUp, Written};
use crate::store::MemoryError;

impl Deliverer {
    /// Writes a session to the store, or forgets its caller if they asked for it in this call (`None`). Answers also whose
    /// call it turned out to be.
    pub(super) async fn deliver_session(
        &self,
        mut caller: Caller,
        mut session: SessionDoc,
        instance: Option<&str>,
    ) -> Result<(Option<Written>, UserId), MemoryError> {
        if fold::is_erasure_confirmed(&session) {
            self.forget_whoever_asked(&caller, &session.session_id).await?;
            info!(call.sid = session.session_id.as_str(), "the caller asked to be forgotten, and is");
            return Ok((None, caller.user_id));
        }
        // A repeated delivery goes where the first one went.
        let called_as = std::mem::replace(&mut session.user_id, caller.user_id.as_str().to_owned());
        if let Some(new) = self.split_from(&caller, &called_as, &session).await? {
            info!(call.sid = session.session_id.as_str(), "the number has another owner now, who is somebody new");
            session.user_id = new.as_str().to_owned();
            caller.user_id = new;
        }
        let session_id = session.session_id.clone();
        let apply = |profile, session: &SessionDoc| fold::apply_session(self.sinks.consent, profile, session);
        // Else who is known would always be a conflict first, and be folded twice.
        let known = match caller.hash {
            Some(_) => self.sinks.store.user(&caller.user_id).await?,
            None => None,
        };
        let base = known.and_then(|known| Some((known.revision, known.profile?)));
        let (written, owner) =
            hang_up::write(self.sinks.store.as_ref(), HangUp { caller, session, base }, apply).await?;
        self.end_mirror(session_id, instance).await;
        Ok((Some(written), owner))
    }

    /// Whether anything of a call may be kept for good if its caller has agreed; whether they have is looked at when it is
    /// kept. Never of a withheld number: no erasure would find it.
    pub(super) fn may_be_kept(&self, caller: &Caller, session: &SessionDoc) -> bool {
        let any = consent::kept(self.sinks.consent, Some(Choice::Yes), fold::is_unremembered(session));
        caller.hash.is_some() && any > Keep::Nothing
    }

    /// What is to be queued once a session is delivered. That holds for a duplicate as well: its first delivery may not have
    /// been noted. Once it is noted that this was queued, only a store that had forgotten the call gets its summary again.
    pub(super) fn follow_ups(&self, entry: &Entry, written: Written, may_be_kept: bool) -> Vec<Kind> {
        if written == Written::Erased || !may_be_kept {
            return Vec::new();
        }
        let is_forgotten = !entry.followed || matches!(written, Written::Applied { .. });
        let archive = (self.sinks.archive.is_some() && !entry.followed).then_some(Kind::Archive);
        let summary = (self.sinks.summarizer.is_some() && is_forgotten).then_some(Kind::Summary);
        archive.into_iter().chain(summary).collect()
    }

    /// Ends the mirror of a call that is over: not that of one that goes on here, or with another instance.
    async fn end_mirror(&self, session_id: SessionId, instance: Option<&str>) {
        let (Some(mirror), Some(instance)) = (&self.sinks.mirror, instance) else { return };
        let asked = session_id.clone();
        match self.spool.database.ask(PATIENCE, move |rows| journal::is_open(rows, &asked)).await {
            Ok(false) => mirror.end(&session_id, instance).await,
            Ok(true) => (),
            Err(error) => debug!(
                call.sid = session_id.as_str(),
                error = &error as &dyn Error,
                "the call's mirror is left to expire"
            ),
        }
    }
}
