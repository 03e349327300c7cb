//! Who is meant: a number, which is hashed at once, or a user id.

use std::fmt;

use redial_identity::{Caller, CallerAddress, PhoneHash, UserId};

use super::{OperationError, Operations};

/// Somebody who may be remembered. Holds no number.
#[derive(Clone, PartialEq, Eq)]
pub enum Subject {
    /// By user id.
    User(UserId),
    /// By a number, or a SIP or client address.
    Number {
        /// The keyed hash, and the user id that is derived from the number.
        caller: Caller,
        /// The hashes under which the number may have been known before, the most recent first.
        older: Vec<PhoneHash>,
    },
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "User({user:?})"),
            Self::Number { .. } => f.write_str("Number(***)"),
        }
    }
}

impl Operations<'_> {
    /// Reads whom somebody means: `+14155550123`, `sip:bob@example.com` or `u_…`.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] when it is neither. The text is not repeated: it may be a number with a slip in it.
    pub fn subject(&self, text: &str) -> Result<Subject, OperationError> {
        let text = text.trim();
        if is_ours(text)
            && let Ok(user) = UserId::parse(text)
        {
            return Ok(Subject::User(user));
        }
        let address = CallerAddress::parse(text, self.region);
        if address != CallerAddress::Withheld {
            let older = self.keys.older_hashes(&address, &CallerAddress::former(text, self.region));
            return Ok(Subject::Number { caller: self.keys.caller(&address), older });
        }
        // The ids of users that were imported look like anything.
        match UserId::parse(text) {
            Ok(user) if !looks_dialled(text) && !is_withheld(text, self.region) => Ok(Subject::User(user)),
            Ok(_) | Err(_) => Err(OperationError::Invalid(
                "that is neither a number that somebody can be remembered by, such as +14155550123, nor a user id, \
                 such as u_…"
                    .to_owned(),
            )),
        }
    }

    /// Reads a user id; a number is refused, as it must not be where ids are.
    ///
    /// # Errors
    /// [`OperationError::Invalid`].
    pub fn user_id(&self, text: &str) -> Result<UserId, OperationError> {
        match self.subject(text)? {
            Subject::User(user) => Ok(user),
            Subject::Number { .. } => Err(OperationError::Invalid(
                "a user id is expected here; numbers are sent in a body, where no log keeps them".to_owned(),
            )),
        }
    }

    /// What stands for somebody in the audit: the user id, or for a number its pseudonym.
    pub fn pseudonym(&self, subject: &Subject) -> String {
        match subject {
            Subject::User(user) if is_ours(user.as_str()) => user.as_str().to_owned(),
            Subject::User(user) => self.keys.log_pseudonym(&Caller { user_id: user.clone(), hash: None }),
            Subject::Number { caller, .. } => self.keys.log_pseudonym(caller),
        }
    }

    /// The user that is meant.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when a number belongs to nobody.
    pub async fn resolve(&self, subject: &Subject) -> Result<UserId, OperationError> {
        let Subject::Number { caller, older } = subject else {
            let Subject::User(user) = subject else { unreachable!("there are two kinds") };
            return Ok(user.clone());
        };
        for hash in caller.hash.iter().chain(older) {
            if let Some(user) = self.store.owner(hash).await? {
                return Ok(user);
            }
        }
        Err(OperationError::NotFound("nobody is remembered by that number".to_owned()))
    }
}

/// An id that this program made, as numbers never look.
fn is_ours(text: &str) -> bool {
    text.starts_with("u_") || text.starts_with("anon_")
}

/// A word that carriers send instead of a number.
fn is_withheld(text: &str, region: &str) -> bool {
    CallerAddress::parse(&format!("client:{text}"), region) == CallerAddress::Withheld
}

/// Digits and what people put between them: a number with a slip in it, not an id.
fn looks_dialled(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
}
