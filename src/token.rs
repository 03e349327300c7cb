//! The one-time token that joins a webhook to its stream: `v2.` and a sealed note of what the webhook was about.
//!
//! It travels in the webhook's answer, which everyone who sees that can read. So it is bound to the call, lives for a
//! minute and is taken once. It carries what an instance that has not seen the webhook needs to serve the stream, sealed: who
//! calls is never the number, but its keyed hash is nobody's business either.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use redial_call::CallId;
use redial_identity::{Attestation, Caller, PhoneHash, UserId};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// How long a token is good for, in seconds. A carrier connects within one or two.
pub const LIFETIME_S: u64 = 60;
/// No token of ours is longer: the tightest carrier gives a parameter's name and value 499 characters together.
const MAX_BYTES: usize = 490;
const VERSION: &str = "v2.";
/// Between the parts of a note. None has it but perhaps the carrier's name for the call.
const SEPARATOR: char = '|';

/// Issues tokens and takes each once.
pub struct Tokens {
    key: LessSafeKey,
    /// Tokens taken, with the time when they end anyway: at most a minute's worth of calls.
    spent: Mutex<HashMap<String, u64>>,
}

/// What the holder of a token may have: the stream of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The call.
    pub call: CallId,
    /// Whose it is.
    pub caller: Caller,
    /// Under which hashes they may have been known before, the most recent first.
    pub older: Vec<PhoneHash>,
    /// What the carrier vouches for about the number.
    pub attestation: Attestation,
    /// The call goes on after its stream broke.
    pub resumes: bool,
    /// The how manieth stream of the call it is for, from 1 on.
    pub leg: u32,
}

/// A token that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// What it grants.
    pub grant: Grant,
    /// Names the token, and tells nothing of it.
    pub id: String,
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
    /// Not sealed with our key.
    #[error("not ours; have all instances the same MEMORY_PHONE_PEPPER?")]
    Forged,
    /// Older than its life.
    #[error("expired; are the clocks of all instances right?")]
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
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has the cipher's 32 bytes");
        Self { key: LessSafeKey::new(key), spent: Mutex::default() }
    }

    /// A token, another one each time; `now_s` is Unix time in seconds. `None` when the machine has no randomness, or the
    /// grant has ids of unlikely lengths.
    ///
    /// Of many older hashes it holds the first ones: as many as there is room for. The instance that issues it knows them all.
    pub fn issue(&self, grant: &Grant, now_s: u64) -> Option<String> {
        (0..=grant.older.len()).rev().find_map(|kept| {
            let older = grant.older[..kept].to_vec();
            self.seal(note(&Grant { older, ..grant.clone() }, now_s + LIFETIME_S))
        })
    }

    /// `None`: it is too long, or the machine has no randomness.
    fn seal(&self, note: String) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = note.into_bytes();
        // 96 random bits: 2^32 tokens under one key meet with a chance of 2^-33.
        let seal = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(seal, Aad::from(VERSION), &mut sealed).ok()?;
        let token = format!("{VERSION}{}", BASE64URL_NOPAD.encode(&[&nonce, sealed.as_slice()].concat()));
        (token.len() <= MAX_BYTES).then_some(token)
    }

    /// Takes a token for the call that the stream names.
    ///
    /// # Errors
    /// The reason for refusing it. A token that is refused is not spent.
    pub fn redeem(&self, token: &str, call: &CallId, now_s: u64) -> Result<Redeemed, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let text = token.strip_prefix(VERSION).ok_or(TokenError::Malformed)?;
        let mut sealed = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Malformed)?;
        if sealed.len() <= NONCE_LEN {
            return Err(TokenError::Malformed);
        }
        let mut rest = sealed.split_off(NONCE_LEN);
        let id = hex::encode(&sealed);
        let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| TokenError::Malformed)?;
        let opened = self.key.open_in_place(nonce, Aad::from(VERSION), &mut rest).map_err(|_| TokenError::Forged)?;
        let (grant, expires) = str::from_utf8(opened).ok().and_then(read).ok_or(TokenError::Malformed)?;
        if now_s >= expires {
            return Err(TokenError::Expired);
        }
        if grant.call != *call {
            return Err(TokenError::OtherCall);
        }
        // Nothing panics under the lock, and a map is whole after any insertion.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|_, expires| *expires > now_s);
        match spent.insert(id.clone(), expires) {
            Some(_) => Err(TokenError::Used),
            None => Ok(Redeemed { grant, id }),
        }
    }
}

/// What is sealed.
fn note(grant: &Grant, expires: u64) -> String {
    let Grant { call, caller, older, attestation, resumes, leg } = grant;
    let hash = caller.hash.as_ref().map_or("", PhoneHash::as_str);
    let older: Vec<&str> = older.iter().map(PhoneHash::as_str).collect();
    let attestation = match attestation {
        Attestation::Absent => "absent",
        Attestation::Full => "full",
        Attestation::Partial => "partial",
        Attestation::Failed => "failed",
    };
    let entry = if *resumes { "resume" } else { "new" };
    let parts = [call.as_str(), caller.user_id.as_str(), hash, &older.join(","), attestation, entry, &leg.to_string()];
    format!("{expires}{SEPARATOR}{}", parts.join(&SEPARATOR.to_string()))
}

fn read(note: &str) -> Option<(Grant, u64)> {
    let (expires, parts) = note.split_once(SEPARATOR)?;
    let parts: Vec<&str> = parts.rsplitn(7, SEPARATOR).collect();
    let [leg, entry, attestation, older, hash, user_id, call] = parts[..] else { return None };
    let hash = match hash {
        "" => None,
        hash => Some(PhoneHash::parse(hash).ok()?),
    };
    let older: Result<_, _> = older.split(',').filter(|hash| !hash.is_empty()).map(PhoneHash::parse).collect();
    let grant = Grant {
        call: call.parse().ok()?,
        caller: Caller { user_id: UserId::parse(user_id).ok()?, hash },
        older: older.ok()?,
        attestation: match attestation {
            "absent" => Attestation::Absent,
            "full" => Attestation::Full,
            "partial" => Attestation::Partial,
            "failed" => Attestation::Failed,
            _ => return None,
        },
        resumes: match entry {
            "new" => false,
            "resume" => true,
            _ => return None,
        },
        leg: leg.parse().ok()?,
    };
    Some((grant, expires.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    fn call(last: char) -> CallId {
        format!("CA{}{last}", "5".repeat(31)).parse().unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new([7; 32])
    }

    fn grant(last: char) -> Grant {
        Grant {
            call: call(last),
            caller: Caller {
                user_id: UserId::parse("u_6ne4xfhl2l6x6cu3rvulm36qrx").unwrap(),
                hash: Some(PhoneHash::parse("7gvcauov7bsohctq4zgx3ozsr2").unwrap()),
            },
            older: Vec::new(),
            attestation: Attestation::Absent,
            resumes: false,
            leg: 1,
        }
    }

    fn issue(tokens: &Tokens, last: char, now_s: u64) -> String {
        tokens.issue(&grant(last), now_s).unwrap()
    }

    fn redeem(tokens: &Tokens, token: &str, last: char, now_s: u64) -> Result<(), TokenError> {
        tokens.redeem(token, &call(last), now_s).map(drop)
    }

    #[test]
    fn a_token_is_taken_once() {
        let tokens = tokens();
        let token = issue(&tokens, 'a', NOW);
        assert_eq!(redeem(&tokens, &token, 'a', NOW + 1), Ok(()));
        assert_eq!(redeem(&tokens, &token, 'a', NOW + 2), Err(TokenError::Used));
    }

    #[test]
    fn a_token_says_to_any_instance_what_its_webhook_was_about_and_to_nobody_else() {
        let longest = |last: char| PhoneHash::parse(&last.to_string().repeat(64)).unwrap();
        let full = Grant {
            caller: Caller { user_id: UserId::random_since(NOW), hash: Some(longest('a')) },
            older: vec![longest('b'), longest('c')],
            attestation: Attestation::Full,
            resumes: true,
            leg: 4,
            ..grant('a')
        };
        let withheld = Caller { user_id: UserId::parse(&format!("anon_{}", "0".repeat(32))).unwrap(), hash: None };
        for grant in [grant('a'), full, Grant { caller: withheld, ..grant('a') }] {
            let token = tokens().issue(&grant, NOW).unwrap();
            assert!(token.len() <= MAX_BYTES, "{} characters", token.len());
            // Another process with the same key.
            assert_eq!(tokens().redeem(&token, &call('a'), NOW).unwrap().grant, grant);
            let bytes = BASE64URL_NOPAD.decode(&token.as_bytes()[VERSION.len()..]).unwrap();
            let seen = [token.as_bytes(), &bytes].concat();
            for secret in [grant.caller.user_id.as_str(), grant.caller.hash.as_ref().map_or("anon", PhoneHash::as_str)]
            {
                assert!(!seen.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is shown");
            }
        }
    }

    #[test]
    fn a_carrier_may_name_its_calls_as_it_likes() {
        let named = Grant { call: "a|b|u_1||c".parse().unwrap(), ..grant('a') };
        let token = tokens().issue(&named, NOW).unwrap();
        assert_eq!(tokens().redeem(&token, &named.call, NOW).unwrap().grant, named);
    }

    #[test]
    fn who_was_known_under_many_hashes_gets_a_token_all_the_same() {
        let older: Vec<PhoneHash> =
            (0..12).map(|n| PhoneHash::parse(&format!("{n:x}").repeat(64)[..64]).unwrap()).collect();
        let token = tokens().issue(&Grant { older: older.clone(), ..grant('a') }, NOW).unwrap();
        let known = tokens().redeem(&token, &call('a'), NOW).unwrap().grant.older;
        assert!(known.len() > 2 && older.starts_with(&known), "{known:?}");
    }

    #[test]
    fn each_token_of_a_call_is_another_one() {
        let tokens = tokens();
        let [first, second] = [(); 2].map(|()| issue(&tokens, 'a', NOW));
        assert_ne!(first, second);
        assert_eq!(redeem(&tokens, &second, 'a', NOW), Ok(()));
        assert_eq!(redeem(&tokens, &first, 'a', NOW), Ok(()));
    }

    #[test]
    fn a_token_dies_after_a_minute() {
        let tokens = tokens();
        let token = issue(&tokens, 'a', NOW);
        assert_eq!(redeem(&tokens, &token, 'a', NOW + LIFETIME_S), Err(TokenError::Expired));
        assert_eq!(redeem(&tokens, &token, 'a', NOW + LIFETIME_S - 1), Ok(()));
    }

    #[test]
    fn a_token_of_another_call_is_refused_and_not_spent() {
        let tokens = tokens();
        let token = issue(&tokens, 'a', NOW);
        assert_eq!(redeem(&tokens, &token, 'b', NOW), Err(TokenError::OtherCall));
        assert_eq!(redeem(&tokens, &token, 'a', NOW), Ok(()));
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        let tokens = tokens();
        let token = issue(&tokens, 'a', NOW);
        let other = issue(&Tokens::new([8; 32]), 'a', NOW);
        let bytes = BASE64URL_NOPAD.decode(&token.as_bytes()[VERSION.len()..]).unwrap();
        let mut changed = bytes.clone();
        changed[NONCE_LEN] ^= 1; // of when it ends
        let [later, cut] = [&changed[..], &bytes[..bytes.len() - 2]]
            .map(|bytes| format!("{VERSION}{}", BASE64URL_NOPAD.encode(bytes)));
        for (junk, error) in [
            (String::new(), TokenError::Missing),
            ("v2".to_owned(), TokenError::Malformed),
            ("v2.".to_owned(), TokenError::Malformed),
            ("v2.AAAAAAAAAAAAAAAA".to_owned(), TokenError::Malformed),
            ("v2.AAAAAAAAAAAAAAAAAAAA".to_owned(), TokenError::Forged),
            (token.replacen("v2", "v1", 1), TokenError::Malformed),
            (cut, TokenError::Forged),
            (other, TokenError::Forged),
            (later, TokenError::Forged),
            ("x".repeat(1 << 20), TokenError::Malformed),
            ("v2.\0.é.".to_owned(), TokenError::Malformed),
        ] {
            let shown: String = junk.chars().take(40).collect();
            assert_eq!(redeem(&tokens, &junk, 'a', NOW), Err(error), "{shown:?}");
        }
    }

    #[test]
    fn spent_tokens_are_forgotten_when_they_end() {
        let tokens = tokens();
        for at in 0..200 {
            let token = issue(&tokens, 'a', NOW + at);
            assert_eq!(redeem(&tokens, &token, 'a', NOW + at), Ok(()));
        }
        assert!(tokens.spent.lock().unwrap().len() <= LIFETIME_S as usize);
    }
}
