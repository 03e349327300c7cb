//! Where each remembered thing comes from.

use std::collections::HashMap;

use redial_call::Role;
use redial_memory::model::{Confidence, Profile, SessionDoc};
use redial_memory::why;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OperationError, Operations, Subject};

/// All that is remembered of a caller, with its receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Why {
    /// Who: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// One entry a thing.
    pub remembered: Vec<Remembered>,
}

/// One remembered thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Remembered {
    /// What kind of thing: `name`, `summary`, `call`, `fact`, `language`, `consent`, `setting`; more kinds may come.
    pub what: &'static str,
    /// What is remembered.
    pub value: String,
    /// How sure we are; absent of what is a record and not a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confidence: Option<Confidence>,
    /// When it ceased to hold, Unix time in ms; absent while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<u64>,
    /// Where it comes from, oldest first.
    pub sources: Vec<Source>,
}

/// A call, or a turn of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Source {
    /// The call's id, which is the carrier's.
    pub session_id: String,
    /// The turn's number in it; absent for the call as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub turn: Option<u32>,
    /// When that call ended, Unix time in ms; absent when it is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<u64>,
    /// What the caller said in that turn; absent when the call's words have expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub said: Option<String>,
}

impl Operations<'_> {
    /// What is remembered of somebody, and why.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::Conflict`] when this version cannot read the profile.
    pub async fn why(&self, subject: &Subject) -> Result<Why, OperationError> {
        let user = self.resolve(subject).await?;
        let profile = self.entry(&user).await?.profile.ok_or_else(super::profile::unreadable)?;
        let mut calls = Calls { operations: self, read: HashMap::new(), profile: &profile };
        let mut remembered = Vec::new();
        for why::Receipt { what, value, sources, conf, until } in why::why(&profile) {
            let mut found = Vec::with_capacity(sources.len());
            for receipt in &sources {
                found.push(calls.source(receipt).await);
            }
            remembered.push(Remembered { what, value, confidence: conf, until, sources: found });
        }
        Ok(Why { user_id: user.as_str().to_owned(), remembered })
    }
}

/// The calls that receipts name, each read once.
struct Calls<'a> {
    operations: &'a Operations<'a>,
    read: HashMap<String, Option<SessionDoc>>,
    profile: &'a Profile,
}

impl Calls<'_> {
    /// What a receipt names: `SID#turn`, or `SID`.
    async fn source(&mut self, receipt: &str) -> Source {
        let (id, turn) = match receipt.rsplit_once('#') {
            Some((id, turn)) => (id, turn.parse().ok()),
            None => (receipt, None),
        };
        if !self.read.contains_key(id) {
            // A receipt is worth showing although the call cannot be read any more, whatever the reason.
            let session = match id.parse() {
                Ok(session_id) => self.operations.find_session(&session_id).await.ok().flatten(),
                Err(_) => None,
            };
            self.read.insert(id.to_owned(), session);
        }
        let session = self.read.get(id).and_then(Option::as_ref);
        let said = turn.zip(session).and_then(|(turn, session)| {
            let mut turns = session.conversation_history.iter().map(|message| &message.turn);
            let spoken = turns.find(|spoken| spoken.id.0 == turn && spoken.role == Role::Caller)?;
            Some(spoken.text.clone())
        });
        let episode = self.profile.episodes.iter().find(|episode| episode.session_id.as_str() == id);
        let at = session.map(|session| session.ended_at).or(episode.map(|episode| episode.at));
        Source { session_id: id.to_owned(), turn, at, said }
    }
}
