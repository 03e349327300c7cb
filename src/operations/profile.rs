//! A caller's profile, as other programs load and store it.

use redial_identity::UserId;
use redial_language::name;
use redial_memory::facts::{MAX_TEXT_CHARS, is_key};
use redial_memory::merge::{MAX_FACTS, MAX_PROFILE_BYTES, MAX_TAG_CHARS, bytes};
use redial_memory::model::{Confidence, Profile};
use redial_store::directory::ProfileChange;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OperationError, Operations};

/// Characters of a summary, episodes of a profile, characters of an episode: as the model says.
const MAX_SUMMARY_CHARS: usize = 1000;
const MAX_EPISODES: usize = 20;
const MAX_EPISODE_CHARS: usize = 240;
const MAX_OPEN_CHARS: usize = 160;
/// Characters of a receipt: a call, a turn of it, or who said so.
const MAX_SOURCE_CHARS: usize = 200;

/// A profile and its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredProfile {
    /// Whose: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// The revision, to be named when it is changed. 0: there is none yet.
    pub revision: u64,
    /// The profile; `{}` for somebody of whom nothing is known.
    pub profile: Profile,
}

/// A newer version wrote it, or it is damaged.
pub(super) fn unreadable() -> OperationError {
    OperationError::Conflict(
        "the profile cannot be read by this version: upgrade, or repair it (`redial memory repair`)".to_owned(),
    )
}

impl Operations<'_> {
    /// Loads a profile, the empty one for somebody who is not known.
    ///
    /// # Errors
    /// [`OperationError::Conflict`] when this version cannot read it.
    pub async fn load_profile(&self, user: &UserId) -> Result<StoredProfile, OperationError> {
        let (revision, profile) = match self.store.user(user).await? {
            Some(entry) => (entry.revision, entry.profile.ok_or_else(unreadable)?),
            None => (0, Profile::default()),
        };
        Ok(StoredProfile { user_id: user.as_str().to_owned(), revision, profile })
    }

    /// Puts a profile in the place of the one at `base_revision`. Answers the new revision. Makes nobody.
    ///
    /// # Errors
    /// [`OperationError::Conflict`] when it has changed since; [`OperationError::Invalid`] when it is larger than a
    /// profile may be; [`OperationError::NotFound`].
    pub async fn store_profile(
        &self,
        user: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<u64, OperationError> {
        check(profile)?;
        // Which ids they had is not for others to forget: an erasure goes by it.
        let known = self.store.user(user).await?.and_then(|known| known.profile);
        let profile = Profile { absorbed: known.unwrap_or_default().absorbed, ..profile.clone() };
        match self.store.change_profile(user, base_revision, &profile).await? {
            ProfileChange::Applied { revision } => Ok(revision),
            ProfileChange::Conflict { profile: None, .. } => Err(unreadable()),
            ProfileChange::Conflict { revision, .. } => Err(OperationError::Conflict(format!(
                "the profile is at revision {revision} by now; load it, and make the change to that one"
            ))),
            ProfileChange::Unknown => Err(self.nobody(user).await),
        }
    }
}

/// The model's limits, and that a name can be said. What an operator's program writes is told to a model like the rest.
fn check(profile: &Profile) -> Result<(), OperationError> {
    let mut wrong = Vec::new();
    let mut at_most = |what: &str, text: &str, limit: usize| {
        if text.chars().count() > limit {
            wrong.push(format!("{what} has more than {limit} characters"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            wrong.push(format!("{what} has control characters"));
        }
    };
    at_most("`summary`", &profile.summary, MAX_SUMMARY_CHARS);
    for episode in &profile.episodes {
        at_most("`s` of an episode", &episode.s, MAX_EPISODE_CHARS);
        at_most("`topic` of an episode", episode.topic.as_deref().unwrap_or_default(), MAX_OPEN_CHARS);
        for open in &episode.open {
            at_most("`open` of an episode", open, MAX_OPEN_CHARS);
        }
    }
    for fact in &profile.facts {
        at_most("`t` of a fact", &fact.t, MAX_TEXT_CHARS);
        at_most("`src` of a fact", &fact.src, MAX_SOURCE_CHARS);
    }
    if let Some(consent) = &profile.consent {
        at_most("`how` of `consent`", &consent.how, MAX_SOURCE_CHARS);
        at_most("`src` of `consent`", &consent.src, MAX_SOURCE_CHARS);
    }
    if profile.facts.iter().any(|fact| !is_key(&fact.k) || fact.t.trim().is_empty()) {
        wrong.push("a fact has no text, or `k` is not 1 to 64 of `a-z0-9_.`".to_owned());
    }
    if profile.facts.len() > MAX_FACTS {
        wrong.push(format!("there are more than {MAX_FACTS} facts"));
    }
    let is_tag = |tag: &String| {
        (2..=MAX_TAG_CHARS).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if profile.lang.as_ref().is_some_and(|tag| !is_tag(tag)) {
        wrong.push("`lang` is no BCP 47 tag, such as es".to_owned());
    }
    if bytes(profile) > MAX_PROFILE_BYTES {
        wrong.push(format!("it has more than {MAX_PROFILE_BYTES} bytes as JSON"));
    }
    if let Some(name) = &profile.name {
        if name::checked(&name.say).as_ref() != Some(&name.say) {
            wrong.push("`say` of `name` is not a name that can be said aloud".to_owned());
        }
        if name.conf != Confidence::Inferred && name.src.is_empty() {
            wrong.push("`name` has no receipt: say in `src` which call and turn it comes from".to_owned());
        }
    }
    if profile.episodes.len() > MAX_EPISODES {
        wrong.push(format!("there are more than {MAX_EPISODES} episodes"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(OperationError::Invalid(wrong.join("; "))) }
}

#[cfg(test)]
mod tests {
    use redial_memory::model::{Consent, Episode, Fact};
    use utoipa::PartialSchema;

    use super::*;

    /// What the API's document says at a place of a schema.
    fn limit<T: PartialSchema>(place: &str) -> usize {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let limit = schema.pointer(&format!("/properties/{place}")).and_then(serde_json::Value::as_u64);
        usize::try_from(limit.unwrap_or_else(|| panic!("{place}: {schema}"))).unwrap()
    }

    #[test]
    fn the_document_has_the_limits_that_are_checked() {
        assert_eq!(limit::<Profile>("summary/maxLength"), MAX_SUMMARY_CHARS);
        assert_eq!(limit::<Profile>("episodes/maxItems"), MAX_EPISODES);
        assert_eq!(limit::<Profile>("facts/maxItems"), MAX_FACTS);
        assert_eq!(limit::<Episode>("s/maxLength"), MAX_EPISODE_CHARS);
        assert_eq!(limit::<Episode>("topic/maxLength"), MAX_OPEN_CHARS);
        assert_eq!(limit::<Episode>("open/items/maxLength"), MAX_OPEN_CHARS);
        assert_eq!(limit::<Fact>("t/maxLength"), MAX_TEXT_CHARS);
        assert_eq!(limit::<Fact>("src/maxLength"), MAX_SOURCE_CHARS);
        assert_eq!(limit::<Consent>("how/maxLength"), MAX_SOURCE_CHARS);
        assert_eq!(limit::<Consent>("src/maxLength"), MAX_SOURCE_CHARS);
    }
}
