//! All that a Redis holds, as text, and what must hold of it whatever happened before.

use std::collections::BTreeMap;

use redial_memory::model::{Profile, SessionDoc};
use redis::aio::MultiplexedConnection;

/// Every key, with what is in it and its TTL.
const READ_ALL: &str = r"
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local values
  if kind == 'string' then values = redis.call('MGET', key)
  elseif kind == 'hash' then values = redis.call('HGETALL', key)
  elseif kind == 'zset' then values = redis.call('ZRANGE', key, 0, -1)
  elseif kind == 'list' then values = redis.call('LRANGE', key, 0, -1) end
  if values then all[#all + 1] = {key, values, redis.call('TTL', key)} end
end
return all
";

/// Keys with what is in them, and their TTLs in s.
pub(crate) struct Contents {
    keys: BTreeMap<String, Vec<String>>,
    ttls: BTreeMap<String, i64>,
}

impl Contents {
    /// Reads everything, as it is at one moment: between two reads a script could have moved half of what it moves.
    pub(crate) async fn of(raw: &mut MultiplexedConnection) -> Self {
        let all: Vec<(String, Vec<Vec<u8>>, i64)> = redis::Script::new(READ_ALL).invoke_async(raw).await.unwrap();
        let (mut keys, mut ttls) = (BTreeMap::new(), BTreeMap::new());
        for (key, values, ttl) in all {
            let values = values.into_iter().map(|value| String::from_utf8_lossy(&value).into_owned());
            keys.insert(key.clone(), values.collect());
            ttls.insert(key, ttl);
        }
        Self { keys, ttls }
    }

    /// The keys between a beginning and an end, with what is between.
    fn named(&self, prefix: &str, suffix: &str) -> impl Iterator<Item = (&str, &Vec<String>)> {
        self.keys.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?.strip_suffix(suffix)?, value)))
    }

    /// The finished sessions by id.
    pub(crate) fn sessions(&self) -> BTreeMap<String, SessionDoc> {
        self.named("sarah:session:", "")
            .map(|(sid, fields)| (sid.to_owned(), serde_json::from_str(field(fields, "doc").unwrap()).unwrap()))
            .collect()
    }

    /// The profiles by user id, with how many calls each counts.
    pub(crate) fn profiles(&self) -> BTreeMap<String, (u64, Profile)> {
        let read = |fields: &Vec<String>| {
            let calls = field(fields, "calls").map_or(0, |calls| calls.parse().unwrap());
            let profile = field(fields, "doc").map(|doc| serde_json::from_str(doc).unwrap());
            (calls, profile.unwrap_or_default())
        };
        self.named("sarah:user:", ":profile").map(|(uid, fields)| (uid.to_owned(), read(fields))).collect()
    }

    /// Each user's session ids, by when the calls ended.
    pub(crate) fn indexes(&self) -> BTreeMap<String, Vec<String>> {
        self.named("sarah:user:", ":sessions").map(|(uid, sids)| (uid.to_owned(), sids.clone())).collect()
    }

    /// The key of the number that belongs to a user.
    pub(crate) fn phone_of(&self, uid: &str) -> String {
        let mut phones = self.named("sarah:phone:", "").filter(|(_, owner)| *owner == &[uid.to_owned()]);
        format!("sarah:phone:{}", phones.next().unwrap().0)
    }

    /// The TTL of a key in s.
    pub(crate) fn ttl_s(&self, key: &str) -> i64 {
        self.ttls[key]
    }

    /// Keys that would stay for ever, though only the check of the pepper may.
    pub(crate) fn without_ttl(&self) -> Vec<&str> {
        let endless = self.ttls.iter().filter(|(key, ttl)| **ttl < 0 && !key.ends_with(":meta:pepper"));
        endless.map(|(key, _)| key.as_str()).collect()
    }

    /// All of it, to be searched.
    pub(crate) fn text(&self) -> String {
        self.keys.iter().map(|(key, values)| format!("{key} {}\n", values.join(" "))).collect()
    }
}

/// A field of a hash that was read as a list.
fn field<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}
