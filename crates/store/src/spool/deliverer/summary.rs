//! A model improves what the rules remember of a call.

use redial_identity::UserId;
use redial_memory::consent::{self, Keep};
use redial_memory::improve;
use redial_memory::model::SessionDoc;
use redial_memory::summarizer::{SummaryError, SummaryRequest};

use super::Deliverer;
use crate::directory::ProfileChange;
use crate::store::MemoryError;

impl Deliverer {
    /// Lets a model improve what the rules remember of a call.
    pub(super) async fn improve(&self, user: &UserId, session: &SessionDoc) -> Result<(), MemoryError> {
        let Some(summarizer) = &self.sinks.summarizer else { return Ok(()) };
        let store = &self.sinks.store;
        let Some(known) = store.user(user).await? else { return Ok(()) };
        // Of a profile that cannot be read, nothing could be improved, nor told what the caller has agreed to.
        let Some(present) = known.profile else { return Ok(()) };
        if consent::kept_later(self.sinks.consent, present.consent.as_ref(), session) == Keep::Nothing {
            return Ok(());
        }
        let previous_summary = present.summary.clone();
        let (mut revision, mut profile) = (known.revision, Some(present));
        let request = SummaryRequest { previous_summary, session: session.clone() };
        let draft = match summarizer.summarize(&request).await {
            Ok(draft) => draft,
            Err(SummaryError::NoEvidence) => return Ok(()),
            // What a model answers once, it may not answer again.
            Err(error @ (SummaryError::Unavailable { .. } | SummaryError::Unusable(_))) => {
                let advice = "the summary that rules made stays until the model answers".to_owned();
                return Err(MemoryError::Unavailable { advice, source: Some(error.into()) });
            }
            Err(error @ (SummaryError::Rejected { .. } | SummaryError::Refused)) => {
                return Err(MemoryError::Refused(error.to_string()));
            }
        };
        // Each conflict is another writer's success, so this ends.
        while let Some(known) = profile {
            let (better, refused) = improve::improved(self.sinks.consent, known.clone(), session, &draft);
            for reason in refused {
                metrics::counter!("redial_facts_refused_total", "reason" => reason.as_str()).increment(1);
            }
            if better == known {
                return Ok(());
            }
            match store.change_profile(user, revision, &better).await? {
                ProfileChange::Applied { .. } | ProfileChange::Unknown => return Ok(()),
                ProfileChange::Conflict { revision: present, profile: moved_on } => {
                    (revision, profile) = (present, moved_on);
                }
            }
        }
        Ok(())
    }
}
