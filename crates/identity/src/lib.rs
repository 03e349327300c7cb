//! Who is calling: phone number → E.164 → keyed hash. Withheld numbers are nobody twice.

mod address;
mod attestation;
mod keys;
mod number;
mod older;
mod pepper;
mod plan;
mod reading;
mod withheld;

use std::fmt;

pub use address::{Address, CallerAddress, E164, Extension, PhoneNumber};
pub use attestation::Attestation;
pub use keys::Keys;
pub use number::warm_up;
pub use older::{LegacyHash, LegacyHashError};
pub use pepper::{PepperError, load_or_create_pepper, load_pepper};
pub use plan::country_code_of;
use uuid::Uuid;

/// Who is calling, without the number: what the rest of the gateway and the store may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose memory it is.
    pub user_id: UserId,
    /// Where the phone → user mapping is kept; `None` for a withheld number, which has no memory.
    pub hash: Option<PhoneHash>,
}

/// Text that cannot be part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 1 to 128 letters, digits, dots, underscores and hyphens are expected")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Reads an id, such as one that a store answered.
            ///
            /// # Errors
            /// When it has characters that a key must not have.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_id(text) { Ok(Self(text.to_owned())) } else { Err(IdError) }
            }

            /// The id as it stands in keys.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A keyed hash of a phone number or SIP address: 26 base32 characters.
    PhoneHash
}
id! {
    /// The name of one remembered person: `u_…` derived from the number, `anon_…` for a withheld one.
    UserId
}

impl UserId {
    /// The id of somebody new whose number leads to one who was erased.
    pub fn random() -> Self {
        Self(format!("u_{}", Uuid::new_v4().simple()))
    }

    /// The id of somebody new who has a number that was another's until then (Unix ms). It tells that time for ever, so
    /// that a call which ended earlier, and arrives later, is known to be the other's.
    pub fn random_since(unix_ms: u64) -> Self {
        Self(format!("u_{unix_ms}-{}", Uuid::new_v4().simple()))
    }

    /// Since when (Unix ms) this is the user of a number that was another's before; `None`: of any other id.
    pub fn since(&self) -> Option<u64> {
        let (unix_ms, random) = self.0.strip_prefix("u_")?.split_once('-')?;
        let is_ours = random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
        unix_ms.parse().ok().filter(|_| is_ours)
    }
}

/// True for text that may be part of a key: no glob, brace, colon, slash or line break gets through.
pub fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_since_when_its_number_was_somebody_elses() {
        let id = UserId::random_since(1_763_690_000_000);
        assert_eq!(id.since(), Some(1_763_690_000_000));
        assert_eq!(UserId::parse(id.as_str()).unwrap(), id);
        assert_ne!(id, UserId::random_since(1_763_690_000_000));
        for other in ["u_6ne4xfhl2l6x6cu3rvulm36qrx", "anon_1-2", "u_17-ab", "7f3b2c1a-0d4e-4a55-9c1e-1b2f3a4c5d6e"] {
            assert_eq!(UserId::parse(other).unwrap().since(), None, "{other}");
        }
        assert_eq!(UserId::random().since(), None);
    }
}
