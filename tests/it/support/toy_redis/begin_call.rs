//! `begin_call.lua`, line by line. Its TTLs are left out: nothing expires here.

use super::keyspace::{Keyspace, WrongType};
use super::resp::Reply;

pub(super) fn run(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
    let (Ok(keys), Ok(args)) = (keys.try_into(), args.try_into()) else { return Reply::error("ERR wrong arguments") };
    script(keyspace, keys, args).unwrap_or_else(|WrongType| Reply::error("WRONGTYPE after the types were checked"))
}

fn script(
    keyspace: &mut Keyspace,
    [phone, profile, sessions, gone]: &[Vec<u8>; 4],
    [candidate, _ttl, _refresh, largest, erased]: &[Vec<u8>; 5],
) -> Result<Reply, WrongType> {
    let answer = |status: &str, text: &[u8], number: i64, profile| {
        Reply::Array(vec![Reply::bulk(status), Reply::bulk(text), Reply::Int(number), Reply::Array(profile)])
    };
    for (i, (key, expected)) in (1..).zip([(phone, "string"), (profile, "hash"), (sessions, "zset"), (gone, "string")])
    {
        let found = keyspace.kind(key);
        if found != "none" && found != expected {
            return Ok(answer("wrongtype", found.as_bytes(), i, Vec::new()));
        }
    }

    let owner = keyspace.get(phone)?.filter(|owner| owner != erased);
    if let Some(owner) = owner
        && owner != candidate
    {
        return Ok(answer("mapped", owner, 0, Vec::new()));
    }
    let created = owner.is_none();
    if keyspace.exists(gone) {
        return Ok(answer("erased", b"", 0, Vec::new()));
    }
    if created {
        keyspace.set(phone, candidate);
    }

    let small = keyspace.hstrlen(profile, b"doc")? <= number(largest);
    let mut fields = Vec::new();
    for field in ["v", "rev", "calls", "last"] {
        fields.push(Reply::or_nil(keyspace.hget(profile, field.as_bytes())?));
    }
    fields.push(if small { Reply::or_nil(keyspace.hget(profile, b"doc")?) } else { Reply::Nil });
    Ok(answer(if small { "ok" } else { "large" }, b"", i64::from(created), fields))
}

fn number(arg: &[u8]) -> usize {
    str::from_utf8(arg).ok().and_then(|arg| arg.parse().ok()).expect("the store passes a number")
}
