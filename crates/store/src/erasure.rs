//! Whom an erasure is about: a number may have had several users, and a user may have become one with others.

use redial_identity::{Caller, PhoneHash, UserId};

use super::directory::Memory;
use super::store::MemoryError;

/// The users that an erasure by number is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErasureScope {
    /// To be erased; the one that is derived from the number is the last.
    pub users: Vec<UserId>,
    /// The one that is derived from the number, where another number shows that it is somebody else's by now.
    pub another: Option<UserId>,
}

/// Whom an erasure by number is about: the users that it leads to under its present hash and `older` ones, and the user that
/// is derived from it, as whose a call was written when its look-up failed.
///
/// # Errors
/// When the store does not answer, or one of the hashes holds something else. Then nobody may be
/// erased: the derived user may be somebody from whom the number was split off.
pub async fn erasure_scope(
    store: &dyn Memory,
    caller: &Caller,
    older: &[PhoneHash],
) -> Result<ErasureScope, MemoryError> {
    let hashes: Vec<&PhoneHash> = caller.hash.iter().chain(older).collect();
    let derived = &caller.user_id;
    let mut scope = ErasureScope::default();
    let mut leads_to_derived = false;
    for hash in &hashes {
        match store.owner(hash).await? {
            Some(user) if user == *derived => leads_to_derived = true,
            Some(user) if !scope.users.contains(&user) => scope.users.push(user),
            Some(_) | None => (),
        }
    }
    if leads_to_derived || store.numbers(derived).await?.iter().all(|number| hashes.contains(&number)) {
        scope.users.push(derived.clone());
    } else {
        scope.another = Some(derived.clone());
    }
    Ok(scope)
}

/// The users who were merged into `user`; none for a profile that cannot be read. What waits in an outbox, and what the
/// archive has, is still under their ids.
///
/// # Errors
/// When the store does not answer, or holds something else.
pub async fn absorbed_by(store: &dyn Memory, user: &UserId) -> Result<Vec<UserId>, MemoryError> {
    let profile = store.user(user).await?.and_then(|known| known.profile).unwrap_or_default();
    Ok(profile.absorbed.iter().filter_map(|id| UserId::parse(id).ok()).filter(|id| id != user).collect())
}
