//! One document of an older deployment, read by itself: what a repair finds in the place of ours.

use redial_identity::UserId;
use redial_memory::model::{Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;

use super::sarah;

/// A profile that is JSON text, ours or another's; `None` when nothing can be taken from it.
pub(crate) fn profile(text: &str) -> Option<Profile> {
    let ours = serde_json::from_str::<Profile>(text).ok().filter(|profile| (1..=SCHEMA_VERSION).contains(&profile.v));
    if ours.is_some() {
        return ours;
    }
    let remembered = sarah::profile(text).ok().filter(|remembered| !remembered.is_empty())?;
    // It comes in with no session; a receipt names one all the same.
    Some(remembered.adopt_into(Profile::default(), &SessionId::named("repaired")))
}

/// A session that is JSON text, ours or another's; `None` when nothing can be taken from it, or it names no user. `now`,
/// Unix ms, stands for a time that it does not tell.
pub(crate) fn session(text: &str, session_id: &SessionId, now: u64) -> Option<SessionDoc> {
    let ours = serde_json::from_str::<SessionDoc>(text).ok().filter(|session| session.v <= SCHEMA_VERSION);
    if let Some(session) =
        ours.filter(|session| session.session_id == *session_id && UserId::parse(&session.user_id).is_ok())
    {
        return Some(session);
    }
    let conversation = sarah::conversation(text).ok().filter(|conversation| !conversation.messages.is_empty())?;
    let user = UserId::parse(conversation.user.as_deref()?).ok()?;
    Some(conversation.into_session(session_id, &user, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = include_str!("../../../../fixtures/import/sarah/user_profile.json");
    const SESSION: &str = include_str!("../../../../fixtures/import/sarah/session.json");

    #[test]
    fn anothers_documents_are_taken_over_and_rubbish_is_not() {
        let read = profile(PROFILE).unwrap();
        assert_eq!(read.name.unwrap().say, "Ana");
        assert!(read.summary.contains("Moved the appointment to Friday."), "{}", read.summary);
        let read = session(SESSION, &SessionId::named("MZ1"), 0).unwrap();
        assert_eq!((read.session_id.as_str(), read.conversation_history.len()), ("MZ1", 2));
        for rubbish in ["", "[]", "{}", "null", "\"text\"", "{\"episodes\":3}"] {
            assert_eq!((profile(rubbish), session(rubbish, &SessionId::named("MZ1"), 0)), (None, None), "{rubbish}");
        }
    }

    #[test]
    fn our_own_documents_stay_as_they_are() {
        let ours = session(SESSION, &SessionId::named("MZ1"), 0).unwrap();
        assert_eq!(session(&serde_json::to_string(&ours).unwrap(), &"MZ1".parse().unwrap(), 5), Some(ours));
        let ours = Profile { v: SCHEMA_VERSION, summary: "[2026-11-02] said hello".to_owned(), ..Profile::default() };
        assert_eq!(profile(&serde_json::to_string(&ours).unwrap()), Some(ours));
    }
}
