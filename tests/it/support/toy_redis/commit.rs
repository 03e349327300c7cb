//! `commit.lua`, line by line. Its TTLs are left out: nothing expires here.

use super::keyspace::{Keyspace, WrongType};
use super::resp::Reply;

pub(super) fn run(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
    script(keyspace, keys, args).unwrap_or_else(|WrongType| Reply::error("WRONGTYPE after the types were checked"))
}

fn script(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Result<Reply, WrongType> {
    let (
        &[session, done, gone, ref owners @ ..],
        [sid, digest, turns, session_doc, user, ended, schema, _, _, replaces, largest, of_profile @ ..],
    ) = (&keys.iter().collect::<Vec<_>>()[..], args)
    else {
        return Ok(Reply::error("ERR wrong arguments"));
    };
    for (i, (key, expected)) in (1..).zip(keys.iter().zip(["hash", "hash", "string", "hash", "zset", "string"])) {
        let found = keyspace.kind(key);
        if found != "none" && found != expected {
            return Ok(answer("wrongtype", found, b"", i));
        }
    }

    if keyspace.exists(gone) {
        return Ok(answer("erased", "", b"", 0));
    }
    let marker = keyspace.hget(done, b"d")?.map(<[u8]>::to_vec);
    let (first, same) = (marker.is_none(), marker.as_ref() == Some(digest));
    if same && keyspace.hget(done, b"merged")? == Some(b"1") {
        return Ok(answer("duplicate", "", b"", 0));
    }
    let owner = match owners {
        [_, _, phone] => keyspace.get(phone)?.map(<[u8]>::to_vec),
        _ => None,
    };
    let stored_as = keyspace.hget(session, b"uid")?;
    if stored_as != Some(user) {
        if let Some(owner) = owner.as_ref().filter(|owner| *owner != user) {
            return Ok(answer("mapped", owner.as_slice(), b"", 0));
        }
        if stored_as.is_some() {
            return Ok(answer("others", "", b"", 0));
        }
    }
    if let Some(marker) = marker.filter(|marker| !same && marker != replaces) {
        let turns = count(keyspace.hget(done, b"n")?).unwrap_or(0);
        return Ok(answer("differs", marker, &document_in(keyspace, session, largest)?, turns));
    }

    if !same {
        for (field, value) in [("v", schema), ("doc", session_doc), ("uid", user), ("ended", ended)] {
            keyspace.hset(session, field.as_bytes(), value)?;
        }
        for (field, value) in [("d", &digest[..]), ("n", turns), ("merged", b"0")] {
            keyspace.hset(done, field.as_bytes(), value)?;
        }
    }
    let (&[profile, sessions, phone], [base, profile_doc, _, keep, expired_before, _, largest_profile]) =
        (owners, of_profile)
    else {
        keyspace.hset(done, b"merged", b"1")?;
        return Ok(answer("applied", "0", b"", 0));
    };

    let read = |field: &str| Ok(count(keyspace.hget(profile, field.as_bytes())?));
    let (v, revision, calls, last) = (read("v")?, read("rev")?, read("calls")?, read("last")?.unwrap_or(0));
    let size = keyspace.hstrlen(profile, b"doc")? as u64;
    let ours = base != b"none"
        && v.is_some_and(|v| v <= number(schema))
        && calls.is_some()
        && size <= number(largest_profile)
        && revision.is_some_and(|revision| revision > 0 || size == 0);
    if let Some(calls) = calls.filter(|_| first) {
        keyspace.hset(profile, b"calls", (calls + 1).to_string().as_bytes())?;
    }
    if !same {
        if calls.is_some() && number(ended) > last {
            keyspace.hset(profile, b"last", ended)?;
        }
        keyspace.zadd(sessions, number(ended) as f64, sid)?;
        let index = keyspace.sorted(sessions)?;
        let beyond = index.len().saturating_sub(number(keep) as usize);
        let expired = index.iter().filter(|(score, _)| *score < number(expired_before) as f64).count();
        keyspace.zcut(sessions, beyond.min(expired))?;
    }

    let answered = match revision.filter(|_| ours) {
        None => {
            keyspace.hset(done, b"merged", b"1")?;
            answer("kept", "", b"", 0)
        }
        Some(revision) if revision == number(base) => {
            let next = (revision + 1).to_string();
            for (field, value) in [("v", &schema[..]), ("rev", next.as_bytes()), ("doc", profile_doc)] {
                keyspace.hset(profile, field.as_bytes(), value)?;
            }
            keyspace.hset(done, b"merged", b"1")?;
            answer("applied", next, b"", 0)
        }
        Some(revision) => {
            answer("conflict", revision.to_string(), &document_in(keyspace, profile, largest_profile)?, 0)
        }
    };
    if owner.is_none() {
        keyspace.set(phone, user);
    }
    Ok(answered)
}

fn answer(status: &str, text: impl Into<Vec<u8>>, document: &[u8], number: u64) -> Reply {
    let number = i64::try_from(number).expect("at most 15 digits");
    Reply::Array(vec![Reply::bulk(status), Reply::bulk(text), Reply::bulk(document), Reply::Int(number)])
}

/// As the script's `document_in`: a document, unless it is too large.
fn document_in(keyspace: &Keyspace, key: &[u8], largest: &[u8]) -> Result<Vec<u8>, WrongType> {
    let document = keyspace.hget(key, b"doc")?.unwrap_or_default();
    Ok(if document.len() as u64 <= number(largest) { document.to_vec() } else { Vec::new() })
}

/// As the script's `count`: a counter, 0 when missing, `None` when it is none.
fn count(text: Option<&[u8]>) -> Option<u64> {
    let Some(text) = text else { return Some(0) };
    let digits = (1..=15).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    if digits { str::from_utf8(text).ok()?.parse().ok() } else { None }
}

fn number(arg: &[u8]) -> u64 {
    str::from_utf8(arg).ok().and_then(|arg| arg.parse().ok()).expect("the store passes a number")
}
