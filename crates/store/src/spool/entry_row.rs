//! The row of an entry as it is in the file, before it is believed.

use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::session_id::SessionId;
use rusqlite::{Row, params};

use super::entry::{Entry, Kind};
use super::sealed;
use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

pub(super) const HEAD: &str = "SELECT seq, lane, kind, uid, hash, sid, crc, instance, followed, sum";

/// What a row says beside its words, as it is, before it is believed.
pub(super) struct Head {
    pub(super) seq: i64,
    lane: Vec<u8>,
    kind: Vec<u8>,
    uid: Vec<u8>,
    hash: Option<Vec<u8>>,
    pub(super) session_id: Vec<u8>,
    /// The checksum of the words.
    crc: Option<i64>,
    instance: Option<Vec<u8>>,
    followed: Option<i64>,
    /// `None`: an earlier version wrote it.
    sum: Option<i64>,
}

impl Head {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |column| Ok::<_, rusqlite::Error>(cells::bytes(row, column)?.unwrap_or_default());
        Ok(Self {
            seq: cells::whole(row, 0)?.unwrap_or_default(),
            lane: bytes(1)?,
            kind: bytes(2)?,
            uid: bytes(3)?,
            hash: cells::bytes(row, 4)?,
            session_id: bytes(5)?,
            crc: cells::whole(row, 6)?,
            instance: cells::bytes(row, 7)?,
            followed: cells::whole(row, 8)?,
            sum: cells::whole(row, 9)?,
        })
    }

    fn sum(&self) -> i64 {
        let Self { seq, lane, kind, uid, hash, session_id, crc, instance, followed, .. } = self;
        let number = |number: i64| number.to_be_bytes();
        let (seq, crc, followed) = (number(*seq), crc.map(number), followed.map(number));
        sealed::sum([
            Some(&seq[..]),
            Some(lane),
            Some(kind),
            Some(uid),
            hash.as_deref(),
            Some(session_id),
            crc.as_ref().map(|crc| &crc[..]),
            instance.as_deref(),
            followed.as_ref().map(|followed| &followed[..]),
        ])
    }

    /// Whether it is as it was written, as far as that can be told of what an earlier version wrote.
    pub(super) fn is_sealed(&self) -> bool {
        self.sum.is_none_or(|sum| sum == self.sum())
    }
}

pub(super) fn head_of(rows: &Rows<'_>, seq: i64) -> Result<Option<Head>, MemoryError> {
    rows.one(&format!("{HEAD} FROM outbox WHERE seq = ?1"), params![seq], Head::read)
}

/// Writes the checksum of a row that was written just now.
pub(super) fn seal(rows: &Rows<'_>, seq: i64) -> Result<(), MemoryError> {
    if let Some(head) = head_of(rows, seq)? {
        rows.change("UPDATE outbox SET sum = ?2 WHERE seq = ?1", params![seq, head.sum()])?;
    }
    Ok(())
}

pub(super) const ENTRY: &str =
    "SELECT seq, lane, kind, uid, hash, sid, crc, instance, followed, sum, body, tries, next_at";

/// A row as it is, before it is believed.
pub(super) struct Stored {
    pub(super) head: Head,
    body: Vec<u8>,
    tries: Option<i64>,
    next_at: Option<i64>,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            head: Head::read(row)?,
            body: cells::bytes(row, 10)?.unwrap_or_default(),
            tries: cells::whole(row, 11)?,
            next_at: cells::whole(row, 12)?,
        })
    }

    /// What it asks for; `None`: it is damaged.
    pub(super) fn into_entry(self) -> Option<Entry> {
        let Self { head, body, tries, next_at } = self;
        if head.crc != Some(i64::from(crc32fast::hash(&body))) || !head.is_sealed() {
            return None;
        }
        let hash = match &head.hash {
            None => None,
            Some(hash) => Some(PhoneHash::parse(str::from_utf8(hash).ok()?).ok()?),
        };
        let user_id = UserId::parse(str::from_utf8(&head.uid).ok()?).ok()?;
        let instance = match head.instance {
            None => None,
            Some(instance) => Some(String::from_utf8(instance).ok()?),
        };
        Some(Entry {
            seq: head.seq,
            kind: Kind::parse(str::from_utf8(&head.kind).ok()?)?,
            caller: Caller { user_id, hash },
            session_id: Some(str::from_utf8(&head.session_id).ok()?).filter(|id| !id.is_empty()).map(SessionId::named),
            body: String::from_utf8(body).ok()?,
            // They only say how long it waits: whatever they are by now, it is tried.
            tries: u32::try_from(tries.unwrap_or_default()).unwrap_or_default(),
            next_at: u64::try_from(next_at.unwrap_or_default()).unwrap_or_default(),
            instance,
            followed: head.followed.is_some_and(|followed| followed != 0),
        })
    }
}
