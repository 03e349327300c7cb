//! One bit is another one, anywhere in what waits on the disk: the damaged item is put aside, everything else arrives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::UserId;
use redial_memory::model::Message;
use redial_store::clock;
use redial_store::directory::{Directory as _, Page};
use redial_store::process::ProcessStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Dead, Deliverer, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::Store as _;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{caller, session};

/// Flips of the short form, each in a file of its own.
const FLIPS: u64 = 60;
/// A machine that compiles elsewhere takes a while for a few transactions.
const DEADLINE: Duration = Duration::from_secs(30);
const FILE: &str = "redial.sqlite";
const BEGAN: u64 = super::NOON;

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

/// How many flips are asked for, by `FLIPS` in the environment, and the seed of the first one, by `FLIP_SEED`.
pub(crate) fn asked() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    (number("FLIPS").unwrap_or(FLIPS), number("FLIP_SEED").unwrap_or(1))
}

/// Repeatable numbers (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    pub(crate) fn flip(&mut self, bytes: &mut [u8]) {
        let bit = self.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

fn spool(dir: &Path) -> Arc<Spool> {
    let database = Database::open(&dir.join(FILE), clock::system()).unwrap();
    let settings = SpoolSettings { per_second: 100_000, ..SpoolSettings::default() };
    Arc::new(Spool::open(Arc::new(database), Some(dir), settings).unwrap())
}

fn turn(id: u32, text: &str) -> Message {
    let start_ms = u64::from(id) * 1000;
    let (text, cut, never_sent) = (text.to_owned(), String::new(), String::new());
    let (id, role, via, end_ms) = (TurnId(id), Role::Caller, Via::Voice, start_ms + 500);
    Message { turn: Turn { id, role, via, text, cut, never_sent, acts: Vec::new(), start_ms, end_ms } }
}

fn said(sid: &str) -> Vec<Message> {
    (1..=3).map(|id| turn(id, &format!("The {id} wish of {sid} is a plumber, señora"))).collect()
}

/// What every session is to hold, by its id: whose it is, and its words.
type Expected = BTreeMap<String, (String, Vec<String>)>;

fn words(turns: &[Message]) -> Vec<String> {
    turns.iter().map(|message| message.turn.text.clone()).collect()
}

/// A data directory whose instance has died: three live calls, and two finished ones of each of four callers.
async fn left_behind() -> (TempDir, Expected) {
    let (dir, mut expected) = (TempDir::new().unwrap(), Expected::new());
    {
        let spool = spool(dir.path());
        for name in ["ana", "bob", "eve"] {
            let (sid, turns) = (format!("CA-live-{name}"), said(&format!("CA-live-{name}")));
            spool.begin(OpenCall {
                session_id: sid.parse().unwrap(),
                caller: caller(name),
                started_at: BEGAN,
                parameters: vec!["lang".to_owned()],
                turns: Vec::new(),
                summary: String::new(),
            });
            for turn in &turns {
                drop(spool.turn(&sid.parse().unwrap(), turn.clone()));
            }
            expected.insert(sid, (format!("u_{name}"), words(&turns)));
        }
        let mut closed = Vec::new();
        for name in ["ana", "bob", "eve", "joe"] {
            for n in 1..=2 {
                let sid = format!("CA-{name}-{n}");
                let mut finished = session(&sid, &caller(name), &[], BEGAN + 60_000);
                finished.conversation_history = said(&sid);
                expected.insert(sid, (format!("u_{name}"), words(&finished.conversation_history)));
                closed.push(spool.close(&caller(name), finished));
            }
        }
        for closed in closed {
            closed.await.unwrap();
        }
    }
    // The last one to leave takes the log away.
    eventually("the file is closed", async || !dir.path().join(format!("{FILE}-wal")).exists()).await;
    (dir, expected)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Where a bit was flipped.
#[derive(Debug)]
struct Flip {
    table: &'static str,
    column: String,
    /// The session that the row is of.
    sid: String,
}

/// Flips one bit of one value in the file; another one where the file itself does not allow it.
fn flip(file: &Path, dice: &mut Dice) -> Flip {
    let file = Connection::open(file).unwrap();
    loop {
        let table = ["call", "turn", "outbox"][dice.below(3)];
        let columns: Vec<String> = {
            let mut info = file.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
            info.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let column = columns[dice.below(columns.len())].clone();
        let id = if table == "turn" { "id" } else { "0" };
        let rows: Vec<(String, i64, Value)> = {
            let sql = format!("SELECT sid, {id}, {column} FROM {table} ORDER BY 1, 2");
            let mut rows = file.prepare(&sql).unwrap();
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap()
        };
        let (sid, id_of_row, value) = rows[dice.below(rows.len())].clone();
        let (flipped, cast) = match value {
            Value::Text(text) if !text.is_empty() => {
                let mut bytes = text.into_bytes();
                dice.flip(&mut bytes);
                (Value::Blob(bytes), "CAST(?1 AS TEXT)")
            }
            Value::Integer(number) => (Value::Integer(number ^ (1 << dice.below(64))), "?1"),
            _ => continue, // nothing in it that could flip
        };
        let sql = format!("UPDATE {table} SET {column} = {cast} WHERE sid = ?2 AND {id} = ?3");
        match file.execute(&sql, rusqlite::params![flipped, sid, id_of_row]) {
            Ok(1) => return Flip { table, column, sid },
            Ok(_) => panic!("not one row"),
            Err(_) => (), // another row has that key
        }
    }
}

/// What arrived after a flip.
struct Arrived {
    sessions: Expected,
    dead: Vec<Dead>,
}

async fn start_again(dir: &Path, expected: &Expected) -> Arrived {
    let store = Arc::new(ProcessStore::new(StoreSettings::default()));
    let (spool, stop) = (spool(dir), CancellationToken::new());
    let deliverer = Deliverer::new(Arc::clone(&spool), Sinks::only(Arc::clone(&store) as _, Arc::new(NoCalls)));
    let delivering = tokio::spawn(deliverer.run(stop.clone()));
    eventually("all calls are finished", async || {
        spool.finish_orphans().await.unwrap();
        spool.figures().await.unwrap().open_calls == 0
    })
    .await;
    assert!(spool.delivered(DEADLINE).await, "the queue is jammed");
    let mut sessions = Expected::new();
    let listed = store.sessions(Page { after: None, limit: 1000 }).await.unwrap().entries;
    for sid in listed {
        let session = store.load_session(&sid).await.unwrap().unwrap();
        assert!(expected.contains_key(sid.as_str()), "{sid} came out of nowhere");
        sessions.insert(sid.to_string(), (session.user_id, words(&session.conversation_history)));
    }
    let dead = spool.dead(100).await.unwrap();
    stop.cancel();
    delivering.await.unwrap();
    Arrived { sessions, dead }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_costs_its_own_item_at_most_and_that_is_put_aside() {
    let (dir, expected) = left_behind().await;
    let (flips, first) = asked();
    let (mut parked, mut harmless) = (0, 0);
    for seed in first..first + flips {
        let copy = TempDir::new().unwrap();
        std::fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
        let flip = flip(&copy.path().join(FILE), &mut Dice(seed));
        eprintln!("seed {seed}: {flip:?}");
        let Arrived { sessions, dead } = start_again(copy.path(), &expected).await;
        for (sid, as_it_was) in expected.iter().filter(|(sid, _)| **sid != flip.sid) {
            assert_eq!(sessions.get(sid), Some(as_it_was), "seed {seed}, {flip:?}: another item");
        }
        let as_it_was = &expected[&flip.sid];
        let arrived = sessions.get(&flip.sid);
        if arrived == Some(as_it_was) && dead.is_empty() {
            harmless += 1;
            continue;
        }
        parked += 1;
        // A call whose row has another id is one item, and what was said in it another.
        let most = if flip.table == "call" && flip.column == "sid" { 2 } else { 1 };
        assert!((1..=most).contains(&dead.len()), "seed {seed}, {flip:?}: {dead:?}");
        assert!(dead.iter().all(|dead| !dead.reason.is_empty()));
        let kept: String = dead.iter().map(|dead| dead.body.as_str()).collect();
        match (flip.table, arrived) {
            ("turn", Some((user, words))) => {
                assert_eq!((user, words.len()), (&as_it_was.0, 2), "seed {seed}, {flip:?}: the others of the call");
                assert!(words.iter().all(|words| as_it_was.1.contains(words)), "seed {seed}: never served damaged");
            }
            ("call" | "outbox", None) => (),
            (table, arrived) => panic!("seed {seed}, {flip:?}: {table}, {arrived:?}"),
        }
        // As bytes, so also where the flip made them something that is no text.
        let is_whole = !matches!(flip.column.as_str(), "doc" | "body");
        let missing = as_it_was.1.iter().filter(|words| arrived.is_none_or(|(_, there)| !there.contains(words)));
        for words in missing.filter(|_| is_whole) {
            assert!(kept.contains(words.as_str()), "seed {seed}, {flip:?}: lost, not in {kept}");
        }
    }
    let all = flips * expected.len() as u64;
    eprintln!(
        "{flips} flips: {harmless} harmless, {parked} items put aside, {} of {all} items arrived, 0 lost",
        all - parked
    );
}

/// The bytes of a value, whatever they are.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    value.as_bytes().unwrap_or_default().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_keeps_its_bytes_as_they_are() {
    let (dir, _) = left_behind().await;
    let file = dir.path().join(FILE);
    let before = {
        let file = Connection::open(&file).unwrap();
        // The ñ of the señora is no letter any more, and no text.
        let damage =
            "UPDATE outbox SET body = CAST(replace(CAST(body AS BLOB), x'c3b1', x'c3') AS TEXT) WHERE sid = ?1";
        assert_eq!(file.execute(damage, ["CA-joe-1"]).unwrap(), 1);
        file.query_row("SELECT body FROM outbox WHERE sid = 'CA-joe-1'", [], |row| Ok(bytes(row.get_ref(0)?))).unwrap()
    };
    let spool = spool(dir.path());
    assert_eq!(spool.waiting(100).await.unwrap().len(), 7);
    let dead = spool.dead(10).await.unwrap().remove(0);
    assert_eq!((dead.session_id.as_str(), dead.kind.as_str()), ("CA-joe-1", "session"));
    assert_eq!(dead.body, format!("hex:{}", hex::encode(&before)), "shown as what it is");
    assert!(dead.reason.contains("check the disk") && dead.reason.contains("drop"), "{}", dead.reason);
    let look = Connection::open(&file).unwrap();
    let kept: Vec<u8> = look.query_row("SELECT body FROM dead", [], |row| Ok(bytes(row.get_ref(0)?))).unwrap();
    assert_eq!(kept, before);
    let refused = spool.retry_dead(dead.seq).await.unwrap_err().to_string();
    assert!(refused.contains("no text") && refused.contains("drop"), "{refused}");
    assert!(spool.drop_dead(dead.seq).await.unwrap());
    assert_eq!(spool.figures().await.unwrap().dead, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_aside_is_delivered_as_it_is_when_somebody_says_so() {
    let (dir, expected) = left_behind().await;
    {
        let file = Connection::open(dir.path().join(FILE)).unwrap();
        for damage in [
            "UPDATE outbox SET instance = 'another' WHERE sid = 'CA-joe-1'",
            "UPDATE call SET parameters = '[\"long\"]' WHERE sid = 'CA-live-bob'",
        ] {
            assert_eq!(file.execute(damage, []).unwrap(), 1);
        }
    }
    let Arrived { sessions, mut dead } = start_again(dir.path(), &expected).await;
    assert_eq!(sessions.len(), expected.len() - 2);
    dead.sort_by(|a, b| a.session_id.cmp(&b.session_id));
    let aside: Vec<_> = dead.iter().map(|dead| (dead.session_id.as_str(), dead.kind.as_str())).collect();
    assert_eq!(aside, [("CA-joe-1", "session"), ("CA-live-bob", "call")]);
    {
        let spool = spool(dir.path());
        for dead in dead {
            assert!(spool.retry_dead(dead.seq).await.unwrap());
        }
    }
    let Arrived { sessions, dead } = start_again(dir.path(), &expected).await;
    assert!(dead.is_empty(), "{dead:?}");
    for sid in ["CA-joe-1", "CA-live-bob"] {
        assert_eq!(sessions.get(sid), Some(&expected[sid]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_earlier_version_is_read_and_its_damage_is_found_as_far_as_it_could_be_then() {
    let (dir, expected) = left_behind().await;
    let earlier = TempDir::new().unwrap();
    {
        // The tables of version 3, with the rows that it would have written.
        let old = Connection::open(earlier.path().join(FILE)).unwrap();
        for part in [
            include_str!("../../../crates/store/src/sqlite/schema.sql"),
            include_str!("../../../crates/store/src/sqlite/spool.sql"),
            include_str!("../../../crates/store/src/sqlite/notes.sql"),
            "PRAGMA application_id = 0x5264696c; PRAGMA user_version = 3",
        ] {
            old.execute_batch(part).unwrap();
        }
        let new = dir.path().join(FILE);
        old.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
        old.execute_batch(
            "INSERT INTO call SELECT sid, uid, hash, started, parameters, instance FROM new.call;
             INSERT INTO turn SELECT sid, id, doc, crc FROM new.turn;
             INSERT INTO outbox SELECT seq, lane, kind, uid, hash, sid, body, crc, tries, next_at, delivered, instance,
                                       followed FROM new.outbox;
             UPDATE outbox SET hash = 'no id: ' || hash WHERE sid = 'CA-joe-1';
             UPDATE call SET started = -started WHERE sid = 'CA-live-bob';
             UPDATE turn SET doc = replace(doc, 'plumber', 'Plumber') WHERE sid = 'CA-live-ana' AND id = 2;
             UPDATE turn SET crc = -crc WHERE sid = 'CA-live-eve' AND id = 1;
             DETACH new",
        )
        .unwrap();
    }
    let Arrived { sessions, dead } = start_again(earlier.path(), &expected).await;
    let mut aside: Vec<_> = dead.iter().map(|dead| (dead.session_id.as_str(), dead.kind.as_str())).collect();
    aside.sort_unstable();
    let expected_aside =
        [("CA-joe-1", "session"), ("CA-live-ana", "turn"), ("CA-live-bob", "call"), ("CA-live-eve", "turn")];
    assert_eq!(aside, expected_aside);
    for (sid, as_it_was) in &expected {
        match sid.as_str() {
            "CA-joe-1" | "CA-live-bob" => assert_eq!(sessions.get(sid), None),
            "CA-live-ana" | "CA-live-eve" => assert_eq!(sessions[sid].1.len(), 2),
            _ => assert_eq!(sessions.get(sid), Some(as_it_was)),
        }
    }
}
