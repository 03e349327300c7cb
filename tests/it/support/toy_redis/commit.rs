//! `commit.lua`, line by line. Its TTLs are left out: nothing expires here.

use super::keyspace::{Keyspace, WrongType};
use super::resp::Reply;

pub(super) fn run(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
    script(keyspace, keys, args).unwrap_or_else(|WrongType| Reply::error("WRONGTYPE after the types were checked"))
}

fn script(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Result<Reply, WrongType> {
    let (&[session, done, ref owner @ ..], [sid, digest, turns, session_doc, user, ended, schema, _, _, of_owner @ ..]) =
        (&keys.iter().collect::<Vec<_>>()[..], args)
    else {
        return Ok(Reply::error("ERR wrong arguments"));
    };
    for (i, (key, expected)) in (1..).zip(keys.iter().zip(["hash", "hash", "string", "hash", "zset", "string"])) {
        let found = keyspace.kind(key);
        if found != "none" && found != expected {
            return Ok(answer("wrongtype", found, format!("{i}").as_bytes()));
        }
    }

    if let [gone, ..] = owner
        && keyspace.exists(gone)
    {
        return Ok(answer("erased", "0", b""));
    }

    // What the script reads of the profile: schema, revision, calls, last call, size.
    let mut ours = false;
    let (mut revision, mut calls, mut last) = (Some(0), Some(0), 0);
    if let (&[_, profile, ..], [_, _, _, _, _, largest]) = (owner, of_owner) {
        let read = |field: &str| Ok(count(keyspace.hget(profile, field.as_bytes())?));
        let v = read("v")?;
        (revision, calls, last) = (read("rev")?, read("calls")?, read("last")?.unwrap_or(0));
        let size = keyspace.hstrlen(profile, b"doc")?;
        ours = v.is_some_and(|v| v <= number(schema))
            && calls.is_some()
            && size as u64 <= number(largest)
            && revision.is_some_and(|revision| revision > 0 || size == 0);
    }
    let at_revision = revision.unwrap_or(0);
    let told = |status: &str, revision: u64, document: &[u8]| answer(status, &revision.to_string(), document);

    let stored_digest = keyspace.hget(done, b"d")?;
    let (first, same) = (stored_digest.is_none(), stored_digest == Some(digest));
    if same && keyspace.hget(done, b"merged")? == Some(b"1") {
        return Ok(told("duplicate", at_revision, b""));
    }
    if !first && !same && count(keyspace.hget(done, b"n")?).unwrap_or(0) >= number(turns) {
        return Ok(told("stale", at_revision, b""));
    }

    if !same {
        for (field, value) in [("v", schema), ("doc", session_doc), ("uid", user), ("ended", ended)] {
            keyspace.hset(session, field.as_bytes(), value)?;
        }
        for (field, value) in [("d", &digest[..]), ("n", turns), ("merged", b"0")] {
            keyspace.hset(done, field.as_bytes(), value)?;
        }
    }
    let (&[_, profile, sessions, phone], [base, profile_doc, _, keep, expired_before, _]) = (owner, of_owner) else {
        keyspace.hset(done, b"merged", b"1")?;
        return Ok(answer("applied", "0", b""));
    };

    if first {
        if !keyspace.exists(phone) {
            keyspace.set(phone, user);
        }
        if ours {
            let calls = calls.expect("checked with `ours`") + 1;
            keyspace.hset(profile, b"calls", calls.to_string().as_bytes())?;
        }
    }
    if !same {
        if ours && number(ended) > last {
            keyspace.hset(profile, b"last", ended)?;
        }
        keyspace.zadd(sessions, number(ended) as f64, sid)?;
        let index = keyspace.sorted(sessions)?;
        let beyond = index.len().saturating_sub(number(keep) as usize);
        let expired = index.iter().filter(|(score, _)| *score < number(expired_before) as f64).count();
        keyspace.zcut(sessions, beyond.min(expired))?;
    }

    if !ours {
        keyspace.hset(done, b"merged", b"1")?;
        return Ok(answer("kept", "0", b""));
    }
    if at_revision == number(base) {
        let next = (at_revision + 1).to_string();
        for (field, value) in [("v", &schema[..]), ("rev", next.as_bytes()), ("doc", profile_doc)] {
            keyspace.hset(profile, field.as_bytes(), value)?;
        }
        keyspace.hset(done, b"merged", b"1")?;
        return Ok(answer("applied", &next, b""));
    }
    let document = keyspace.hget(profile, b"doc")?.unwrap_or_default();
    Ok(told("conflict", at_revision, document))
}

fn answer(status: &str, text: &str, document: &[u8]) -> Reply {
    Reply::Array(vec![Reply::bulk(status), Reply::bulk(text), Reply::bulk(document)])
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
