//! `erase.lua` and `hand_over.lua`, line by line. TTLs are left out: nothing expires here.

use super::keyspace::{Keyspace, WrongType};
use super::resp::Reply;

pub(super) fn erase(keyspace: &mut Keyspace, keys: &[Vec<u8>]) -> Reply {
    let [profile, sessions, gone] = keys else { return Reply::error("ERR wrong arguments") };
    for (i, (key, expected)) in (1..).zip([(profile, "hash"), (sessions, "zset"), (gone, "string")]) {
        let found = keyspace.kind(key);
        if found != "none" && found != expected {
            return Reply::Array(vec![
                Reply::bulk("wrongtype"),
                Reply::bulk(found),
                Reply::Int(i),
                Reply::Array(Vec::new()),
            ]);
        }
    }
    keyspace.set(gone, b"1");
    let removed = keyspace.unlink(profile);
    let Ok(index) = keyspace.sorted(sessions) else { return Reply::error("WRONGTYPE after the types were checked") };
    let index = index.into_iter().map(|(_, sid)| Reply::Bulk(sid)).collect();
    Reply::Array(vec![Reply::bulk("ok"), Reply::bulk(""), Reply::Int(i64::from(removed)), Reply::Array(index)])
}

pub(super) fn hand_over(keyspace: &mut Keyspace, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
    let ([phone], [from, to]) = (keys, args) else { return Reply::error("ERR wrong arguments") };
    match keyspace.get(phone) {
        Ok(Some(owner)) if owner == from => (),
        Ok(_) | Err(WrongType) => return Reply::Int(0),
    }
    if to.is_empty() {
        keyspace.unlink(phone);
    } else {
        keyspace.set(phone, to);
    }
    Reply::Int(1)
}
