//! The outbox, as rows: entries that wait, were delivered, or are dead.

use std::time::Duration;

use redial_identity::{Caller, PhoneHash, UserId, is_id};
use redial_memory::model::SessionDoc;
use redial_supervision::Backoff;
use rusqlite::{Row, params};

use super::super::directory::ERASED_FOR;
use super::super::rules::{Records as _, expiry};
use super::super::sqlite::{Rows, cells};
use super::super::store::MemoryError;
pub(super) use super::dead::park;
use super::{Forgotten, OpenCall, dead, journal, mark, sealed};

/// Between attempts to deliver to a store.
pub(super) const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(10));
/// A model costs money and time, so it is asked again much later than a store.
pub(super) const SUMMARY_PAUSES: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(2500));

/// The body of an erasure of somebody who was erased before: where the store knows that, nothing is to be done.
pub(super) const ERASED_BEFORE: &str = "before";

/// Copies of one call that are looked at: one for each time that its stream broke, which is a few.
const MOST_COPIES: i64 = 32;

/// What an entry asks of whom it is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Write a finished session, and fold it into the caller's profile.
    Session,
    /// Erase a user.
    Erase,
    /// Erase whomever a number leads to; the body holds its older hashes.
    EraseNumber,
    /// Let a model write a better summary of a session that is written.
    Summary,
    /// Offer a session that is written to the archive.
    Archive,
    /// Erase a user in the archive.
    EraseArchived,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Session, Self::Erase, Self::EraseNumber, Self::Summary, Self::Archive, Self::EraseArchived];

    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Erase => "erase",
            Self::EraseNumber => "erase_number",
            Self::Summary => "summary",
            Self::Archive => "archive",
            Self::EraseArchived => "erase_archived",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// A slow model or archive keeps no session waiting: they have lanes of their own.
    const fn lane(self) -> char {
        match self {
            Self::Session | Self::Erase | Self::EraseNumber => 's',
            Self::Summary => 'm',
            Self::Archive | Self::EraseArchived => 'a',
        }
    }
}

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; later entries have higher ones.
    pub seq: i64,
    /// What is to be done.
    pub kind: Kind,
    /// Whose it is.
    pub caller: Caller,
    /// The session; empty for an erasure.
    pub sid: String,
    /// The session as JSON; of an erasure by number the older hashes, of another one empty, or why it is queued.
    pub body: String,
    /// Failed attempts so far.
    pub tries: u32,
    /// Not before this, Unix ms.
    pub next_at: u64,
    /// The instance that had the call, if it is known.
    pub instance: Option<String>,
    /// True once what follows from its delivery is queued.
    pub followed: bool,
}

/// How much the outbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolFigures {
    /// Calls in the journal.
    pub open_calls: u64,
    /// Entries to be delivered.
    pub waiting: u64,
    /// Entries that were, kept for the replay window.
    pub delivered: u64,
    /// Entries that cannot be.
    pub dead: u64,
    /// Bytes of the file that are in use; where callers are remembered in the same file, that is counted too.
    pub bytes: u64,
}

/// Queues a finished session of a call that `instance` had, unless its user was erased, or the same one waits already.
pub(super) fn queue_session(
    rows: &Rows<'_>,
    caller: &Caller,
    session: &SessionDoc,
    instance: Option<&str>,
) -> Result<(), MemoryError> {
    if rows.is_gone(&caller.user_id)? {
        return Ok(());
    }
    let body = serde_json::to_string(session)
        .map_err(|_| MemoryError::Refused("the session cannot be written as JSON".to_owned()))?;
    let same = "SELECT 1 FROM outbox WHERE sid = ?1 AND kind = 'session' AND crc = ?2 AND body = ?3";
    let crc = crc32fast::hash(body.as_bytes());
    if rows.one(same, params![session.chat_id, crc, body], |_| Ok(()))?.is_some() {
        return Ok(()); // written again after an answer that was lost
    }
    insert(rows, Kind::Session, caller, &session.chat_id, &body, instance)
}

/// Queues an entry.
pub(super) fn queue(rows: &Rows<'_>, kind: Kind, caller: &Caller, sid: &str, body: &str) -> Result<(), MemoryError> {
    insert(rows, kind, caller, sid, body, None)
}

fn insert(
    rows: &Rows<'_>,
    kind: Kind,
    caller: &Caller,
    sid: &str,
    body: &str,
    instance: Option<&str>,
) -> Result<(), MemoryError> {
    let uid = caller.user_id.as_str();
    let hash = caller.hash.as_ref().map(PhoneHash::as_str);
    rows.change(
        "INSERT INTO outbox (lane, kind, uid, hash, sid, body, crc, instance) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![lane_of(kind, uid), kind.as_str(), uid, hash, sid, body, crc32fast::hash(body.as_bytes()), instance],
    )?;
    seal(rows, rows.connection.last_insert_rowid())
}

fn lane_of(kind: Kind, uid: &str) -> String {
    format!("{}:{uid}", kind.lane())
}

/// The first entries of their lanes that are due, erasures before all else, then those that were never tried. Damaged
/// ones are put aside.
///
/// In the order of an index each, so that the first few cost the same however many wait behind them.
pub(super) fn due(rows: &Rows<'_>, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    let first_of_lanes = |which: &str, order: &str| {
        format!(
            "{ENTRY} FROM outbox o WHERE delivered IS NULL AND {which} AND next_at <= ?1 AND NOT EXISTS
               (SELECT 1 FROM outbox b WHERE b.lane = o.lane AND b.delivered IS NULL AND b.seq < o.seq)
             ORDER BY {order} LIMIT ?2"
        )
    };
    let mut due = entries(rows, &first_of_lanes("kind = 'erase'", "seq"), limit)?;
    let room = limit.saturating_sub(due.len());
    due.extend(entries(rows, &first_of_lanes("kind <> 'erase'", "next_at, seq"), room)?);
    Ok(due)
}

/// The clock was set while the process ran, by so many ms: what waits waits as long as it would have, and what was
/// delivered is kept as long.
pub(super) fn follow_clock(rows: &Rows<'_>, jump_ms: i64) -> Result<(), MemoryError> {
    for sql in [
        "UPDATE outbox SET next_at = max(next_at + ?1, 0) WHERE delivered IS NULL AND next_at > 0",
        "UPDATE outbox SET delivered = max(delivered + ?1, 0) WHERE delivered IS NOT NULL",
    ] {
        rows.change(sql, params![jump_ms])?;
    }
    Ok(())
}

/// What is to wait longer than any pause does so because the clock was set back while no process ran: it is due. For the
/// same reason nothing was delivered later than now.
pub(super) fn catch_up_with_clock(rows: &Rows<'_>) -> Result<(), MemoryError> {
    let longest_ms = |backoff: &Backoff| u64::try_from(backoff.longest().as_millis()).unwrap_or(u64::MAX);
    rows.change(
        "UPDATE outbox SET next_at = 0 WHERE delivered IS NULL
         AND next_at > ?1 + CASE kind WHEN 'summary' THEN ?2 ELSE ?3 END",
        params![rows.now, longest_ms(&SUMMARY_PAUSES), longest_ms(&PAUSES)],
    )?;
    rows.change("UPDATE outbox SET delivered = ?1 WHERE delivered > ?1", params![rows.now])?;
    Ok(())
}

/// All entries that wait.
pub(super) fn waiting(rows: &Rows<'_>, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    entries(
        rows,
        &format!("{ENTRY} FROM outbox WHERE delivered IS NULL AND ?1 IS NOT NULL ORDER BY seq LIMIT ?2"),
        limit,
    )
}

/// When the next entry is due, Unix ms.
pub(super) fn next_due(rows: &Rows<'_>) -> Result<Option<u64>, MemoryError> {
    let sql = "SELECT min(next_at) FROM outbox o WHERE delivered IS NULL AND next_at > ?1";
    Ok(rows.one(sql, params![rows.now], |row| cells::whole(row, 0))?.flatten().and_then(|at| u64::try_from(at).ok()))
}

/// Who takes a delivery, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taker {
    /// The server.
    pub(super) server: String,
    /// How often one has forgotten.
    pub(super) generation: u64,
}

/// Notes a delivery, and what follows from it. `taker`: the server that took it, if it may forget and the entry stays for
/// the replay window; when another one answers by now, or it has forgotten, the entry goes there once more.
pub(super) fn delivered(
    rows: &Rows<'_>,
    entry: &Entry,
    taker: Option<&Taker>,
    follow_ups: &[Kind],
) -> Result<(), MemoryError> {
    if entry.kind == Kind::Session {
        let uid = entry.caller.user_id.as_str();
        rows.change("UPDATE log SET uid = ?2 WHERE sid = ?1 AND uid <> ?2", params![entry.sid, uid])?;
    }
    let is_sound = head_of(rows, entry.seq)?.is_some_and(|head| head.is_sealed());
    let known = match taker {
        None => rows.change("DELETE FROM outbox WHERE seq = ?1", params![entry.seq])?,
        Some(Taker { server: taken_by, generation })
            if server(rows)?.as_ref() == Some(taken_by) && mark::generation(rows)? == *generation =>
        {
            // As the user's whom it was delivered to.
            let uid = entry.caller.user_id.as_str();
            rows.change(
                "UPDATE outbox SET delivered = ?2, uid = ?3, lane = ?4 WHERE seq = ?1",
                params![entry.seq, rows.now, uid, lane_of(entry.kind, uid)],
            )?
        }
        Some(_) => rows.change("UPDATE outbox SET tries = 0, next_at = 0 WHERE seq = ?1", params![entry.seq])?,
    };
    if known > 0 && !follow_ups.is_empty() {
        rows.change("UPDATE outbox SET followed = 1 WHERE seq = ?1", params![entry.seq])?;
        for kind in follow_ups {
            queue(rows, *kind, &entry.caller, &entry.sid, &entry.body)?;
        }
    }
    // What has changed under way stays seen.
    if is_sound { seal(rows, entry.seq) } else { Ok(()) }
}

/// Notes a failed attempt; the next one is not before `next_at`.
pub(super) fn failed(rows: &Rows<'_>, seq: i64, next_at: u64) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET tries = tries + 1, next_at = ?2 WHERE seq = ?1", params![seq, next_at])?;
    Ok(())
}

/// What the copies of a session hold, newest first, for a call that goes on. Some are from before it was with another
/// instance, or were delivered.
pub(super) fn copies(rows: &Rows<'_>, sid: &str) -> Result<Vec<OpenCall>, MemoryError> {
    let sql = format!("{ENTRY} FROM outbox WHERE sid = ?1 AND kind = 'session' ORDER BY seq DESC LIMIT ?2");
    let mut copies = Vec::new();
    for stored in rows.all(&sql, params![sid, MOST_COPIES], Stored::read)? {
        // What is damaged is put aside when its turn comes.
        let Some(entry) = stored.into_entry() else { continue };
        let Ok(session) = serde_json::from_str::<SessionDoc>(&entry.body) else { continue };
        copies.push(OpenCall {
            sid: sid.to_owned(),
            caller: entry.caller,
            started_at: session.started_at,
            parameters: session.metadata.payload_keys,
            turns: session.conversation_history,
            summary: String::new(),
        });
    }
    Ok(copies)
}

/// Sessions and erasures that wait.
pub(super) fn pending_sessions(rows: &Rows<'_>) -> Result<u64, MemoryError> {
    let sql = "SELECT count(*) FROM outbox WHERE delivered IS NULL AND kind IN ('session', 'erase', 'erase_number')";
    Ok(rows.one(sql, [], |row| row.get(0))?.unwrap_or(0))
}

/// Sends everything again that was delivered within the replay window.
pub(super) fn replay(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    rows.change("UPDATE outbox SET delivered = NULL, tries = 0, next_at = 0 WHERE delivered IS NOT NULL", [])
}

/// Queues the erasure of everybody who was erased lately, unless it is queued: a server that has forgotten may have them
/// again.
pub(super) fn erase_again(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    let sql = "SELECT uid FROM gone WHERE expires > ?1 AND NOT EXISTS
               (SELECT 1 FROM outbox WHERE outbox.uid = gone.uid AND kind = 'erase')";
    let gone: Vec<String> = rows.all(sql, params![rows.now], |row| row.get(0))?;
    for uid in &gone {
        // What somebody has written there that is no id keeps no other from being erased.
        let Ok(user_id) = UserId::parse(uid) else { continue };
        queue(rows, Kind::Erase, &Caller { user_id, hash: None }, "", ERASED_BEFORE)?;
    }
    Ok(gone.len())
}

/// Lets everything that waits be tried at once.
pub(super) fn make_due(rows: &Rows<'_>) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET next_at = 0 WHERE delivered IS NULL AND next_at > 0", [])?;
    Ok(())
}

/// Deletes what was delivered before a time, Unix ms.
pub(super) fn sweep(rows: &Rows<'_>, before: u64) -> Result<usize, MemoryError> {
    rows.change("DELETE FROM outbox WHERE delivered IS NOT NULL AND delivered < ?1", params![before])
}

/// The server that took the deliveries so far.
pub(super) fn server(rows: &Rows<'_>) -> Result<Option<String>, MemoryError> {
    // One that cannot be read is another one: what was delivered lately is sent again.
    let id = rows.one("SELECT id FROM server", [], |row| cells::bytes(row, 0))?.flatten();
    Ok(id.map(cells::readable))
}

/// Notes the server that takes the deliveries from now on.
pub(super) fn set_server(rows: &Rows<'_>, id: &str) -> Result<(), MemoryError> {
    rows.change("INSERT OR REPLACE INTO server (one, id) VALUES (1, ?1)", params![id])?;
    Ok(())
}

/// The users of whom something is here.
pub(super) fn users(rows: &Rows<'_>) -> Result<Vec<UserId>, MemoryError> {
    let sql = "SELECT uid FROM outbox WHERE kind NOT LIKE 'erase%'
               UNION SELECT uid FROM call UNION SELECT uid FROM dead UNION SELECT uid FROM log";
    let uids = rows.all(sql, [], |row| cells::bytes(row, 0))?;
    let uids = uids.iter().flatten().filter_map(|uid| str::from_utf8(uid).ok());
    Ok(uids.filter_map(|uid| UserId::parse(uid).ok()).collect())
}

/// Deletes everything of a user, and keeps more of it from coming. `tell`: the store and the archive are to erase them
/// as well.
pub(super) fn forget(rows: &mut Rows<'_>, user: &UserId, tell: bool) -> Result<Forgotten, MemoryError> {
    let uid = user.as_str();
    let turns = rows.change("DELETE FROM turn WHERE sid IN (SELECT sid FROM call WHERE uid = ?1)", params![uid])?;
    let calls = rows.change("DELETE FROM call WHERE uid = ?1", params![uid])?;
    let queued = rows.change("DELETE FROM outbox WHERE uid = ?1 AND kind NOT LIKE 'erase%'", params![uid])?;
    // Told by somebody else, erasures of our own that are still to be delivered, or delivered again, stay. One by number
    // may be about others as well.
    if tell {
        rows.change("DELETE FROM outbox WHERE uid = ?1 AND kind IN ('erase', 'erase_archived')", params![uid])?;
    }
    let dead = rows.change("DELETE FROM dead WHERE uid = ?1", params![uid])?;
    let logs = logs_of(rows, user)?;
    rows.change(
        "INSERT OR REPLACE INTO gone (uid, expires) VALUES (?1, ?2)",
        params![uid, expiry(rows.now, Some(ERASED_FOR))],
    )?;
    rows.leave_no_log();
    if tell {
        let caller = Caller { user_id: user.clone(), hash: None };
        queue(rows, Kind::Erase, &caller, "", "")?;
        queue(rows, Kind::EraseArchived, &caller, "", "")?;
    }
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok(Forgotten { calls: count(calls), turns: count(turns), entries: count(queued + dead), logs })
}

/// Makes what is here of a user another one's, who has absorbed them.
pub(super) fn rename(rows: &Rows<'_>, from: &UserId, into: &UserId) -> Result<(), MemoryError> {
    journal::rename(rows, from, into)?;
    let users = params![from.as_str(), into.as_str()];
    for table in ["log", "dead"] {
        rows.change(&format!("UPDATE {table} SET uid = ?2 WHERE uid = ?1"), users)?;
    }
    // An erasure that was asked for stays about whom it was; a damaged entry stays what it is.
    let sql = format!("{HEAD} FROM outbox WHERE uid = ?1 AND kind NOT LIKE 'erase%'");
    for head in rows.all(&sql, params![from.as_str()], Head::read)?.into_iter().filter(Head::is_sealed) {
        // The lane's first letter says what kind it is of.
        rows.change(
            "UPDATE outbox SET uid = ?2, lane = substr(lane, 1, 2) || ?2 WHERE seq = ?1",
            params![head.seq, into.as_str()],
        )?;
        seal(rows, head.seq)?;
    }
    Ok(())
}

/// The sessions of a user of which there are call logs.
pub(super) fn logs_of(rows: &Rows<'_>, user: &UserId) -> Result<Vec<String>, MemoryError> {
    let sids = rows.all("SELECT sid FROM log WHERE uid = ?1", params![user.as_str()], |row| cells::bytes(row, 0))?;
    // It becomes part of a path.
    Ok(sids.into_iter().flatten().filter_map(|sid| String::from_utf8(sid).ok()).filter(|sid| is_id(sid)).collect())
}

/// Deletes the copies of a session, delivered or not.
pub(super) fn drop_session(rows: &Rows<'_>, sid: &str) -> Result<(), MemoryError> {
    rows.change("DELETE FROM outbox WHERE sid = ?1", params![sid])?;
    rows.change("DELETE FROM dead WHERE sid = ?1", params![sid])?;
    rows.leave_no_log();
    Ok(())
}

/// Queues the erasure of whomever a number leads to.
pub(super) fn erase_number(rows: &Rows<'_>, caller: &Caller, older: &[PhoneHash]) -> Result<(), MemoryError> {
    let older: Vec<&str> = older.iter().map(PhoneHash::as_str).collect();
    queue(rows, Kind::EraseNumber, caller, "", &serde_json::json!(older).to_string())
}

/// Lets what waits of a user wait that long.
pub(super) fn hold(rows: &Rows<'_>, user: &UserId, hold: Duration) -> Result<(), MemoryError> {
    let sql = "UPDATE outbox SET next_at = ?2 WHERE uid = ?1 AND delivered IS NULL";
    rows.change(sql, params![user.as_str(), if hold.is_zero() { 0 } else { expiry(rows.now, Some(hold)) }])?;
    Ok(())
}

/// Notes that call logs are deleted.
pub(super) fn logs_deleted(rows: &Rows<'_>, sids: &[String]) -> Result<(), MemoryError> {
    for sid in sids {
        rows.change("DELETE FROM log WHERE sid = ?1", params![sid])?;
    }
    if !sids.is_empty() {
        rows.leave_no_log();
    }
    Ok(())
}

/// How much there is.
pub(super) fn figures(rows: &Rows<'_>) -> Result<SpoolFigures, MemoryError> {
    let sql = "SELECT (SELECT count(*) FROM call),
                      (SELECT count(*) FROM outbox WHERE delivered IS NULL),
                      (SELECT count(*) FROM outbox WHERE delivered IS NOT NULL),
                      (SELECT count(*) FROM dead),
                      (SELECT (page_count - freelist_count) * page_size
                       FROM pragma_page_count, pragma_freelist_count, pragma_page_size)";
    let figures = rows.one(sql, [], |row| {
        Ok(SpoolFigures {
            open_calls: row.get(0)?,
            waiting: row.get(1)?,
            delivered: row.get(2)?,
            dead: row.get(3)?,
            bytes: row.get(4)?,
        })
    })?;
    Ok(figures.unwrap_or_default())
}

const HEAD: &str = "SELECT seq, lane, kind, uid, hash, sid, crc, instance, followed, sum";

/// What a row says beside its words, as it is, before it is believed.
struct Head {
    seq: i64,
    lane: Vec<u8>,
    kind: Vec<u8>,
    uid: Vec<u8>,
    hash: Option<Vec<u8>>,
    sid: Vec<u8>,
    /// The checksum of the words.
    crc: Option<i64>,
    instance: Option<Vec<u8>>,
    followed: Option<i64>,
    /// `None`: an earlier version wrote it.
    sum: Option<i64>,
}

impl Head {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |column| Ok::<_, rusqlite::Error>(cells::bytes(row, column)?.unwrap_or_default());
        Ok(Self {
            seq: cells::whole(row, 0)?.unwrap_or_default(),
            lane: bytes(1)?,
            kind: bytes(2)?,
            uid: bytes(3)?,
            hash: cells::bytes(row, 4)?,
            sid: bytes(5)?,
            crc: cells::whole(row, 6)?,
            instance: cells::bytes(row, 7)?,
            followed: cells::whole(row, 8)?,
            sum: cells::whole(row, 9)?,
        })
    }

    fn sum(&self) -> i64 {
        let Self { seq, lane, kind, uid, hash, sid, crc, instance, followed, .. } = self;
        let number = |number: i64| number.to_be_bytes();
        let (seq, crc, followed) = (number(*seq), crc.map(number), followed.map(number));
        sealed::sum([
            Some(&seq[..]),
            Some(lane),
            Some(kind),
            Some(uid),
            hash.as_deref(),
            Some(sid),
            crc.as_ref().map(|crc| &crc[..]),
            instance.as_deref(),
            followed.as_ref().map(|followed| &followed[..]),
        ])
    }

    /// Whether it is as it was written, as far as that can be told of what an earlier version wrote.
    fn is_sealed(&self) -> bool {
        self.sum.is_none_or(|sum| sum == self.sum())
    }
}

fn head_of(rows: &Rows<'_>, seq: i64) -> Result<Option<Head>, MemoryError> {
    rows.one(&format!("{HEAD} FROM outbox WHERE seq = ?1"), params![seq], Head::read)
}

/// Writes the checksum of a row that was written just now.
fn seal(rows: &Rows<'_>, seq: i64) -> Result<(), MemoryError> {
    if let Some(head) = head_of(rows, seq)? {
        rows.change("UPDATE outbox SET sum = ?2 WHERE seq = ?1", params![seq, head.sum()])?;
    }
    Ok(())
}

const ENTRY: &str = "SELECT seq, lane, kind, uid, hash, sid, crc, instance, followed, sum, body, tries, next_at";

/// A row as it is, before it is believed.
struct Stored {
    head: Head,
    body: Vec<u8>,
    tries: Option<i64>,
    next_at: Option<i64>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            head: Head::read(row)?,
            body: cells::bytes(row, 10)?.unwrap_or_default(),
            tries: cells::whole(row, 11)?,
            next_at: cells::whole(row, 12)?,
        })
    }

    /// What it asks for; `None`: it is damaged.
    fn into_entry(self) -> Option<Entry> {
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
            sid: String::from_utf8(head.sid).ok()?,
            body: String::from_utf8(body).ok()?,
            // They only say how long it waits: whatever they are by now, it is tried.
            tries: u32::try_from(tries.unwrap_or_default()).unwrap_or_default(),
            next_at: u64::try_from(next_at.unwrap_or_default()).unwrap_or_default(),
            instance,
            followed: head.followed.is_some_and(|followed| followed != 0),
        })
    }
}

/// Reads entries with a query that has the time and a limit as its parameters. Those that are damaged are put aside, and
/// what waited behind them is looked for at once.
fn entries(rows: &Rows<'_>, sql: &str, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    loop {
        let stored = rows.all(sql, params![rows.now, as_limit(limit)], Stored::read)?;
        let (mut entries, mut damaged) = (Vec::with_capacity(stored.len()), false);
        for row in stored {
            let (seq, sid) = (row.head.seq, row.head.sid.clone());
            match row.into_entry() {
                Some(entry) => entries.push(entry),
                None => {
                    dead::tell("an entry of the outbox", &sid);
                    park(rows, seq, dead::DAMAGED)?;
                    damaged = true;
                }
            }
        }
        if !damaged {
            return Ok(entries);
        }
    }
}

pub(super) fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
