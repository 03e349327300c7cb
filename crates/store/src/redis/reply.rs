//! From what the scripts answer to what the store says.

use redial_memory::digest::SessionDigest;
use redial_memory::model::{Profile, SCHEMA_VERSION};
use redis::Value;

use super::advice::Trouble;
use super::answer::{Answer, MAX_COUNTER, counter as counter_in};

/// A revision that no stored profile has: a change made from it never matches, so an unreadable profile stays as it is.
pub(super) const UNREADABLE: u64 = u64::MAX;

/// Fields of a profile's hash that are read: `v, rev, calls, last, doc`.
const PROFILE_FIELDS: usize = 5;

/// What most scripts answer: a status, a text, and which key it is about.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: &'static str,
    pub(super) text: Vec<u8>,
    /// Of `wrongtype` and `large`: the key's place among the script's, from 0 on.
    pub(super) key: Option<usize>,
}

impl Said {
    /// What a script of so many keys answers that knows these statuses beside `wrongtype`.
    pub(super) fn read(mut answer: Answer, others: &[&'static str], keys: usize) -> Result<Self, Trouble> {
        let [status, text, number] = answer.parts()?;
        Self::of(&answer, status, text, &number, others, keys)
    }

    fn of(
        answer: &Answer,
        status: Value,
        text: Value,
        number: &Value,
        others: &[&'static str],
        keys: usize,
    ) -> Result<Self, Trouble> {
        let known = [&["wrongtype"][..], others].concat();
        let status = answer.word(status, &known)?;
        let key = answer.place(number, matches!(status, "wrongtype" | "large"), keys)?;
        Ok(Self { status, text: answer.bytes(text)?, key })
    }
}

/// What begin_call.lua answers, and the two scripts that are its halves.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) status: &'static str,
    pub(super) text: Vec<u8>,
    /// Of `wrongtype`: the key's place among the script's, from 0 on.
    pub(super) key: Option<usize>,
    /// Of `ok` and `large`: this call made the mapping.
    pub(super) created: bool,
    pub(super) profile: Vec<Option<Vec<u8>>>,
}

impl Begun {
    pub(super) fn read(mut answer: Answer, keys: usize) -> Result<Self, Trouble> {
        let [status, text, number, profile] = answer.parts()?;
        let status = answer.word(status, &["ok", "large", "mapped", "erased", "wrongtype"])?;
        let is_known = matches!(status, "ok" | "large");
        let begun = Self::of(&answer, status, text, &number, keys)?;
        let profile = answer.fields(profile, PROFILE_FIELDS)?;
        if profile.is_empty() == is_known {
            return Err(answer.nonsense());
        }
        Ok(Self { profile, ..begun })
    }

    /// What begin_number.lua answers: nothing of the user.
    pub(super) fn read_number(mut answer: Answer) -> Result<Self, Trouble> {
        let [status, text, number] = answer.parts()?;
        let status = answer.word(status, &["ok", "mapped", "wrongtype"])?;
        Self::of(&answer, status, text, &number, 1)
    }

    fn of(answer: &Answer, status: &'static str, text: Value, number: &Value, keys: usize) -> Result<Self, Trouble> {
        let is_about_a_key = status == "wrongtype";
        let created = !is_about_a_key && answer.number(number, 1)? == 1;
        let key = answer.place(number, is_about_a_key, keys)?;
        Ok(Self { status, text: answer.bytes(text)?, key, created, profile: Vec::new() })
    }
}

/// What commit.lua answers.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) status: &'static str,
    pub(super) text: Vec<u8>,
    pub(super) document: Vec<u8>,
    /// Of `wrongtype`: the key's place among the script's, from 0 on.
    pub(super) key: Option<usize>,
    /// Of `differs`: the turns of the stored copy.
    pub(super) turns: u64,
    /// Of `applied` and `conflict`.
    pub(super) revision: u64,
}

impl Committed {
    pub(super) fn read(mut answer: Answer, keys: usize) -> Result<Self, Trouble> {
        let [status, text, document, number] = answer.parts()?;
        let status = answer.word(
            status,
            &["applied", "kept", "conflict", "duplicate", "differs", "mapped", "others", "erased", "wrongtype"],
        )?;
        let (text, document) = (answer.bytes(text)?, answer.bytes(document)?);
        let key = answer.place(&number, status == "wrongtype", keys)?;
        let turns = answer.number(&number, MAX_COUNTER)?;
        let revision = match status {
            "applied" | "conflict" => counter_in(&text).ok_or_else(|| answer.nonsense())?,
            _ => UNREADABLE,
        };
        Ok(Self { status, text, document, key, turns, revision })
    }

    pub(super) fn digest(&self) -> Option<SessionDigest> {
        SessionDigest::from_hex(str::from_utf8(&self.text).ok()?)
    }
}

/// What user.lua answers.
#[derive(Debug)]
pub(super) struct ReadUser {
    pub(super) said: Said,
    pub(super) profile: Vec<Option<Vec<u8>>>,
    /// Session id, end, …
    pub(super) sessions: Vec<Vec<u8>>,
    pub(super) ttl_ms: i64,
}

impl ReadUser {
    pub(super) fn read(mut answer: Answer, keys: usize) -> Result<Self, Trouble> {
        let [status, text, number, profile, sessions, ttl] = answer.parts()?;
        let status = answer.word(status, &["ok", "large", "none", "erased", "wrongtype"])?;
        let key = answer.place(&number, status == "wrongtype", keys)?;
        let said = Said { status, text: answer.bytes(text)?, key };
        let (profile, sessions) = (answer.fields(profile, PROFILE_FIELDS)?, answer.pairs(sessions)?);
        if profile.is_empty() == matches!(status, "ok" | "large") {
            return Err(answer.nonsense());
        }
        Ok(Self { said, profile, sessions, ttl_ms: answer.ttl_ms(&ttl)? })
    }
}

/// What assign.lua answers: status and text.
pub(super) fn assigned(mut answer: Answer) -> Result<(&'static str, Vec<u8>), Trouble> {
    let [status, text] = answer.parts()?;
    Ok((answer.word(status, &["ok", "wrongtype", "wrongtext"])?, answer.bytes(text)?))
}

/// What repair.lua answers: status, and the TTL of what is aside in ms.
pub(super) fn repaired(mut answer: Answer) -> Result<(&'static str, i64), Trouble> {
    let [status, ttl] = answer.parts()?;
    Ok((answer.word(status, &["ok", "changed", "taken"])?, answer.ttl_ms(&ttl)?))
}

/// What erase.lua answers: whether there was a profile, and the session ids of the index.
pub(super) fn erased(mut answer: Answer, keys: usize) -> Result<(Said, bool, Vec<Vec<u8>>), Trouble> {
    let [status, text, number, sessions] = answer.parts()?;
    let status = answer.word(status, &["ok", "wrongtype"])?;
    let key = answer.place(&number, status == "wrongtype", keys)?;
    let there_was_one = status == "ok" && answer.number(&number, 1)? == 1;
    let said = Said { status, text: answer.bytes(text)?, key };
    Ok((said, there_was_one, answer.texts(sessions)?))
}

/// A hash's fields and values by turns, and its TTL in ms.
pub(super) type Fields = (Vec<Vec<u8>>, i64);

/// What move_read.lua answers: a session's fields, and its marker's.
pub(super) fn moved(mut answer: Answer, keys: usize) -> Result<(Said, Fields, Fields), Trouble> {
    let [status, text, number, session, marker] = answer.parts()?;
    let said = Said::of(&answer, status, text, &number, &["ok", "large"], keys)?;
    let fields = |part| -> Result<Fields, Trouble> {
        let [fields, ttl]: [Value; 2] = answer.list(part)?.try_into().map_err(|_| answer.nonsense())?;
        Ok((answer.pairs(fields)?, answer.ttl_ms(&ttl)?))
    };
    let (session, marker) = (fields(session)?, fields(marker)?);
    Ok((said, session, marker))
}

/// What mirror_load.lua answers: messages, summary, turns, and so many fields of the call.
pub(super) type Mirror = (Vec<Vec<u8>>, Vec<u8>, Vec<u8>, Vec<Option<Vec<u8>>>);

/// Reads what mirror_load.lua answers.
pub(super) fn mirrored(mut answer: Answer, fields: usize, keys: usize) -> Result<(Said, Mirror), Trouble> {
    let [status, text, number, messages, summary, turns, call] = answer.parts()?;
    let said = Said::of(&answer, status, text, &number, &["ok", "none", "large"], keys)?;
    let call = answer.fields(call, fields)?;
    if call.is_empty() == (said.status == "ok") {
        return Err(answer.nonsense());
    }
    Ok((said, (answer.texts(messages)?, answer.bytes(summary)?, answer.bytes(turns)?, call)))
}

/// What absorb_begin.lua answers: what is taken over.
#[derive(Debug)]
pub(super) struct Taken {
    /// Names this life of the absorbed profile; empty when there was none.
    pub(super) mark: String,
    pub(super) calls: u64,
    /// End of the last one, Unix ms.
    pub(super) last: Option<u64>,
    /// Session id, end.
    pub(super) index: Vec<(Vec<u8>, String)>,
}

impl Taken {
    pub(super) fn read(mut answer: Answer) -> Result<Self, Trouble> {
        let [mark, calls, last, index] = answer.parts()?;
        let nonsense = || answer.nonsense();
        let mark = String::from_utf8(answer.bytes(mark)?).map_err(|_| nonsense())?;
        if mark.len() > 64 || !mark.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(nonsense());
        }
        let last = answer.bytes(last)?;
        let mut pairs = Vec::new();
        for pair in answer.pairs(index)?.chunks_exact(2) {
            // A score: whole, or with an exponent.
            let end =
                String::from_utf8(pair[1].clone()).ok().filter(|end| end.parse::<f64>().is_ok_and(|end| !end.is_nan()));
            pairs.push((pair[0].clone(), end.ok_or_else(nonsense)?));
        }
        Ok(Self {
            mark,
            calls: counter_in(&answer.bytes(calls)?).ok_or_else(nonsense)?,
            last: counter_in(&last), // none, or somebody's who is no script of ours
            index: pairs,
        })
    }
}

/// The profile hash, as far as it can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) profile: Profile,
    pub(super) revision: u64,
    pub(super) calls: u64,
    pub(super) last: Option<u64>,
}

impl Stored {
    /// Reads the fields `v, rev, calls, last, doc`. What is damaged, or newer than this build, is a known caller
    /// with the empty profile and the revision [`UNREADABLE`].
    pub(super) fn read(fields: &[Option<Vec<u8>>], too_large: bool) -> Self {
        let field = |i: usize| fields.get(i).and_then(|field| field.as_deref());
        let calls = counter(field(2));
        let last = field(3).and_then(|last| counter(Some(last)));
        let readable = || {
            let v = counter(field(0))?;
            let revision = counter(field(1))?;
            calls?;
            if too_large || v > u64::from(SCHEMA_VERSION) {
                return None;
            }
            match (field(4), revision) {
                (None, revision) => Some((Profile::default(), revision)),
                (Some(_), 0) => None,
                (Some(doc), revision) => Some((profile(doc)?, revision)),
            }
        };
        let (profile, revision) = readable().unwrap_or((Profile::default(), UNREADABLE));
        Self { profile, revision, calls: calls.unwrap_or(0), last }
    }
}

/// A profile document as it is in a record: missing until a call has written one.
pub(super) fn profile_or_none_yet(doc: &[u8]) -> Option<Profile> {
    if doc.is_empty() { Some(Profile::default()) } else { profile(doc) }
}

/// A profile document, unless it is damaged or newer than this build.
pub(super) fn profile(doc: &[u8]) -> Option<Profile> {
    // By way of an object: serde would take an array for a profile too, field by field.
    let fields = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(doc).ok()?;
    let profile: Profile = serde_json::from_value(serde_json::Value::Object(fields)).ok()?;
    (profile.v <= SCHEMA_VERSION).then_some(profile)
}

/// A counter; a missing one is 0, one that is no number is `None`.
fn counter(text: Option<&[u8]>) -> Option<u64> {
    text.map_or(Some(0), counter_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: [Option<&str>; 5]) -> Stored {
        Stored::read(&fields.map(|field| field.map(|text| text.as_bytes().to_vec())), false)
    }

    #[test]
    fn an_absent_hash_is_a_stranger() {
        assert_eq!(read([None; 5]), Stored::default());
    }

    #[test]
    fn a_written_profile_is_read() {
        let stored = read([Some("1"), Some("7"), Some("3"), Some("1700000000000"), Some(r#"{"v":1,"summary":"s"}"#)]);
        assert_eq!((stored.revision, stored.calls, stored.last), (7, 3, Some(1_700_000_000_000)));
        assert_eq!(stored.profile.summary, "s");
    }

    #[test]
    fn what_cannot_be_read_is_a_known_caller_whose_profile_cannot_be_overwritten() {
        let doc = Some(r#"{"v":1,"summary":"s"}"#);
        for (what, fields) in [
            ("newer schema", [Some("99"), Some("7"), Some("3"), None, doc]),
            ("newer document", [Some("1"), Some("7"), Some("3"), None, Some(r#"{"v":99}"#)]),
            ("schema not a number", [Some("x"), Some("7"), Some("3"), None, doc]),
            ("revision not a number", [Some("1"), Some("abc"), Some("3"), None, doc]),
            ("negative revision", [Some("1"), Some("-1"), Some("3"), None, doc]),
            ("revision beyond 2^53", [Some("1"), Some("9007199254740993"), Some("3"), None, doc]),
            ("empty revision", [Some("1"), Some(""), Some("3"), None, doc]),
            ("document without a revision", [Some("1"), None, Some("3"), None, doc]),
            ("no JSON", [Some("1"), Some("7"), Some("3"), None, Some("hello")]),
            ("JSON of another shape", [Some("1"), Some("7"), Some("3"), None, Some(r#"["v"]"#)]),
            ("an array", [Some("1"), Some("7"), Some("3"), None, Some("[]")]),
        ] {
            let stored = read(fields);
            assert_eq!((stored.revision, stored.calls), (UNREADABLE, 3), "{what}");
            assert_eq!(stored.profile, Profile::default(), "{what}");
        }
    }
}
