//! From an address to names that do not tell it: keyed hashes, one key for each purpose.
//!
//! There are few enough phone numbers to hash them all within minutes, so only a secret protects a hash of one.

use std::collections::HashSet;
use std::fmt;

use data_encoding::BASE32_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::Sha256;
use uuid::Uuid;

use super::pepper::{self, PepperError};
use super::{Caller, CallerAddress, LegacyHash, PhoneHash, UserId};

/// Sets these keys apart from anything else that a secret might be used for.
const SALT: &[u8] = b"redial caller keys v1";

/// 26 base32 characters are 130 bits: among 10^10 numbers, two share a hash with a chance of 4 × 10^-20.
const HASH_CHARS: usize = 26;

/// 50 bits: enough to follow a caller through a log, too few to be mistaken for a hash.
const PSEUDONYM_CHARS: usize = 10;

type Key = SecretBox<[u8; 32]>;

/// The keys derived from one pepper. None can be computed from another one, so that a log's pseudonym does not
/// lead to a caller's memory. All instances that share a store need the same pepper.
///
/// `Debug` shows nothing.
pub struct Keys {
    phone: Key,
    uid: Key,
    log: Key,
    stream: Key,
    check: Key,
    /// Of the former pepper.
    old_phone: Option<Key>,
    legacy: Option<LegacyHash>,
}

impl Keys {
    /// Derives the keys (HKDF-SHA256) from a secret of at least 32 bytes; white space around it, such as the line
    /// break at a file's end, does not count.
    ///
    /// # Errors
    /// When the secret is too short.
    pub fn derive(pepper: &SecretString) -> Result<Self, PepperError> {
        let secret = pepper::long_enough(pepper)?;
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), secret.as_bytes());
        let key = |purpose: &str| {
            SecretBox::init_with_mut(|key: &mut [u8; 32]| {
                hkdf.expand(purpose.as_bytes(), key).expect("HKDF-SHA256 gives up to 8160 bytes");
            })
        };
        let (phone, uid, log, stream) = (key("phone"), key("uid"), key("log"), key("stream"));
        Ok(Self { phone, uid, log, stream, check: key("check"), old_phone: None, legacy: None })
    }

    /// Lets [`older_hashes`](Self::older_hashes) find what was stored under a former pepper, or under the plain hash
    /// of the deployment that we took over from.
    ///
    /// # Errors
    /// When the former pepper is too short to have been one.
    pub fn with_older(
        self,
        old_pepper: Option<&SecretString>,
        legacy: Option<LegacyHash>,
    ) -> Result<Self, PepperError> {
        let old_phone = old_pepper.map(|pepper| Self::derive(pepper).map(|keys| keys.phone)).transpose()?;
        Ok(Self { old_phone, legacy, ..self })
    }

    /// The hashes under which a caller may have been known before, the most recent first: under this pepper by a `former`
    /// address ([`CallerAddress::former`]), then under an older key by this address or a former one. None for a withheld
    /// caller.
    pub fn older_hashes(&self, address: &CallerAddress, former: &[CallerAddress]) -> Vec<PhoneHash> {
        let addresses = || std::iter::once(address).chain(former);
        let under = |key: &Key, address| Some(PhoneHash(keyed_hash(key, &identity(address)?, HASH_CHARS)));
        let Some(present) = under(&self.phone, address) else { return Vec::new() };
        let mut older: Vec<PhoneHash> = former.iter().filter_map(|former| under(&self.phone, former)).collect();
        if let Some(key) = &self.old_phone {
            older.extend(addresses().filter_map(|address| under(key, address)));
        }
        if let Some(legacy) = self.legacy {
            // An extension was no part of a plain hash: it would lead to whoever has the number without one.
            older.extend(addresses().filter_map(|address| match address {
                CallerAddress::Number(number) if number.extension.is_none() => Some(legacy.of(&number.e164)),
                CallerAddress::Number(_) | CallerAddress::Address(_) | CallerAddress::Withheld => None,
            }));
        }
        let mut seen = HashSet::from([present]);
        older.retain(|hash| seen.insert(hash.clone()));
        older
    }

    /// Names a caller: always the same for a number or an address, a new name each time for a withheld one.
    pub fn caller(&self, address: &CallerAddress) -> Caller {
        let Some(identity) = identity(address) else {
            return Caller { user_id: UserId(format!("anon_{}", Uuid::new_v4().simple())), hash: None };
        };
        Caller {
            user_id: UserId(format!("u_{}", keyed_hash(&self.uid, &identity, HASH_CHARS))),
            hash: Some(PhoneHash(keyed_hash(&self.phone, &identity, HASH_CHARS))),
        }
    }

    /// A short name for log lines, which finds nothing in the store.
    pub fn log_pseudonym(&self, caller: &Caller) -> String {
        keyed_hash(&self.log, caller.user_id.as_str(), PSEUDONYM_CHARS)
    }

    /// Tells whether two instances have the same pepper. Not secret: nothing else can be computed from it.
    pub fn check_value(&self) -> String {
        keyed_hash(&self.check, "redial pepper check v1", HASH_CHARS)
    }

    /// The key that signs the tokens of media streams. A secret: not for logs.
    pub fn stream_key(&self) -> [u8; 32] {
        *self.stream.expose_secret()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// What is hashed; nothing for a withheld caller.
fn identity(address: &CallerAddress) -> Option<String> {
    match address {
        CallerAddress::Number(number) => Some(match &number.extension {
            None => format!("v1{}", number.e164.as_str()),
            Some(extension) => format!("v1{};ext={}", number.e164.as_str(), extension.as_str()),
        }),
        CallerAddress::Address(address) => Some(format!("v1id:{}", address.as_str())),
        CallerAddress::Withheld => None,
    }
}

/// The first characters of HMAC-SHA256 in base32 (RFC 4648), lower case, without padding.
fn keyed_hash(key: &Key, message: &str, chars: usize) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("HMAC takes a key of any size");
    mac.update(message.as_bytes());
    let mut text = BASE32_NOPAD.encode(&mac.finalize().into_bytes());
    text.truncate(chars);
    text.make_ascii_lowercase();
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    fn keys() -> Keys {
        Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap()
    }

    fn caller(raw: &str) -> Caller {
        keys().caller(&CallerAddress::parse(raw, "US"))
    }

    fn hash(raw: &str) -> String {
        caller(raw).hash.unwrap().as_str().to_owned()
    }

    /// Computed with another implementation (Python's `hmac` and `base64`): a change here forgets every caller.
    #[test]
    fn names_stay_the_same_from_release_to_release() {
        let known = [
            ("+14155552671", "7gvcauov7bsohctq4zgx3ozsr2", "u_6ne4xfhl2l6x6cu3rvulm36qrx"),
            ("+14155552671;ext=12", "25rcszqkbkn337e4i5hjbplw76", "u_zps3tiw23jswg3mij7bf7shcxu"),
            ("sip:Bob@example.com", "e5sie6poc5xdij43lid2xxnckq", "u_c2dhnk5brru3xknsc6q5ymis3f"),
        ];
        for (raw, hash, user_id) in known {
            let caller = caller(raw);
            assert_eq!(caller.hash.as_ref().unwrap().as_str(), hash, "{raw}");
            assert_eq!(caller.user_id.as_str(), user_id, "{raw}");
        }
        assert_eq!(
            hex::encode(keys().stream_key()),
            "8cd4da94b479a5d5d8da65af2361d191afe1d67e6a22076f06929ecb04333085"
        );
        assert_eq!(keys().log_pseudonym(&caller("+14155552671")), "fy4gdfdll2");
        assert_eq!(keys().check_value(), "7kpreh7nhzwvoflr6qevrbduhp");
    }

    #[test]
    fn names_can_be_part_of_a_key() {
        for raw in ["+14155552671", "sip:b*b{x}@example.com", "client:a:b/c", "anonymous"] {
            let caller = caller(raw);
            assert!(UserId::parse(caller.user_id.as_str()).is_ok(), "{caller:?}");
            assert!(caller.hash.is_none_or(|hash| PhoneHash::parse(hash.as_str()).is_ok()), "{raw}");
        }
    }

    #[test]
    fn another_pepper_gives_other_names() {
        let other = Keys::derive(&"0123456789abcdef0123456789abcdeF".into()).unwrap();
        let address = CallerAddress::parse("+14155552671", "US");
        assert_ne!(keys().caller(&address), other.caller(&address));
        assert_ne!(keys().stream_key(), other.stream_key());
        assert_ne!(keys().check_value(), other.check_value());
    }

    #[test]
    fn older_hashes_are_those_of_the_former_pepper_and_of_the_plain_hash() {
        let former = "fedcba9876543210fedcba9876543210".into();
        let legacy = "sha256:16".parse().unwrap();
        let keys = || Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap();
        let both = keys().with_older(Some(&former), Some(legacy)).unwrap();
        let number = CallerAddress::parse("+14155552671", "US");
        let under_former = Keys::derive(&former).unwrap().caller(&number).hash.unwrap();
        let older = both.older_hashes(&number, &[]);
        assert_eq!((older.len(), &older[0], older[1].as_str().len()), (2, &under_former, 16));
        // Who has an extension, or no number at all, was never hashed plainly as themselves.
        for raw in ["+14155552671;ext=12", "sip:bob@example.com"] {
            assert_eq!(both.older_hashes(&CallerAddress::parse(raw, "US"), &[]).len(), 1, "{raw}");
        }
        assert_eq!(both.older_hashes(&CallerAddress::Withheld, &[]), []);
        assert_eq!(keys().older_hashes(&number, &[]), []);
        // The same pepper twice is no change.
        let same = keys().with_older(Some(&"0123456789abcdef0123456789abcdef".into()), None).unwrap();
        assert_eq!(same.older_hashes(&number, &[]), []);
    }

    /// Computed with another implementation (Python's `hmac` and `base64`), as release 0.1 would have.
    #[test]
    fn the_spelling_under_which_somebody_is_stored_is_an_older_hash() {
        let cases = [
            ("+525512345678", "5jibze2c5bmnqggbk4y3xyayg6"), // +5215512345678
            ("+5215512345678", "5jibze2c5bmnqggbk4y3xyayg6"),
            ("+541123456789", "ebnkrmrtkldoasnm7uirfmye4q"), // +5491123456789
            ("+5511961234567", "nqwmi7vhu4rgmrxfzd6gqldei4"), // +551161234567
            ("sip:14155550124@10.0.0.5:5060", "p7o6dbadqk5z6pjigcrorcifqm"), // the address as it stands
            ("sip:+1-415-555-0124@10.0.0.5", "m2j54hj5wxox2aojfuuzf7un2j"),
            ("sip:bob@example.com:5060", "5rby3bkzwxu5mkligypdde7kef"),
        ];
        for (raw, hash) in cases {
            let (address, former) = (CallerAddress::parse(raw, "US"), CallerAddress::former(raw, "US"));
            let older = keys().older_hashes(&address, &former);
            assert_eq!(older.iter().map(PhoneHash::as_str).collect::<Vec<_>>(), [hash], "{raw}");
            assert_ne!(keys().caller(&address).hash.unwrap().as_str(), hash, "{raw}");
        }
        // Under every key that there was, and each hash once.
        let former_pepper = "fedcba9876543210fedcba9876543210".into();
        let keys = keys().with_older(Some(&former_pepper), Some("sha256".parse().unwrap())).unwrap();
        let raw = "+5215512345678";
        let older = keys.older_hashes(&CallerAddress::parse(raw, "US"), &CallerAddress::former(raw, "US"));
        let distinct: HashSet<&PhoneHash> = older.iter().collect();
        assert_eq!((older.len(), distinct.len()), (5, 5));
        let plain = hex::encode(Sha256::digest(raw.as_bytes()));
        assert_eq!(older.last().unwrap().as_str(), plain);
    }

    #[test]
    fn a_withheld_caller_is_somebody_else_each_time() {
        let (first, second) = (caller("anonymous"), caller("anonymous"));
        assert!(first.user_id.as_str().starts_with("anon_"));
        assert_ne!(first.user_id, second.user_id);
        assert_eq!((first.hash, second.hash), (None, None));
    }

    #[test]
    fn the_line_break_at_a_files_end_is_not_part_of_the_pepper() {
        let with_break = Keys::derive(&"0123456789abcdef0123456789abcdef\n".into()).unwrap();
        assert_eq!(with_break.stream_key(), keys().stream_key());
    }

    #[test]
    fn a_short_pepper_is_refused() {
        for short in ["", "abc", "0123456789abcdef0123456789abcde", "  0123456789abcdef0123456789abcde "] {
            let error = Keys::derive(&short.into()).unwrap_err();
            assert!(matches!(error, PepperError::TooShort { .. }), "{error}");
            assert!(short.trim().is_empty() || !error.to_string().contains(short.trim()));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", keys()), "Keys { .. }");
    }

    proptest! {
        #[test]
        fn distinct_numbers_have_distinct_hashes(a in r"\+[1-9][0-9]{6,14}", b in r"\+[1-9][0-9]{6,14}") {
            let (ours, theirs) = (caller(&a), caller(&b));
            // A number on the keypad list has none, and is unlikely to come up here.
            prop_assert_eq!(a == b, ours.hash.is_some() && ours.hash == theirs.hash);
            prop_assert_eq!(a == b, ours.user_id == theirs.user_id);
        }

        #[test]
        fn distinct_extensions_have_distinct_hashes(a in "[0-9]{1,6}", b in "[0-9]{1,6}") {
            let of = |extension: &str| hash(&format!("+1 415 555 2671 x{extension}"));
            prop_assert_eq!(a == b, of(&a) == of(&b));
            prop_assert_ne!(of(&a), hash("+14155552671"));
        }

        #[test]
        fn only_a_withheld_caller_has_no_hash(raw in any::<String>()) {
            let address = CallerAddress::parse(&raw, "US");
            let caller = keys().caller(&address);
            prop_assert_eq!(address == CallerAddress::Withheld, caller.hash.is_none());
            prop_assert_eq!(caller.hash.is_none(), caller.user_id.as_str().starts_with("anon_"));
        }
    }
}
