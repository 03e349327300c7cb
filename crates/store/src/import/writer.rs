//! Commits what was read, as finished calls are.

use std::time::Duration;

use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::consent::{self, Keep};
use redial_memory::fold;
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::documents::{Conversation, Remembered};
use super::people::{Person, Talk};
use super::report::{Line, Outcome, Report};
use super::request::{Import, ImportError, Layout};
use crate::directory::Memory;
use crate::hang_up::{self, HangUp, Written};
use crate::store::{Known, MemoryError};

/// How long a store that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// The reason that is given for a profile that could not be found again.
const NO_NUMBER: &str = "no number leads to this person, so no call would find it: name the number with --phones";

/// The reason that is given for a profile whose owner has not agreed to being remembered.
const NOT_AGREED: &str = "MEMORY_CONSENT does not let it be remembered: nobody has agreed to it";

/// The reason that is given when somebody asked to be forgotten.
const ERASED: &str = "this caller was erased here";

/// Writes people to a store.
pub(super) struct Writer<'a> {
    store: &'a dyn Memory,
    import: &'a Import,
    /// Unix ms.
    now: u64,
}

/// Whom somebody is here.
struct Who {
    user_id: UserId,
    /// A number that leads to them, hashed, and what is known here of them. Without one there is no profile.
    found: Option<(PhoneHash, Known)>,
    /// What an operator should know about the naming.
    notes: Vec<String>,
}

/// What a commit came to.
#[derive(Clone)]
enum Done {
    Written,
    Unchanged,
    Skipped(String),
}

impl<'a> Writer<'a> {
    /// Writes with `now` (Unix ms) for what does not tell its time.
    pub(super) fn new(store: &'a dyn Memory, import: &'a Import, now: u64) -> Self {
        Self { store, import, now }
    }

    pub(super) async fn write(&self, mut person: Person, report: &mut Report) -> Result<(), ImportError> {
        if person.talks.is_empty() && person.remembered_keys.is_empty() {
            for (_, key) in &person.hashes {
                report.skip(key, "nothing is remembered of the user that it leads to");
            }
            return Ok(());
        }
        let who = match self.import.layout {
            Layout::Sarah => self.who_by_hashes(&person, report).await?,
            Layout::Aegen | Layout::Conversation | Layout::Agent => self.who_by_number(&person).await?,
        };
        let who = match who {
            Ok(who) => who,
            Err(why) => {
                let talks = person.talks.iter().map(|talk| &talk.key);
                talks.chain(&person.remembered_keys).for_each(|key| report.skip(key, why));
                return Ok(());
            }
        };
        // Whether this person lets anything be remembered, as far as is known here.
        let consent = who.found.as_ref().and_then(|(_, known)| known.profile.consent.as_ref());
        let agreed = consent::kept(self.import.consent, consent.map(|given| given.memory), false) > Keep::Nothing;
        let mut remembered = std::mem::take(&mut person.remembered);
        if !agreed {
            remembered = Remembered { left_out: remembered.left_out, ..Remembered::default() };
        }
        let mut talks = std::mem::take(&mut person.talks);
        talks.sort_by(|a, b| (a.conversation.ended_at, &a.name).cmp(&(b.conversation.ended_at, &b.name)));
        // The profile comes in with the oldest session that is written.
        let mut carried = None;
        let mut naming = who.notes.clone();
        for Talk { name, key, conversation } in talks {
            let mut notes = conversation.left_out.clone();
            notes.append(&mut naming);
            if conversation.ended_at.is_none() {
                notes.push("it does not tell its time: that of the import is taken".to_owned());
            }
            let mut session_id = session_of(&name);
            if session_id.as_str() != name {
                notes.push("its id cannot be part of a key: it has another one here".to_owned());
            }
            let brings = carried.is_none().then_some(&remembered);
            let mut session = conversation.into_session(&session_id, &who.user_id, self.now);
            let mut done = self.commit(&who, session.clone(), brings).await?;
            if matches!(done, Done::Unchanged) && self.is_anothers(&who, &session_id).await? {
                session_id = imported(&format!("{}:{session_id}", who.user_id.as_str()));
                notes.push(
                    "it was imported before its number was known: it is kept under another id as well".to_owned(),
                );
                session.session_id.clone_from(&session_id);
                done = self.commit(&who, session, brings).await?;
            }
            if !matches!(done, Done::Skipped(_)) {
                carried.get_or_insert_with(|| done.clone());
            }
            report.lines.push(Line { key, outcome: outcome(done, session_id.to_string()), notes });
        }
        if person.remembered_keys.is_empty() {
            return Ok(());
        }
        let done = match (&who.found, carried) {
            (None, _) => Done::Skipped(NO_NUMBER.to_owned()),
            (Some(_), _) if !agreed => Done::Skipped(NOT_AGREED.to_owned()),
            (Some(_), Some(done)) => done,
            (Some((_, known)), None) => self.commit_alone(&who, known, &remembered).await?,
        };
        for key in person.remembered_keys {
            let mut notes = remembered.left_out.clone();
            notes.append(&mut naming);
            let outcome = outcome(done.clone(), who.user_id.as_str().to_owned());
            report.lines.push(Line { key, outcome, notes });
        }
        Ok(())
    }

    /// Whom a person is here whose number the mapping file may tell; or why nothing may be written.
    async fn who_by_number(&self, person: &Person) -> Result<Result<Who, &'static str>, ImportError> {
        let caller = self.import.phones.caller(&person.id);
        let Some((caller, hash)) = caller.and_then(|caller| Some((caller, caller.hash.clone()?))) else {
            return Ok(Ok(Who { user_id: self.user_id(&person.id), found: None, notes: Vec::new() }));
        };
        let known = self.known(caller).await?;
        // Made just now, under another id than the derived one: that only happens after an erasure.
        if known.created && known.user_id != caller.user_id {
            return Ok(Err(ERASED));
        }
        Ok(Ok(Who { user_id: known.user_id.clone(), found: Some((hash, known)), notes: Vec::new() }))
    }

    /// Whom a person is here who keeps their id. Their numbers are made to lead to it: under their old hashes, where
    /// the next call looks for them.
    async fn who_by_hashes(
        &self,
        person: &Person,
        report: &mut Report,
    ) -> Result<Result<Who, &'static str>, ImportError> {
        let mut notes = Vec::new();
        let user_id = UserId::parse(&person.id).unwrap_or_else(|_| {
            notes.push("the user's id cannot be part of a key: it has another one here".to_owned());
            self.user_id(&person.id)
        });
        let mut found = None;
        let mut taken = None;
        let given = self.import.phones.caller(&person.id).and_then(|caller| caller.hash.clone());
        let given = given.into_iter().map(|hash| (Ok(hash), None));
        let kept = person.hashes.iter().map(|(hash, key)| (PhoneHash::parse(hash), Some(key)));
        for (hash, key) in given.chain(kept) {
            let done = match hash {
                Err(_) => Done::Skipped("the hash cannot be part of a key".to_owned()),
                Ok(hash) => {
                    let known = self.known(&Caller { user_id: user_id.clone(), hash: Some(hash.clone()) }).await?;
                    if known.user_id == user_id {
                        let done = if known.created { Done::Written } else { Done::Unchanged };
                        found.get_or_insert((hash, known));
                        done
                    } else {
                        let why = if known.created { ERASED } else { "this number belongs to somebody else here" };
                        taken = Some(why);
                        Done::Skipped(why.to_owned())
                    }
                }
            };
            if let Some(key) = key {
                report.add(key, outcome(done, user_id.as_str().to_owned()));
            }
        }
        Ok(match (found, taken) {
            // Not even the sessions: who was erased here is not to come back by a side door.
            (None, Some(why)) => Err(why),
            (found, _) => Ok(Who { user_id, found, notes }),
        })
    }

    /// The id of somebody who is known by no number.
    fn user_id(&self, id: &str) -> UserId {
        let layout = self.import.layout;
        UserId::parse(&format!("imp_{layout}_{id}")).unwrap_or_else(|_| {
            UserId::parse(&format!("imp_{layout}_{}", short_hash(id))).expect("letters, digits and underscores")
        })
    }

    /// Writes a profile whose sessions have expired, with an empty session, which counts as one call: there was one.
    async fn commit_alone(&self, who: &Who, known: &Known, remembered: &Remembered) -> Result<Done, ImportError> {
        let session_id = imported(&format!("{}:{}", self.import.layout, who.user_id.as_str()));
        if remembered.adopt_into(known.profile.clone(), &session_id) == known.profile {
            return Ok(Done::Unchanged);
        }
        let at = remembered.at;
        let conversation = Conversation { started_at: at, ended_at: at, ..Conversation::default() };
        self.commit(who, conversation.into_session(&session_id, &who.user_id, self.now), Some(remembered)).await
    }

    /// Writes a session, and the profile as this session leaves it.
    async fn commit(&self, who: &Who, session: SessionDoc, brings: Option<&Remembered>) -> Result<Done, ImportError> {
        if self.import.dry_run {
            let erased = self.is_erased(&who.user_id).await?;
            return Ok(if erased { Done::Skipped(ERASED.to_owned()) } else { Done::Written });
        }
        let fold = |profile: Profile, session: &SessionDoc| {
            // In this order: folding takes away what an earlier copy of the same session has left.
            let profile = fold::apply_session(self.import.consent, profile, session);
            match brings {
                Some(remembered) if !remembered.is_empty() => remembered.adopt_into(profile, &session.session_id),
                Some(_) | None => profile,
            }
        };
        let (base, hash) = match &who.found {
            Some((hash, known)) => (Some((known.revision, known.profile.clone())), Some(hash.clone())),
            None => (None, None),
        };
        let caller = Caller { user_id: who.user_id.clone(), hash };
        let hang_up = HangUp { caller, session, base };
        let until = Instant::now() + PATIENCE;
        loop {
            return Ok(match hang_up::write(self.store, hang_up.clone(), fold).await {
                Ok((Written::Applied { .. }, _)) => Done::Written,
                Ok((Written::Duplicate, _)) => Done::Unchanged,
                Ok((Written::Erased, _)) => Done::Skipped(ERASED.to_owned()),
                Err(MemoryError::Unavailable { .. }) if Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error @ MemoryError::Unavailable { .. }) => return Err(ImportError::Store(error)),
                Err(error) => Done::Skipped(error.to_string()),
            });
        }
    }

    /// Whether a session that is there already is not that of the person whom the number leads to.
    async fn is_anothers(&self, who: &Who, session_id: &SessionId) -> Result<bool, ImportError> {
        let Some((_, known)) = &who.found else { return Ok(false) };
        if known.calls == 0 {
            return Ok(true); // this person had none
        }
        match self.store.load_session(session_id).await {
            Ok(session) => Ok(session.is_some_and(|session| session.user_id != who.user_id.as_str())),
            Err(error @ MemoryError::Unavailable { .. }) => Err(ImportError::Store(error)),
            Err(MemoryError::WrongShape { .. } | MemoryError::Refused(_)) => Ok(false),
        }
    }

    async fn is_erased(&self, user: &UserId) -> Result<bool, ImportError> {
        let erased = self.store.erased_among(std::slice::from_ref(user)).await.map_err(ImportError::Store)?;
        Ok(!erased.is_empty())
    }

    /// What beginning a call would answer, without making anybody known.
    async fn would_be_known(&self, caller: &Caller) -> Result<Known, ImportError> {
        let owner = match &caller.hash {
            Some(hash) => self.store.owner(hash).await.map_err(ImportError::Store)?,
            None => None,
        };
        let created = owner.is_none();
        let user_id = owner.unwrap_or_else(|| caller.user_id.clone());
        if self.is_erased(&user_id).await? {
            return Ok(Known::stranger(UserId::random()));
        }
        let found = self.store.user(&user_id).await.map_err(ImportError::Store)?;
        let stranger = Known { created, ..Known::stranger(user_id) };
        Ok(match found {
            None => stranger,
            Some(entry) => Known {
                calls: entry.calls,
                last_call_at: entry.last_call_at,
                profile: entry.profile.unwrap_or_default(),
                revision: entry.revision,
                ..stranger
            },
        })
    }

    /// What is known here of a caller, who is made known by it, except in a dry run.
    async fn known(&self, caller: &Caller) -> Result<Known, ImportError> {
        if self.import.dry_run {
            return self.would_be_known(caller).await;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.store.begin_call(caller).await {
                Err(MemoryError::Unavailable { .. }) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                answer => return answer.map_err(ImportError::Store),
            }
        }
    }
}

fn outcome(done: Done, name: String) -> Outcome {
    match done {
        Done::Written => Outcome::Written(name),
        Done::Unchanged => Outcome::Unchanged(name),
        Done::Skipped(why) => Outcome::Skipped(why),
    }
}

/// The source's id, if it can be part of a key; else a name made of it, the same every time.
fn session_of(name: &str) -> SessionId {
    name.parse().unwrap_or_else(|_| imported(name))
}

/// The id of a session that has none of its own, the same for the same text.
fn imported(text: &str) -> SessionId {
    SessionId::named(&format!("imp-{}", short_hash(text)))
}

/// 128 bits of SHA-256 in hex: no two ids of a source share it.
fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}
