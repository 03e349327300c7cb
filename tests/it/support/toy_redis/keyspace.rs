//! Keys and what they hold, with the commands that the store and its scripts use. Nothing expires.

use std::collections::BTreeMap;

use super::resp::Reply;

type Bytes = Vec<u8>;

/// All keys of one server, in the order of their names, so that whatever walks them does so repeatably.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Keyspace {
    keys: BTreeMap<Bytes, Held>,
}

#[derive(Debug, Clone, PartialEq)]
enum Held {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    /// Member to score.
    Sorted(BTreeMap<Bytes, f64>),
}

/// The key holds a value of another type.
#[derive(Debug)]
pub(crate) struct WrongType;

type Checked<T> = Result<T, WrongType>;

impl Keyspace {
    /// Executes a command by its name in capitals.
    pub(super) fn execute(&mut self, name: &[u8], args: &[Bytes]) -> Reply {
        self.checked(name, args).unwrap_or_else(|WrongType| {
            Reply::error("WRONGTYPE Operation against a key holding the wrong kind of value")
        })
    }

    fn checked(&mut self, name: &[u8], args: &[Bytes]) -> Checked<Reply> {
        Ok(match (name, args) {
            (b"TYPE", [key]) => Reply::Status(self.kind(key)),
            (b"EXISTS", [key]) => Reply::Int(i64::from(self.exists(key))),
            (b"DEL" | b"UNLINK", keys) => Reply::Int(count(keys.iter().filter(|key| self.unlink(key)).count())),
            (b"GET", [key]) => Reply::or_nil(self.get(key)?),
            // A key of another type is a nil here.
            (b"MGET", keys) => {
                Reply::Array(keys.iter().map(|key| Reply::or_nil(self.get(key).unwrap_or(None))).collect())
            }
            (b"SET", [key, value]) => {
                self.set(key, value);
                Reply::Status("OK")
            }
            (b"HGET", [key, field]) => Reply::or_nil(self.hget(key, field)?),
            (b"HMGET", [key, fields @ ..]) => {
                let fields = fields.iter().map(|field| Ok(Reply::or_nil(self.hget(key, field)?)));
                Reply::Array(fields.collect::<Checked<_>>()?)
            }
            (b"HSTRLEN", [key, field]) => Reply::Int(count(self.hstrlen(key, field)?)),
            (b"HSET", [key, pairs @ ..]) if pairs.len() % 2 == 0 => {
                let mut added = 0;
                for pair in pairs.chunks_exact(2) {
                    added += i64::from(self.hset(key, &pair[0], &pair[1])?);
                }
                Reply::Int(added)
            }
            (b"ZADD", [key, score, member]) => match str::from_utf8(score).ok().and_then(|score| score.parse().ok()) {
                Some(score) => Reply::Int(i64::from(self.zadd(key, score, member)?)),
                None => Reply::error("ERR value is not a valid float"),
            },
            (b"SCAN", [_, options @ ..]) => self.scan(options),
            // Nothing expires here.
            (b"EXPIRE" | b"PEXPIRE" | b"PERSIST", [key, ..]) => Reply::Int(i64::from(self.exists(key))),
            _ => Reply::error("ERR unknown command"),
        })
    }

    /// All that matches in one page, whatever the cursor is and however many are asked for.
    fn scan(&self, options: &[Bytes]) -> Reply {
        let option = |name: &[u8]| {
            let named = options.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(name));
            named.map(|pair| pair[1].as_slice())
        };
        let (pattern, kind) = (option(b"MATCH"), option(b"TYPE"));
        let matches = |key: &&Bytes| {
            pattern.is_none_or(|pattern| is_like(key, pattern))
                && kind.is_none_or(|kind| self.kind(key).as_bytes() == kind)
        };
        let found = self.keys.keys().filter(matches).map(|key| Reply::bulk(key.as_slice())).collect();
        Reply::Array(vec![Reply::bulk("0"), Reply::Array(found)])
    }

    /// Every key with the name of its type and what it holds: fields with values, scores behind members.
    pub(crate) fn held(&self) -> BTreeMap<Bytes, Vec<String>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let held = |(key, held): (&Bytes, &Held)| {
            let inside = match held {
                Held::Text(value) => vec![text(value)],
                Held::Hash(fields) => fields.iter().flat_map(|(field, value)| [text(field), text(value)]).collect(),
                Held::Sorted(_) => {
                    let members = self.sorted(key).expect("it is sorted");
                    members.iter().flat_map(|(score, member)| [text(member), score.to_string()]).collect()
                }
            };
            (key.clone(), [vec![self.kind(key).to_owned()], inside].concat())
        };
        self.keys.iter().map(held).collect()
    }

    pub(crate) fn kind(&self, key: &[u8]) -> &'static str {
        match self.keys.get(key) {
            None => "none",
            Some(Held::Text(_)) => "string",
            Some(Held::Hash(_)) => "hash",
            Some(Held::Sorted(_)) => "zset",
        }
    }

    pub(crate) fn exists(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// False when there was no such key.
    pub(crate) fn unlink(&mut self, key: &[u8]) -> bool {
        self.keys.remove(key).is_some()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Checked<Option<&[u8]>> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Held::Text(text)) => Ok(Some(text)),
            Some(Held::Hash(_) | Held::Sorted(_)) => Err(WrongType),
        }
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        self.keys.insert(key.to_vec(), Held::Text(value.to_vec()));
    }

    pub(crate) fn hget(&self, key: &[u8], field: &[u8]) -> Checked<Option<&[u8]>> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Held::Hash(fields)) => Ok(fields.get(field).map(Vec::as_slice)),
            Some(Held::Text(_) | Held::Sorted(_)) => Err(WrongType),
        }
    }

    pub(crate) fn hstrlen(&self, key: &[u8], field: &[u8]) -> Checked<usize> {
        Ok(self.hget(key, field)?.map_or(0, <[u8]>::len))
    }

    /// True when the field is new.
    pub(crate) fn hset(&mut self, key: &[u8], field: &[u8], value: &[u8]) -> Checked<bool> {
        match self.keys.entry(key.to_vec()).or_insert_with(|| Held::Hash(BTreeMap::new())) {
            Held::Hash(fields) => Ok(fields.insert(field.to_vec(), value.to_vec()).is_none()),
            Held::Text(_) | Held::Sorted(_) => Err(WrongType),
        }
    }

    /// True when the member is new.
    pub(crate) fn zadd(&mut self, key: &[u8], score: f64, member: &[u8]) -> Checked<bool> {
        match self.keys.entry(key.to_vec()).or_insert_with(|| Held::Sorted(BTreeMap::new())) {
            Held::Sorted(members) => Ok(members.insert(member.to_vec(), score).is_none()),
            Held::Text(_) | Held::Hash(_) => Err(WrongType),
        }
    }

    /// Members with their scores, lowest first, those of one score by name.
    pub(crate) fn sorted(&self, key: &[u8]) -> Checked<Vec<(f64, Bytes)>> {
        match self.keys.get(key) {
            None => Ok(Vec::new()),
            Some(Held::Sorted(members)) => {
                let mut sorted: Vec<_> = members.iter().map(|(member, score)| (*score, member.clone())).collect();
                sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b)); // stable: names stay in order
                Ok(sorted)
            }
            Some(Held::Text(_) | Held::Hash(_)) => Err(WrongType),
        }
    }

    /// Takes the `cut` lowest members away; a set without members is no key.
    pub(crate) fn zcut(&mut self, key: &[u8], cut: usize) -> Checked<()> {
        let lowest = self.sorted(key)?;
        if let Some(Held::Sorted(members)) = self.keys.get_mut(key) {
            for (_, member) in lowest.iter().take(cut) {
                members.remove(member);
            }
            if members.is_empty() {
                self.keys.remove(key);
            }
        }
        Ok(())
    }
}

/// A key against a pattern of which only `*` and `\\` mean something; the store uses no more.
fn is_like(key: &[u8], pattern: &[u8]) -> bool {
    match pattern {
        [] => key.is_empty(),
        [b'*', rest @ ..] => (0..=key.len()).any(|skipped| is_like(&key[skipped..], rest)),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => key.first() == Some(literal) && is_like(&key[1..], rest),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).expect("fewer than 2^63")
}
