//! Finding a caller whose number was hashed otherwise before: with a former pepper, or without one.
//!
//! Numbers are not stored, so a mapping can only be moved while its caller is on the phone. The user keeps their id:
//! the one that is derived from the number changes with the pepper, and nothing that is stored does.

use redial_identity::{Caller, PhoneHash};

use super::store::{Known, MemoryError};
use crate::directory::Memory;

/// Begins a call like [`Store::begin_call`](super::store::Store::begin_call), and moves the mapping of a caller who was
/// known under one of the `older` hashes (the most recent first) to the present one.
///
/// One round trip for a caller who is known under the present hash; for anybody else one more for each older hash, one
/// to be sure that nobody else moved the mapping meanwhile, and three for the move.
///
/// Two instances that do this at once end with one user. Whatever is done may be repeated, whoever crashed where: the
/// older mapping goes last.
///
/// # Errors
/// As for `begin_call`. The call then goes on as a stranger's, and the next one looks again, unless this one is written
/// under the derived id first.
///
/// # Cancel safety
/// Dropped, the move may be half done; the next call finishes it, or finds it done.
pub async fn begin_call_migrating(
    store: &dyn Memory,
    caller: Caller,
    older: &[PhoneHash],
) -> Result<Known, MemoryError> {
    let known = store.begin_call(&caller).await?;
    let Some(hash) = &caller.hash else { return Ok(known) };
    // Not `created` alone: who made the mapping may have crashed before it looked further.
    if older.is_empty() || !is_stranger(&known) {
        return Ok(known);
    }
    let mut user = None;
    for older in older.iter().filter(|older| *older != hash) {
        let Some(owner) = store.owner(older).await? else { continue };
        let user = user.get_or_insert_with(|| owner.clone());
        // Of two users under two older hashes the more recent one is the caller; the other is left alone.
        if owner == *user {
            store.assign(hash, Some(user)).await?;
            store.assign(older, None).await?;
        }
    }
    let moved_by_another = match &user {
        Some(_) => true,
        // Somebody may have moved it after our call began and before we looked.
        None => store.owner(hash).await?.is_some_and(|owner| owner != known.user_id),
    };
    if moved_by_another { store.begin_call(&caller).await } else { Ok(known) }
}

/// Nobody of whom anything is known.
fn is_stranger(known: &Known) -> bool {
    known.created || (known.calls == 0 && known.revision == 0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use redial_identity::UserId;
    use redial_memory::model::{Profile, SessionDoc};
    use redial_memory::session_id::SessionId;

    use super::*;
    use crate::directory::{Directory, Erased, Figures, Listing, Page, ProfileChange, SessionEntry, UserEntry};
    use crate::store::{Commit, Health, Outcome, Store};

    /// Mappings, and calls by user. Each operation lets others in first, and the one that is told to fails.
    #[derive(Default)]
    struct Fake {
        mappings: Mutex<HashMap<PhoneHash, UserId>>,
        calls: HashMap<UserId, u64>,
        operations: AtomicUsize,
        fails_at: Option<usize>,
        /// How often each operation lets others in, by turns.
        yields: Vec<usize>,
    }

    impl Fake {
        /// Ana is known under the older hash.
        fn with_ana() -> Self {
            Self {
                mappings: Mutex::new(HashMap::from([(hash("old"), user("u_ana"))])),
                calls: HashMap::from([(user("u_ana"), 3)]),
                ..Self::default()
            }
        }

        async fn step(&self) -> Result<(), MemoryError> {
            let nth = self.operations.fetch_add(1, Ordering::SeqCst);
            for _ in 0..self.yields.get(nth).copied().unwrap_or(0) {
                tokio::task::yield_now().await;
            }
            match self.fails_at {
                Some(at) if at == nth => Err(MemoryError::Unavailable { advice: String::new(), source: None }),
                _ => Ok(()),
            }
        }

        fn mappings(&self) -> Vec<(String, String)> {
            let mappings = self.mappings.lock().unwrap();
            let mut mappings: Vec<_> =
                mappings.iter().map(|(hash, user)| (hash.as_str().to_owned(), user.as_str().to_owned())).collect();
            mappings.sort();
            mappings
        }
    }

    #[async_trait]
    impl Store for Fake {
        async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
            self.step().await?;
            let Some(hash) = &caller.hash else { return Ok(Known::stranger(caller.user_id.clone())) };
            let mut mappings = self.mappings.lock().unwrap();
            let created = !mappings.contains_key(hash);
            let user = mappings.entry(hash.clone()).or_insert_with(|| caller.user_id.clone()).clone();
            let calls = self.calls.get(&user).copied().unwrap_or(0);
            Ok(Known { created, calls, revision: calls, ..Known::stranger(user) })
        }

        async fn commit_session(&self, _: &Commit) -> Result<Outcome, MemoryError> {
            unreachable!("a call start writes no session")
        }

        async fn load_session(&self, _: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
            unreachable!("a call start reads no session")
        }

        async fn health(&self) -> Result<Health, MemoryError> {
            unreachable!("nobody asks")
        }
    }

    #[async_trait]
    impl Directory for Fake {
        async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
            self.step().await?;
            Ok(self.mappings.lock().unwrap().get(hash).cloned())
        }

        async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
            self.step().await?;
            let mut mappings = self.mappings.lock().unwrap();
            Ok(match user {
                Some(user) => mappings.insert(hash.clone(), user.clone()),
                None => mappings.remove(hash),
            })
        }

        async fn numbers(&self, _: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn user(&self, _: &UserId) -> Result<Option<UserEntry>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn users(&self, _: Page) -> Result<Listing<UserId>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn sessions(&self, _: Page) -> Result<Listing<SessionId>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn session_entry(&self, _: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn clear_session(&self, _: &SessionId) -> Result<bool, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn change_profile(&self, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn merge_users(&self, _: &UserId, _: &UserId, _: u64, _: &Profile) -> Result<ProfileChange, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn erase(&self, _: &UserId) -> Result<Erased, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn erased_among(&self, _: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn figures(&self) -> Result<Figures, MemoryError> {
            unreachable!("only mappings are asked for")
        }

        async fn clear(&self) -> Result<u64, MemoryError> {
            unreachable!("only mappings are asked for")
        }
    }

    fn hash(text: &str) -> PhoneHash {
        PhoneHash::parse(text).unwrap()
    }

    fn user(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    /// Ana by her present hash.
    fn ana() -> Caller {
        Caller { user_id: user("u_derived"), hash: Some(hash("new")) }
    }

    fn moved() -> Vec<(String, String)> {
        vec![("new".to_owned(), "u_ana".to_owned())]
    }

    #[tokio::test]
    async fn a_caller_who_was_known_under_an_older_hash_is_the_same_person() {
        let store = Fake::with_ana();
        let known = begin_call_migrating(&store, ana(), &[hash("older"), hash("old")]).await.unwrap();
        assert_eq!((known.user_id.as_str(), known.calls, known.created), ("u_ana", 3, false));
        assert_eq!(store.mappings(), moved());
        // From then on it is one round trip.
        let before = store.operations.load(Ordering::SeqCst);
        assert_eq!(begin_call_migrating(&store, ana(), &[hash("old")]).await.unwrap().user_id, user("u_ana"));
        assert_eq!(store.operations.load(Ordering::SeqCst), before + 1);
    }

    #[tokio::test]
    async fn a_stranger_stays_one_and_a_withheld_caller_is_not_looked_for() {
        let store = Fake::default();
        let known = begin_call_migrating(&store, ana(), &[hash("old")]).await.unwrap();
        assert_eq!((known.user_id.as_str(), known.created), ("u_derived", true));
        let withheld = Caller { user_id: user("anon_1"), hash: None };
        assert_eq!(begin_call_migrating(&store, withheld, &[hash("old")]).await.unwrap().user_id, user("anon_1"));
        assert_eq!(store.mappings(), [("new".to_owned(), "u_derived".to_owned())]);
    }

    #[tokio::test]
    async fn a_caller_who_is_known_here_already_is_not_replaced() {
        let mut store = Fake::with_ana();
        store.mappings.get_mut().unwrap().insert(hash("new"), user("u_derived"));
        store.calls.insert(user("u_derived"), 1);
        assert_eq!(begin_call_migrating(&store, ana(), &[hash("old")]).await.unwrap().user_id, user("u_derived"));
    }

    #[tokio::test]
    async fn two_older_hashes_of_one_user_are_both_moved_and_those_of_another_left_alone() {
        let mut store = Fake::with_ana();
        store.mappings.get_mut().unwrap().extend([(hash("plain"), user("u_ana")), (hash("shared"), user("u_eva"))]);
        begin_call_migrating(&store, ana(), &[hash("old"), hash("plain"), hash("shared")]).await.unwrap();
        assert_eq!(store.mappings(), [moved(), vec![("shared".to_owned(), "u_eva".to_owned())]].concat());
    }

    #[tokio::test]
    async fn a_crash_at_any_step_loses_nobody() {
        for at in 0..5 {
            let mut store = Fake { fails_at: Some(at), ..Fake::with_ana() };
            assert!(begin_call_migrating(&store, ana(), &[hash("old")]).await.is_err(), "there is no step {at}");
            store.fails_at = None;
            let known = begin_call_migrating(&store, ana(), &[hash("old")]).await.unwrap();
            assert_eq!((known.user_id.as_str(), known.calls), ("u_ana", 3), "crashed at step {at}");
            // A mapping that stays behind leads to the same person.
            assert!(store.mappings().iter().all(|(_, user)| user == "u_ana"), "{:?}", store.mappings());
        }
    }

    #[tokio::test]
    async fn two_instances_at_once_end_with_one_user() {
        // Every way for two instances to take turns within four delays, by steps of up to two.
        for pattern in 0..3_usize.pow(8) {
            let yields = (0..8).map(|digit| pattern / 3_usize.pow(digit) % 3).collect();
            let store = Fake { yields, ..Fake::with_ana() };
            let older = [hash("old")];
            let (one, two) =
                tokio::join!(begin_call_migrating(&store, ana(), &older), begin_call_migrating(&store, ana(), &older));
            let users = [one.unwrap().user_id, two.unwrap().user_id];
            assert_eq!(users, [user("u_ana"), user("u_ana")], "{:?}", store.yields);
            assert_eq!(store.mappings(), moved(), "{:?}", store.yields);
        }
    }
}
