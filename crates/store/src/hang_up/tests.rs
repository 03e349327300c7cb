//! Writing a finished call to a store that answers as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use redial_call::{Role, Turn, TurnId, Via};
use redial_memory::digest::SessionDigest;
use redial_memory::model::{Episode, Message, Metadata};
use redial_memory::session_id::SessionId;

use super::lane::lanes;
use super::*;
use crate::store::{Health, Known};

/// Answers commits as it was told to, and keeps what was asked.
struct Scripted {
    answers: Mutex<VecDeque<Result<Outcome, MemoryError>>>,
    asked: Mutex<Vec<Commit>>,
    is_stuck: bool,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Result<Outcome, MemoryError>>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect());
        Self { answers, asked: Mutex::default(), is_stuck: false }
    }

    /// Never answers.
    fn stuck() -> Self {
        Self { is_stuck: true, ..Self::new([]) }
    }
}

#[async_trait]
impl Store for Scripted {
    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        self.asked.lock().unwrap().push(commit.clone());
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await; // lets another writer in, if nothing keeps it out
        self.answers.lock().unwrap().pop_front().expect("no more commits than answers")
    }

    async fn begin_call(&self, _: &Caller) -> Result<Known, MemoryError> {
        unreachable!("a hang-up reads nothing")
    }

    async fn load_session(&self, _: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        unreachable!("a hang-up reads nothing")
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        unreachable!("a hang-up reads nothing")
    }
}

fn away() -> Result<Outcome, MemoryError> {
    Err(MemoryError::Unavailable { advice: "start it".to_owned(), source: None })
}

fn applied(revision: u64) -> Result<Outcome, MemoryError> {
    Ok(Outcome::Applied { revision })
}

fn hang_up(user: &str, session_id: &str) -> HangUp {
    let user_id = UserId::parse(user).unwrap();
    let session = SessionDoc {
        session_id: session_id.parse().unwrap(),
        conversation_history: Vec::new(),
        last_update: String::new(),
        metadata: Metadata::default(),
        v: 1,
        user_id: user.to_owned(),
        started_at: 0,
        ended_at: 0,
        end_reason: String::new(),
    };
    HangUp { caller: Caller { user_id, hash: None }, session, base: None }
}

fn fold(mut profile: Profile, session: &SessionDoc) -> Profile {
    let (session_id, s) = (session.session_id.clone(), String::new());
    profile.episodes.push(Episode { session_id, at: 0, s, open: Vec::new(), topic: None });
    profile
}

async fn written(store: &Scripted, hang_up: HangUp) -> Written {
    write(store, hang_up, fold).await.unwrap().0
}

fn has_lane(user: &str) -> bool {
    lanes().keys().any(|(_, user_id)| user_id.as_str() == user)
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_the_call_written_later() {
    let store = Scripted::new([away(), applied(1)]);
    let missed = write(&store, hang_up("u_away", "CA1"), fold).await;
    assert!(matches!(missed, Err(MemoryError::Unavailable { .. })), "{missed:?}");
    assert_eq!(written(&store, hang_up("u_away", "CA1")).await, Written::Applied { revision: 1 });
}

#[tokio::test]
async fn a_profile_that_moved_on_is_folded_again() {
    let theirs = fold(Profile::default(), &hang_up("u_moved", "CA0").session);
    let store = Scripted::new([Ok(Outcome::Conflict { revision: 7, profile: theirs }), applied(8)]);
    assert_eq!(written(&store, hang_up("u_moved", "CA1")).await, Written::Applied { revision: 8 });
    let asked = store.asked.into_inner().unwrap();
    assert_eq!(asked.iter().map(|commit| commit.base_revision).collect::<Vec<_>>(), [0, 7]);
    let session_ids: Vec<_> = asked[1].profile.episodes.iter().map(|episode| episode.session_id.as_str()).collect();
    assert_eq!(session_ids, ["CA0", "CA1"]);
}

#[tokio::test]
async fn a_stored_copy_is_united_with_and_the_profile_folded_from_both() {
    let turn = |id| Message {
        turn: Turn {
            id: TurnId(id),
            role: Role::Caller,
            via: Via::Voice,
            text: format!("turn {id}"),
            cut: String::new(),
            never_sent: String::new(),
            acts: Vec::new(),
            start_ms: 0,
            end_ms: 900,
        },
    };
    let (mut ours, mut theirs) = (hang_up("u_copies", "CA1"), hang_up("u_copies", "CA1").session);
    ours.session.conversation_history.push(turn(2));
    theirs.conversation_history.push(turn(1));
    theirs.user_id = "u_before_a_merge".to_owned();
    let digest = SessionDigest::of(&theirs);
    let store = Scripted::new([
        Ok(Outcome::Differs { stored: Some(Box::new(theirs)), digest }),
        Ok(Outcome::Conflict { revision: 3, profile: Profile::default() }),
        applied(4),
    ]);
    let fold = |mut profile: Profile, session: &SessionDoc| {
        profile.summary = format!("{} turns", session.conversation_history.len());
        profile
    };
    let written = write(&store, ours, fold).await;
    assert_eq!(written.unwrap().0, Written::Applied { revision: 4 });
    let asked = store.asked.into_inner().unwrap();
    let replaces: Vec<_> = asked.iter().map(|commit| commit.replaces).collect();
    assert_eq!(replaces, [None, Some(digest), Some(digest)]);
    let folded: Vec<_> = asked.iter().map(|commit| commit.profile.summary.as_str()).collect();
    assert_eq!(folded, ["1 turns", "2 turns", "2 turns"]);
    assert_eq!(asked[1].session.conversation_history, [turn(1), turn(2)]);
    assert_eq!(asked[1].session.user_id, "u_copies");
}

#[tokio::test]
async fn a_copy_that_nothing_is_left_of_is_replaced_by_name() {
    let digest = SessionDigest::of(&hang_up("u_expired", "CA1").session);
    let store = Scripted::new([Ok(Outcome::Differs { stored: None, digest }), applied(2)]);
    assert_eq!(written(&store, hang_up("u_expired", "CA1")).await, Written::Applied { revision: 2 });
    assert_eq!(store.asked.into_inner().unwrap()[1].replaces, Some(digest));
}

#[tokio::test]
async fn a_call_of_another_user_is_folded_on_what_is_known_of_them() {
    let user_id = UserId::parse("u_linked").unwrap();
    let theirs = fold(Profile::default(), &hang_up("u_linked", "CA0").session);
    let store = Scripted::new([
        Ok(Outcome::Mapped { user_id: user_id.clone() }),
        Ok(Outcome::Conflict { revision: 5, profile: theirs }),
        applied(6),
    ]);
    let guessed = fold(Profile::default(), &hang_up("u_guessed", "CA9").session);
    let hang_up = HangUp { base: Some((3, guessed)), ..hang_up("u_guessed", "CA1") };
    let (written, whose) = write(&store, hang_up, fold).await.unwrap();
    assert_eq!((written, &whose), (Written::Applied { revision: 6 }, &user_id));
    let asked = store.asked.into_inner().unwrap();
    assert_eq!(asked.iter().map(|commit| commit.base_revision).collect::<Vec<_>>(), [3, 0, 5]);
    assert!(asked[1..].iter().all(|commit| commit.user_id == user_id && commit.session.user_id == "u_linked"));
    let session_ids: Vec<_> = asked[2].profile.episodes.iter().map(|episode| episode.session_id.as_str()).collect();
    assert_eq!(session_ids, ["CA0", "CA1"], "nothing of whom it was taken for");
    assert!(!has_lane("u_guessed") && !has_lane("u_linked"));
}

#[tokio::test(start_paused = true)]
async fn two_calls_that_are_each_others_users_do_not_wait_for_each_other() {
    let to = |user: &str| Ok(Outcome::Mapped { user_id: UserId::parse(user).unwrap() });
    let (one, other) = (Scripted::new([to("u_b"), applied(1)]), Scripted::new([to("u_a"), applied(1)]));
    let both =
        async { tokio::join!(write(&one, hang_up("u_a", "CA1"), fold), write(&other, hang_up("u_b", "CA2"), fold)) };
    let (one, other) = tokio::time::timeout(Duration::from_secs(1), both).await.expect("they wait for each other");
    assert!(one.is_ok() && other.is_ok());
}

#[tokio::test]
async fn a_refusal_is_final() {
    let store = Scripted::new([Err(MemoryError::Refused("too long".to_owned()))]);
    let written = write(&store, hang_up("u_refused", "CA1"), fold).await;
    assert!(matches!(written, Err(MemoryError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_callers_hang_ups_are_written_one_after_the_other() {
    // Each answers a second attempt of the same call before the other one may begin.
    let moved_on = || Ok(Outcome::Conflict { revision: 1, profile: Profile::default() });
    let store = Scripted::new([moved_on(), applied(1), moved_on(), applied(2)]);
    let (first, second) =
        tokio::join!(written(&store, hang_up("u_order", "CA1")), written(&store, hang_up("u_order", "CA2")));
    assert_eq!((first, second), (Written::Applied { revision: 1 }, Written::Applied { revision: 2 }));
    let asked = store.asked.into_inner().unwrap();
    let order: Vec<_> = asked.iter().map(|commit| commit.session.session_id.as_str()).collect();
    assert_eq!(order, ["CA1", "CA1", "CA2", "CA2"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_keeps_no_other_waiting() {
    let stuck = Scripted::stuck();
    let works = Scripted::new([applied(1)]);
    tokio::select! {
        biased;
        _ = write(&stuck, hang_up("u_stuck", "CA1"), fold) => panic!("the store does not answer"),
        _ = written(&works, hang_up("u_works", "CA2")) => (),
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_is_forgotten_even_if_its_writers_were_dropped() {
    let store = Scripted::stuck();
    {
        let both = async {
            tokio::join!(write(&store, hang_up("u_idle", "CA1"), fold), write(&store, hang_up("u_idle", "CA2"), fold))
        };
        assert!(tokio::time::timeout(Duration::from_secs(1), both).await.is_err());
    }
    assert!(!has_lane("u_idle"));

    let store = Scripted::new([applied(1)]);
    let writing = tokio::spawn(async move { write(&store, hang_up("u_idle", "CA3"), fold).await });
    tokio::task::yield_now().await;
    assert!(has_lane("u_idle"));
    assert!(writing.await.unwrap().is_ok());
    assert!(!has_lane("u_idle"));
}
