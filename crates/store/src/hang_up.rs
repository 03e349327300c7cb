//! Writing a finished call: in order for each caller, merged with what others wrote.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use redial_identity::{Caller, UserId};
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::merge_copies::merge_copies;

use super::store::{Commit, MemoryError, Outcome, Store};

/// A finished call.
#[derive(Debug, Clone)]
pub struct HangUp {
    /// Whose call, with the user id that [`Store::begin_call`] answered, or the derived one when it was not reached.
    pub caller: Caller,
    /// The session to write; its `user_id` is the caller's.
    pub session: SessionDoc,
    /// Revision and profile to fold it into; `None`: the store answers with them, if there are any.
    pub base: Option<(u64, Profile)>,
}

/// How a finished call was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Session and profile are stored.
    Applied {
        /// The profile's new revision.
        revision: u64,
    },
    /// They were already, with all that this copy of the call has.
    Duplicate,
    /// The caller was erased in the meantime; nothing is kept.
    Erased,
}

/// Writes a finished call and what `fold` makes of the profile with it. Answers also whose call it turned out to be.
///
/// One write at a time for each caller of a store, in the order of the calls to this function. Another copy of the call that is
/// stored is united with this one, a number that belongs to another user takes the call to that one unless it was split
/// off after the call, and a profile that has moved on is folded again, so `fold` may run several times.
///
/// # Errors
/// [`MemoryError::Unavailable`]: writing it again later is harmless. What else there is, trying again would not help.
///
/// # Cancel safety
/// Dropped, this write may be lost or half-way, never another one; writing it again is harmless.
pub async fn write(
    store: &dyn Store,
    mut hang_up: HangUp,
    fold: impl Fn(Profile, &SessionDoc) -> Profile + Send + Sync,
) -> Result<(Written, UserId), MemoryError> {
    loop {
        let lane = Lane::of(store, &hang_up.caller.user_id);
        let _turn = lane.mutex.lock().await;
        match attempt(store, hang_up.clone(), &fold).await? {
            Attempt::Written(written) => return Ok((written, hang_up.caller.user_id)),
            // This lane is left before the next one is entered, so two calls cannot wait for each other.
            Attempt::Mapped(owner) => hang_up = hang_up.of(owner),
        }
    }
}

impl HangUp {
    /// The same call as another user's. Their profile is not known, as if the lookup had failed: at revision 0 there is
    /// none, at any other the store answers with it.
    fn of(self, user_id: UserId) -> Self {
        let Self { caller, mut session, .. } = self;
        session.user_id = user_id.as_str().to_owned();
        Self { caller: Caller { user_id, ..caller }, session, base: None }
    }
}

enum Attempt {
    Written(Written),
    /// Nothing was written; the number belongs to this user.
    Mapped(UserId),
}

async fn attempt(
    store: &dyn Store,
    hang_up: HangUp,
    fold: &(impl Fn(Profile, &SessionDoc) -> Profile + Send + Sync),
) -> Result<Attempt, MemoryError> {
    let HangUp { caller, session, base } = hang_up;
    // What the profile is folded from: as it was at the base revision.
    let (base_revision, mut base) = base.unwrap_or_default();
    let (user_id, profile) = (caller.user_id.clone(), Profile::default());
    let mut commit =
        Commit { caller, user_id, session, profile, base_revision, replaces: None, number_has_moved: false };
    loop {
        commit.profile = fold(base.clone(), &commit.session);
        // Each conflict, and each other copy, is another process's success, so this ends. No pause: the lane keeps our
        // own apart.
        match store.commit_session(&commit).await? {
            Outcome::Applied { revision } => return Ok(Attempt::Written(Written::Applied { revision })),
            Outcome::Duplicate => return Ok(Attempt::Written(Written::Duplicate)),
            Outcome::Erased => return Ok(Attempt::Written(Written::Erased)),
            // What its former owner said is not for whoever has the number now. The times are those of two machines; what
            // ends that close to the split may be either's.
            Outcome::Mapped { user_id }
                if !commit.number_has_moved && user_id.since().is_some_and(|since| commit.session.ended_at < since) =>
            {
                commit.number_has_moved = true;
            }
            Outcome::Mapped { user_id } => return Ok(Attempt::Mapped(user_id)),
            Outcome::Conflict { revision, profile } => {
                commit.base_revision = revision;
                base = profile;
            }
            Outcome::Differs { stored, digest } => {
                if let Some(stored) = stored {
                    commit.session = merge_copies(&commit.session, &stored);
                    commit.session.user_id = commit.user_id.as_str().to_owned();
                }
                commit.replaces = Some(digest);
            }
        }
    }
}

/// Whose calls, and in which store: its address, as a simulation has several instances in one process.
type Whose = (usize, UserId);

type Lanes = HashMap<Whose, Arc<tokio::sync::Mutex<()>>>;

/// The callers whose calls are being written in this process, no more.
static LANES: LazyLock<Mutex<Lanes>> = LazyLock::new(Mutex::default);

fn lanes() -> MutexGuard<'static, Lanes> {
    // The map is whole between any two statements.
    LANES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue of one caller's hang-ups. The last one to leave takes it away.
struct Lane {
    whose: Whose,
    mutex: Arc<tokio::sync::Mutex<()>>,
}

impl Lane {
    fn of(store: &dyn Store, user_id: &UserId) -> Self {
        let whose = (std::ptr::from_ref(store).addr(), user_id.clone());
        let mutex = Arc::clone(lanes().entry(whose.clone()).or_default());
        Self { whose, mutex }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut lanes = lanes();
        // The map's and ours; others are only made and dropped under the map's lock.
        if Arc::strong_count(&self.mutex) == 2 {
            lanes.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use async_trait::async_trait;
    use redial_call::{Role, Turn, TurnId, Via};
    use redial_memory::digest::SessionDigest;
    use redial_memory::model::{Episode, Message, Metadata};

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

        async fn load_session(&self, _: &str) -> Result<Option<SessionDoc>, MemoryError> {
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

    fn hang_up(user: &str, sid: &str) -> HangUp {
        let user_id = UserId::parse(user).unwrap();
        let session = SessionDoc {
            chat_id: sid.to_owned(),
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
        let (sid, s) = (session.chat_id.clone(), String::new());
        profile.episodes.push(Episode { sid, at: 0, s, open: Vec::new(), topic: None });
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
        let sids: Vec<_> = asked[1].profile.episodes.iter().map(|episode| episode.sid.as_str()).collect();
        assert_eq!(sids, ["CA0", "CA1"]);
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
        let sids: Vec<_> = asked[2].profile.episodes.iter().map(|episode| episode.sid.as_str()).collect();
        assert_eq!(sids, ["CA0", "CA1"], "nothing of whom it was taken for");
        assert!(!has_lane("u_guessed") && !has_lane("u_linked"));
    }

    #[tokio::test(start_paused = true)]
    async fn two_calls_that_are_each_others_users_do_not_wait_for_each_other() {
        let to = |user: &str| Ok(Outcome::Mapped { user_id: UserId::parse(user).unwrap() });
        let (one, other) = (Scripted::new([to("u_b"), applied(1)]), Scripted::new([to("u_a"), applied(1)]));
        let both = async {
            tokio::join!(write(&one, hang_up("u_a", "CA1"), fold), write(&other, hang_up("u_b", "CA2"), fold))
        };
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
        let order: Vec<_> = asked.iter().map(|commit| commit.session.chat_id.as_str()).collect();
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
                tokio::join!(
                    write(&store, hang_up("u_idle", "CA1"), fold),
                    write(&store, hang_up("u_idle", "CA2"), fold)
                )
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
}
