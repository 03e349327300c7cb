//! What the caller agreed to, and what may be kept of a call.

use redial_call::Via;

use super::merge::settled;
use super::model::{Choice, Consent, Profile, SessionDoc};
use super::source::{session_of, time_of};
use crate::talk::Talk;

/// How callers agree to being remembered (`MEMORY_CONSENT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsentMode {
    /// By calling. Nothing is said about it.
    Implicit,
    /// By going on after the first greeting, which says so.
    #[default]
    Announce,
    /// By saying yes, or pressing 1, when asked. Without an answer nothing is kept.
    Ask,
    /// Not at all: nothing is remembered beyond the session, and nothing remembered earlier is used.
    Off,
}

impl ConsentMode {
    /// The mode by its name in the configuration.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "implicit" => Some(Self::Implicit),
            "announce" => Some(Self::Announce),
            "ask" => Some(Self::Ask),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// What of a call goes into the profile, from nothing to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// The call's sentence, name and ordinary facts.
    Ordinary,
    /// Sensitive facts as well.
    All,
}

/// What may be kept of a call in which `choice` is in force, and whose caller may have asked that it be `unremembered`.
pub fn kept(mode: ConsentMode, choice: Option<Choice>, unremembered: bool) -> Keep {
    match (mode, choice) {
        _ if unremembered => Keep::Nothing,
        (ConsentMode::Off, _) | (_, Some(Choice::No)) | (ConsentMode::Ask, None) => Keep::Nothing,
        (_, Some(Choice::Yes)) => Keep::All,
        (ConsentMode::Implicit | ConsentMode::Announce, None) => Keep::Ordinary,
    }
}

/// What may be kept of a finished call by whoever comes after the fold, a model or the archive; `known` is the answer in
/// the caller's profile by now.
///
/// A "no" holds whenever it was given, also when it came later: nobody else is shown the words then. A "yes" holds for
/// its own call and later ones.
pub fn kept_later(mode: ConsentMode, known: Option<&Consent>, session: &SessionDoc) -> Keep {
    let talk = Talk::of_session(session);
    let own = given(&talk, session).map(|given| given.memory);
    let holds = |given: &&Consent| {
        given.memory == Choice::No
            || given.at <= session.started_at
            || session_of(&given.src) == session.session_id.as_str()
    };
    let known = known.filter(holds).map(|given| given.memory);
    // No before yes, and either before no answer.
    kept(mode, own.max(known), talk.unremembered)
}

/// Whether the greeting asks: only where asking is configured, something could be remembered, and there is no answer yet.
pub fn is_asked(mode: ConsentMode, withheld: bool, consent: Option<&Consent>) -> bool {
    mode == ConsentMode::Ask && !withheld && consent.is_none()
}

/// Whether what is remembered may be used in a call.
pub fn may_recall(mode: ConsentMode, consent: Option<&Consent>) -> bool {
    mode != ConsentMode::Off && consent.is_none_or(|given| given.memory == Choice::Yes)
}

/// The answer that was given in `session`.
pub(super) fn given(talk: &Talk, session: &SessionDoc) -> Option<Consent> {
    let answer = talk.consent?;
    let turns: Vec<_> = session.conversation_history.iter().map(|message| message.turn.clone()).collect();
    let how = match (answer.via, answer.yes) {
        (Via::Voice, _) => "voice",
        (Via::Keypad, true) => "dtmf-1",
        (Via::Keypad, false) => "dtmf-2",
    };
    Some(Consent {
        memory: if answer.yes { Choice::Yes } else { Choice::No },
        at: time_of(session, &turns, answer.turn),
        how: how.to_owned(),
        src: format!("{}#{}", session.session_id, answer.turn.0),
    })
}

/// `profile` without what calls left since the caller said no. What was kept before that stays: the question was about
/// the calls to come, and "delete my data" is another one.
pub(super) fn enforced(mut profile: Profile) -> Profile {
    let Some(no) = profile.consent.clone().filter(|given| given.memory == Choice::No) else { return profile };
    let after = |src: &str, at: u64| at >= no.at || session_of(src) == session_of(&no.src);
    profile.episodes.retain(|episode| !after(episode.session_id.as_str(), episode.at));
    profile.name = profile.name.filter(|name| !after(&name.src, name.at));
    profile.facts.retain(|fact| !after(&fact.src, fact.at));
    settled(profile)
}

#[cfg(test)]
mod tests {
    use super::super::model::Metadata;
    use super::*;

    #[test]
    fn only_what_the_caller_agreed_to_is_kept() {
        use ConsentMode::{Announce, Ask, Implicit, Off};
        for (mode, choice, expected) in [
            (Implicit, None, Keep::Ordinary),
            (Announce, None, Keep::Ordinary),
            (Ask, None, Keep::Nothing),
            (Off, None, Keep::Nothing),
            (Off, Some(Choice::Yes), Keep::Nothing),
            (Ask, Some(Choice::Yes), Keep::All),
            (Announce, Some(Choice::Yes), Keep::All),
            (Implicit, Some(Choice::No), Keep::Nothing),
            (Ask, Some(Choice::No), Keep::Nothing),
        ] {
            assert_eq!(kept(mode, choice, false), expected, "{mode:?} {choice:?}");
            assert_eq!(kept(mode, choice, true), Keep::Nothing, "{mode:?} {choice:?}");
        }
    }

    #[test]
    fn a_no_holds_for_earlier_calls_and_a_yes_does_not() {
        use ConsentMode::{Announce, Ask, Off};
        let session = SessionDoc {
            session_id: "CA1".parse().unwrap(),
            conversation_history: Vec::new(),
            last_update: String::new(),
            metadata: Metadata::default(),
            v: 1,
            user_id: "u_a".to_owned(),
            started_at: 100,
            ended_at: 200,
            end_reason: String::new(),
        };
        for (mode, memory, at, src, expected) in [
            (Ask, Choice::Yes, 50, "CA0#1", Keep::All),
            (Ask, Choice::Yes, 150, "CA1#2", Keep::All),
            (Ask, Choice::Yes, 150, "CA2#2", Keep::Nothing),
            (Announce, Choice::Yes, 300, "CA2#2", Keep::Ordinary),
            (Announce, Choice::No, 50, "CA0#1", Keep::Nothing),
            (Announce, Choice::No, 300, "CA2#2", Keep::Nothing),
            (Off, Choice::Yes, 50, "CA0#1", Keep::Nothing),
        ] {
            let given = Consent { memory, at, how: "voice".to_owned(), src: src.to_owned() };
            assert_eq!(kept_later(mode, Some(&given), &session), expected, "{mode:?} {given:?}");
        }
        assert_eq!(kept_later(Ask, None, &session), Keep::Nothing);
        assert_eq!(kept_later(Announce, None, &session), Keep::Ordinary);
    }

    #[test]
    fn a_caller_is_asked_once_and_only_where_something_can_be_remembered() {
        let yes = Consent { memory: Choice::Yes, at: 1, how: "voice".to_owned(), src: "CA1#2".to_owned() };
        let no = Consent { memory: Choice::No, ..yes.clone() };
        assert!(is_asked(ConsentMode::Ask, false, None));
        assert!(!is_asked(ConsentMode::Ask, true, None), "a withheld number");
        assert!(!is_asked(ConsentMode::Ask, false, Some(&no)));
        assert!(!is_asked(ConsentMode::Announce, false, None));
        assert!(may_recall(ConsentMode::Ask, Some(&yes)) && may_recall(ConsentMode::Announce, None));
        assert!(!may_recall(ConsentMode::Ask, Some(&no)) && !may_recall(ConsentMode::Off, Some(&yes)));
    }
}
