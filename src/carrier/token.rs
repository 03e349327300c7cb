//! The one-time token that joins a webhook to its stream: `v1.EXPIRES.NONCE.CALLSID.MAC`.
//!
//! It travels in a `<Parameter>`, which everyone who sees the TwiML can read. So it is bound to the call, lives for a
//! minute and is taken once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use redial_call::CallSid;
use sha2::Sha256;

/// How long a token is good for, in seconds. Twilio connects within one or two.
pub const LIFETIME_S: u64 = 60;
/// No token of ours is longer.
const MAX_BYTES: usize = 200;
const NONCE_BYTES: usize = 16;

/// Issues tokens and takes each once.
pub struct Tokens {
    key: [u8; 32],
    /// Nonces taken, with the time when their token ends anyway: at most a minute's worth of calls.
    spent: Mutex<HashMap<String, u64>>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no token")]
    Missing,
    /// Not of our making, by its looks.
    #[error("malformed")]
    Malformed,
    /// Not signed with our key.
    #[error("not ours")]
    Forged,
    /// Older than its life.
    #[error("expired")]
    Expired,
    /// Made for another call.
    #[error("of another call")]
    OtherCall,
    /// Taken before.
    #[error("used before")]
    Used,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens under this key; every instance that may get the stream has the same.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, spent: Mutex::default() }
    }

    /// A token for a call; `now_s` is Unix time in seconds.
    pub fn issue(&self, call: &CallSid, now_s: u64) -> String {
        // Unique and unguessable is enough; a version 4 UUID has 122 random bits.
        let nonce = hex::encode(uuid::Uuid::new_v4().as_bytes());
        let signed = format!("v1.{}.{nonce}.{call}", now_s + LIFETIME_S);
        let mac = hex::encode(self.mac(&signed).finalize().into_bytes());
        format!("{signed}.{mac}")
    }

    /// Takes a token for the call that the stream names.
    ///
    /// # Errors
    /// The reason for refusing it. A token that is refused is not spent.
    pub fn redeem(&self, token: &str, call: &CallSid, now_s: u64) -> Result<(), TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signed, mac) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mac = hex::decode(mac).map_err(|_| TokenError::Malformed)?;
        self.mac(signed).verify_slice(&mac).map_err(|_| TokenError::Forged)?;
        let mut parts = signed.split('.');
        let (Some("v1"), Some(expires), Some(nonce), Some(sid), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let expires: u64 = expires.parse().map_err(|_| TokenError::Malformed)?;
        if nonce.len() != 2 * NONCE_BYTES {
            return Err(TokenError::Malformed);
        }
        if now_s >= expires {
            return Err(TokenError::Expired);
        }
        if sid != call.as_str() {
            return Err(TokenError::OtherCall);
        }
        // Nothing panics under the lock, and a map is whole after any insertion.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|_, expires| *expires > now_s);
        match spent.insert(nonce.to_owned(), expires) {
            Some(_) => Err(TokenError::Used),
            None => Ok(()),
        }
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(signed.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    fn call(last: char) -> CallSid {
        format!("CA{}{last}", "5".repeat(31)).parse().unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new([7; 32])
    }

    #[test]
    fn a_token_is_taken_once() {
        let tokens = tokens();
        let token = tokens.issue(&call('a'), NOW);
        assert_eq!(tokens.redeem(&token, &call('a'), NOW + 1), Ok(()));
        assert_eq!(tokens.redeem(&token, &call('a'), NOW + 2), Err(TokenError::Used));
    }

    #[test]
    fn a_token_fits_into_a_parameter() {
        assert!(tokens().issue(&call('a'), NOW).len() <= MAX_BYTES);
    }

    #[test]
    fn a_token_dies_after_a_minute() {
        let tokens = tokens();
        let token = tokens.issue(&call('a'), NOW);
        assert_eq!(tokens.redeem(&token, &call('a'), NOW + LIFETIME_S), Err(TokenError::Expired));
        assert_eq!(tokens.redeem(&token, &call('a'), NOW + LIFETIME_S - 1), Ok(()));
    }

    #[test]
    fn a_token_of_another_call_is_refused_and_not_spent() {
        let tokens = tokens();
        let token = tokens.issue(&call('a'), NOW);
        assert_eq!(tokens.redeem(&token, &call('b'), NOW), Err(TokenError::OtherCall));
        assert_eq!(tokens.redeem(&token, &call('a'), NOW), Ok(()));
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        let tokens = tokens();
        let token = tokens.issue(&call('a'), NOW);
        let other = Tokens::new([8; 32]).issue(&call('a'), NOW);
        let later = token.replacen(&(NOW + LIFETIME_S).to_string(), &(NOW + 9999).to_string(), 1);
        for (junk, error) in [
            (String::new(), TokenError::Missing),
            ("v1".to_owned(), TokenError::Malformed),
            (token[..token.len() - 1].to_owned(), TokenError::Malformed),
            (token[..token.len() - 2].to_owned(), TokenError::Forged),
            (other, TokenError::Forged),
            (later, TokenError::Forged),
            ("x".repeat(1 << 20), TokenError::Malformed),
            ("v1.\0.é.".to_owned(), TokenError::Forged),
        ] {
            let shown: String = junk.chars().take(40).collect();
            assert_eq!(tokens.redeem(&junk, &call('a'), NOW), Err(error), "{shown:?}");
        }
    }

    #[test]
    fn spent_nonces_are_forgotten_with_their_tokens() {
        let tokens = tokens();
        for at in 0..200 {
            let token = tokens.issue(&call('a'), NOW + at);
            assert_eq!(tokens.redeem(&token, &call('a'), NOW + at), Ok(()));
        }
        assert!(tokens.spent.lock().unwrap().len() <= LIFETIME_S as usize);
    }
}
