//! `user.lua`, line by line. Nothing expires here, so every profile is kept for ever.

use super::keyspace::{Keyspace, WrongType};
use super::resp::Reply;

pub(super) fn run(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
    let (Ok(keys), Ok(args)) = (keys.try_into(), args.try_into()) else { return Reply::error("ERR wrong arguments") };
    script(keyspace, keys, args).unwrap_or_else(|WrongType| Reply::error("WRONGTYPE after the types were checked"))
}

fn script(
    keyspace: &mut Keyspace,
    [profile, sessions, gone]: &[Vec<u8>; 3],
    [largest]: &[Vec<u8>; 1],
) -> Result<Reply, WrongType> {
    let answer = |status: &str, text: &str, number: i64, profile, index, ttl_ms| {
        let (profile, index) = (Reply::Array(profile), Reply::Array(index));
        Reply::Array(vec![
            Reply::bulk(status),
            Reply::bulk(text),
            Reply::Int(number),
            profile,
            index,
            Reply::Int(ttl_ms),
        ])
    };
    for (i, (key, expected)) in (1..).zip([(profile, "hash"), (sessions, "zset"), (gone, "string")]) {
        let found = keyspace.kind(key);
        if found != "none" && found != expected {
            return Ok(answer("wrongtype", found, i, Vec::new(), Vec::new(), 0));
        }
    }
    if keyspace.exists(gone) {
        return Ok(answer("erased", "", 0, Vec::new(), Vec::new(), 0));
    }
    let mut index = Vec::new();
    for (ended, sid) in keyspace.sorted(sessions)?.into_iter().rev() {
        index.extend([Reply::Bulk(sid), Reply::bulk(ended.to_string())]);
    }
    if !keyspace.exists(profile) {
        return Ok(answer("none", "", 0, Vec::new(), index, 0));
    }
    let largest: usize =
        str::from_utf8(largest).ok().and_then(|arg| arg.parse().ok()).expect("the store passes a number");
    let small = keyspace.hstrlen(profile, b"doc")? <= largest;
    let mut fields = Vec::new();
    for field in ["v", "rev", "calls", "last"] {
        fields.push(Reply::or_nil(keyspace.hget(profile, field.as_bytes())?));
    }
    fields.push(if small { Reply::or_nil(keyspace.hget(profile, b"doc")?) } else { Reply::Nil });
    Ok(answer(if small { "ok" } else { "large" }, "", 0, fields, index, -1))
}
