//! Erasing a person, and the receipt for it.

use std::time::Duration;

use redial_identity::UserId;
use redial_store::archive::ArchiveError;
use redial_store::directory::Erased;
use redial_store::erasure;
use redial_store::spool::Forgotten;
use redial_store::store::MemoryError;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OperationError, Operations, Subject};

/// How long the queued erasure waits while the same is done at once: two at a time would share what they count.
const HOLD: Duration = Duration::from_secs(5);

/// What an erasure covered, and what it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// True when nothing waits any more and nothing is left undone; what copies outside may hold is not asked.
    pub complete: bool,
    /// True when everything was looked at and there was nothing, as when the number or user id is another one than meant.
    pub nothing_held: bool,
    /// What was erased, one entry a user id. A number may have had several.
    pub erased: Vec<Erasure>,
    /// What is still to be done, by itself: queued on this machine's disk until it is.
    pub queued: Vec<String>,
    /// What was not done, and what to do about it.
    pub left: Vec<String>,
    /// Where copies may be that no program reaches from here.
    pub may_remain: Vec<String>,
}

/// What was erased of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erasure {
    /// Whose: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// Calls of this process that go on; nothing of them is kept from now on.
    pub live_calls: usize,
    /// On this machine's disk.
    pub here: HereErased,
    /// In the store; null while it does not answer.
    #[schema(required)]
    pub store: Option<StoreErased>,
    /// Calls in the archive; null when there is none, or it does not answer.
    #[schema(required)]
    pub archived_sessions: Option<u64>,
}

/// What was erased on this machine's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct HereErased {
    /// Calls that went on.
    pub calls: u64,
    /// Their turns.
    pub turns: u64,
    /// Calls in the outbox.
    pub entries: u64,
    /// Call logs.
    pub call_logs: usize,
}

/// What was erased in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct StoreErased {
    /// Numbers that led to the user.
    pub numbers: u64,
    /// Profiles: 0 or 1.
    pub profiles: u64,
    /// Finished calls.
    pub sessions: u64,
    /// Commit markers.
    pub markers: u64,
    /// Keys of live calls' mirrors.
    pub mirrors: u64,
}

impl From<Forgotten> for HereErased {
    fn from(Forgotten { calls, turns, entries, logs }: Forgotten) -> Self {
        Self { calls, turns, entries, call_logs: logs.len() }
    }
}

impl From<Erased> for StoreErased {
    fn from(Erased { numbers, profiles, sessions, markers, mirrors }: Erased) -> Self {
        Self { numbers, profiles, sessions, markers, mirrors }
    }
}

impl Erasure {
    /// There was nothing of this user, as far as could be looked.
    fn is_empty(&self) -> bool {
        self.live_calls == 0
            && self.here == HereErased::default()
            && self.store.is_none_or(|store| store == StoreErased::default())
            && self.archived_sessions.unwrap_or(0) == 0
    }
}

/// The users that an erasure is about, and what is to be said of others.
#[derive(Default)]
struct Meant {
    users: Vec<UserId>,
    queued: Vec<String>,
    left: Vec<String>,
}

impl Operations<'_> {
    /// Erases everything of a person: live calls, journal, outbox and call logs here, then the store, then the archive.
    /// By a number, that is whoever it leads to, and the user that is derived from it; while the store does not answer,
    /// nobody knows who that is, and they are found out and erased when it does. Who became one with them is erased with
    /// them. For 30 days no late write brings them back; a later call is a stranger's.
    ///
    /// The erasure is on this machine's disk before the store is asked, so that neither a crash nor a store that is away
    /// undoes it. Repeated, it erases what is left.
    ///
    /// # Errors
    /// [`OperationError::Memory`] when this machine's disk cannot be used; then nothing is certain, try again.
    pub async fn forget(&self, subject: &Subject) -> Result<Receipt, OperationError> {
        let Meant { users, mut queued, mut left } = self.meant(subject).await?;
        let mut erased = Vec::new();
        for user in users {
            // First, so that its next words are not kept while the rest is under way.
            let live_calls = self.live.map_or(0, |live| {
                live.forget(&user);
                live.users().iter().filter(|live| **live == user).count()
            });
            let here = self.spool.forget_later_elsewhere(&user, HOLD).await?.into();
            let store = match self.store.erase(&user).await {
                Ok(erased) => Some(erased.into()),
                Err(error @ MemoryError::Unavailable { .. }) => {
                    queued.push(format!("{}: the store, when it is back ({error})", user.as_str()));
                    None
                }
                Err(error @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => {
                    left.push(format!(
                        "{}: the store ({error}); repair the key (`redial memory repair`), then erase again",
                        user.as_str()
                    ));
                    None
                }
            };
            let archived_sessions = match self.archive {
                None => None,
                Some(archive) => match archive.erase(&user).await {
                    Ok(sessions) => Some(sessions),
                    Err(error @ ArchiveError::Unavailable { .. }) => {
                        queued.push(format!("{}: the archive, when it is back ({error})", user.as_str()));
                        None
                    }
                    Err(error @ ArchiveError::Refused(_)) => {
                        left.push(format!(
                            "{}: the archive ({error}); put that right, then retry the entry (`redial memory dead`), or \
                             erase again",
                            user.as_str()
                        ));
                        None
                    }
                },
            };
            erased.push(Erasure { user_id: user.as_str().to_owned(), live_calls, here, store, archived_sessions });
        }
        let complete = queued.is_empty() && left.is_empty();
        Ok(Receipt {
            at: super::now_rfc3339(),
            complete,
            nothing_held: complete && erased.iter().all(Erasure::is_empty),
            erased,
            queued,
            left,
            may_remain: self.may_remain().await,
        })
    }

    /// The users that an erasure is about, each followed by those who became one with them.
    async fn meant(&self, subject: &Subject) -> Result<Meant, OperationError> {
        let mut meant = Meant::default();
        match subject {
            Subject::User(user) => meant.users.push(user.clone()),
            Subject::Number { caller, older } => match erasure::erasure_scope(self.store, caller, older).await {
                Ok(scope) => {
                    meant.users = scope.users;
                    meant.left.extend(scope.another.map(|another| {
                        format!(
                            "{}: it was first derived from this number, and is somebody's who has another one since the \
                             number was split off; to erase them as well, name this user id",
                            another.as_str()
                        )
                    }));
                }
                // The user that is derived from the number may be somebody else by now: nobody is erased on a guess.
                Err(error @ MemoryError::Unavailable { .. }) => {
                    self.spool.forget_number(caller, older).await?;
                    meant.queued.push(format!(
                        "whomever the number leads to: found out and erased when the store is back ({error})"
                    ));
                }
                Err(error @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => meant.left.push(format!(
                    "whomever the number leads to: it cannot be told ({error}); repair the key (`redial memory repair`), \
                     then erase again"
                )),
            },
        }
        for user in meant.users.clone() {
            match erasure::absorbed_by(self.store, &user).await {
                Ok(absorbed) => {
                    let new = absorbed.into_iter().filter(|id| !meant.users.contains(id)).collect::<Vec<_>>();
                    meant.users.extend(new);
                }
                // They are asked for again when the queued erasure is delivered.
                Err(MemoryError::Unavailable { .. }) => (),
                Err(error @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => meant
                    .left
                    .push(format!("{}: whether others became one with them cannot be told ({error})", user.as_str())),
            }
        }
        Ok(meant)
    }

    /// What an honest answer says of copies.
    async fn may_remain(&self) -> Vec<String> {
        let mut places = Vec::new();
        match self.store.health().await.map(|health| health.kind) {
            Ok("redis") | Err(_) => places.extend([
                "Redis' append-only file, until it is rewritten (BGREWRITEAOF does so at once)",
                "Redis' snapshots (RDB), until the next one is written, and replicas' until they have followed",
                "backups of Redis that its provider makes",
            ]),
            Ok("sqlite") => places.push("free blocks of the disk, if its file system copies what it overwrites"),
            Ok(_) => (),
        }
        places.extend([
            "backups and snapshots of this machine's disk",
            "disks of other instances that are not running: they erase when they start and reach the store",
            "the carrier's own records of calls, numbers and recordings: erase those with the carrier",
        ]);
        if self.archive.is_some() {
            places.push("backups of the archive");
        }
        places.into_iter().map(str::to_owned).collect()
    }
}
