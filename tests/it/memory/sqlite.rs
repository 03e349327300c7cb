//! The SQLite store's file: what survives, what is refused, what is left in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redial_memory::model::Profile;
use redial_store::hang_up::{self, HangUp};
use redial_store::sqlite::SqliteStore;
use redial_store::store::{MemoryError, Outcome, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{NOON, caller, clock, commit, episodes, file_in, fold, is_applied, session, settings};
use crate::support::indexed;

/// From the range that is kept free for fiction.
const PRETEND_NUMBER: &str = "+12025550143";

const DAY_MS: u64 = 86_400_000;

/// A store that is in no hurry, on machines that may be busy with other tests.
fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open_with_clock(path, settings(), clock().0).unwrap();
    store.begin_call_within(Duration::from_secs(20))
}

/// One whole call of Ana's.
async fn call(store: &dyn Store, sid: &str) {
    let ana = caller("ana");
    let known = store.begin_call(&ana).await.unwrap();
    let outcome = store.commit_session(&commit(&ana, session(sid, &ana, &["hello"], NOON), &known)).await.unwrap();
    assert!(is_applied(&outcome));
}

/// Why a file is not opened, as the operator reads it.
fn refusal(path: &Path) -> MemoryError {
    let error = SqliteStore::open(path, settings()).err().expect("the file cannot be used");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text:?} does not name the file");
    assert!(text.contains("another file") || text.contains("move it away"), "{text:?} does not say what to do");
    error
}

/// The database as another program sees it.
fn look_into(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn rows(path: &Path, table: &str) -> u64 {
    look_into(path).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// All bytes of the database and of the files beside it.
fn bytes_on_disk(path: &Path) -> Vec<u8> {
    let files = fs::read_dir(path.parent().unwrap()).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    call(&open(&path), "CA1").await;
    let store = open(&path);
    call(&store, "CA2").await;
    let known = store.begin_call(&caller("ana")).await.unwrap();
    assert_eq!((known.created, known.calls, known.revision), (false, 2, 2));
    assert_eq!(episodes(&known.profile), ["CA1", "CA2"]);
    assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_amid_writes() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let store = Arc::new(open(&path));
    for n in 0..20 {
        call(store.as_ref(), &format!("CA{n:02}")).await;
    }
    // More is being written while the files are copied as a dying process leaves them: nothing closed, nothing flushed.
    let (begun, writing) = tokio::sync::oneshot::channel();
    let others = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            call(store.as_ref(), "CA20").await;
            begun.send(()).unwrap();
            for n in 21..40 {
                call(store.as_ref(), &format!("CA{n:02}")).await;
            }
        }
    });
    writing.await.unwrap();
    let dead = directory.path().join("dead.db");
    fs::copy(&path, &dead).unwrap();
    fs::copy(path.with_extension("db-wal"), dead.with_extension("db-wal")).unwrap();
    others.await.unwrap();
    // No checkpoint came between the two copies: SQLite makes one at 1000 pages of 4 kB.
    assert!(fs::metadata(path.with_extension("db-wal")).unwrap().len() < 4_000_000);

    let store = open(&dead);
    let known = store.begin_call(&caller("ana")).await.unwrap();
    assert!((21..=40).contains(&known.calls), "{} calls", known.calls);
    let called: Vec<_> = (0..known.calls).map(|n| format!("CA{n:02}")).collect();
    assert_eq!(episodes(&known.profile), called);
    for sid in called {
        assert!(store.load_session(&sid.parse().unwrap()).await.unwrap().is_some(), "{sid} is lost");
    }
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_store_is_gone() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let ana = caller("ana");
    let store = open(&path);
    let known = store.begin_call(&ana).await.unwrap();
    let write = commit(&ana, session("CA1", &ana, &["hello"], NOON), &known);
    {
        // Polled once, so that the request is queued, and then dropped as at a shutdown.
        let mut writing = store.commit_session(&write);
        let _ = futures_util::poll!(&mut writing);
    }
    drop(store);
    assert_eq!(open(&path).begin_call(&ana).await.unwrap().calls, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_lose_nothing() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    // Two stores share nothing but the file, and the commits go past the lanes of this process.
    let stores = [Arc::new(open(&path)), Arc::new(open(&path))];
    let ana = caller("ana");
    let before = stores[0].begin_call(&ana).await.unwrap();
    let writes: Vec<_> = (0..40)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            let mut write = commit(&ana, session(&format!("CA{n:02}"), &ana, &["hello"], NOON), &before);
            tokio::spawn(async move {
                while let Outcome::Conflict { revision, profile } = store.commit_session(&write).await.unwrap() {
                    write.profile = fold(profile, &write.session);
                    write.base_revision = revision;
                }
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    let known = stores[0].begin_call(&caller("ana")).await.unwrap();
    assert_eq!((known.calls, known.revision, known.profile.episodes.len()), (40, 40, 40));
}

#[tokio::test]
async fn only_its_owner_reads_the_file() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(&path);
    call(&store, "CA1").await;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn the_number_is_nowhere_in_the_files() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let store = open(&path);
    let ana = caller("ana");
    // The start event's parameter is known by name only.
    let mut document = session("CA1", &ana, &["hello"], NOON);
    document.metadata.payload_keys = vec!["From".to_owned()];
    let hang_up = HangUp { caller: ana.clone(), session: document, base: None };
    hang_up::write(&store, hang_up, fold).await.unwrap();
    for _ in 0..2 {
        let bytes = bytes_on_disk(&path);
        assert!(holds(&bytes, "hash-of-ana"), "the search finds what is there");
        for digits in [PRETEND_NUMBER, &PRETEND_NUMBER[1..], &PRETEND_NUMBER[2..]] {
            assert!(!holds(&bytes, digits));
        }
        // Again with the log folded into the database.
        look_into(&path).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
}

#[tokio::test]
async fn expired_words_are_off_the_disk_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let (clock, time) = clock();
    let ana = caller("ana");
    let store = SqliteStore::open_with_clock(&path, settings(), Arc::clone(&clock)).unwrap();
    let known = store.begin_call(&ana).await.unwrap();
    let secret = commit(&ana, session("CA1", &ana, &["my cat is called Aristophanes"], NOON), &known);
    store.commit_session(&secret).await.unwrap();
    assert!(holds(&bytes_on_disk(&path), "Aristophanes"));
    drop(store);

    time.fetch_add(DAY_MS + 3_600_000, Ordering::SeqCst);
    let _store = SqliteStore::open_with_clock(&path, settings(), clock).unwrap();
    assert!(!holds(&bytes_on_disk(&path), "Aristophanes"));
    assert_eq!((rows(&path, "session"), rows(&path, "done"), rows(&path, "user")), (0, 0, 1));
}

#[tokio::test]
async fn expired_rows_are_deleted_while_it_runs() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let (clock, time) = clock();
    let store = SqliteStore::open_with_clock(&path, settings(), clock).unwrap();
    call(&store, "CA1").await;
    assert_eq!(rows(&path, "seen"), 1);
    time.fetch_add(90 * DAY_MS, Ordering::SeqCst);
    // The sweep follows a request that finds the hour over, and is done before the next one is answered.
    store.health().await.unwrap();
    store.health().await.unwrap();
    for table in ["session", "done", "user", "seen", "phone"] {
        assert_eq!(rows(&path, table), 0, "{table}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    // Not even root can make a directory below a file.
    assert!(matches!(refusal(&file.join("data").join("memory.db")), MemoryError::Unavailable { .. }));
    // A directory is no file.
    assert!(matches!(refusal(directory.path()), MemoryError::Unavailable { .. }));
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    let notes = "not a database\n".repeat(1000);
    fs::write(&path, &notes).unwrap();
    assert!(matches!(refusal(&path), MemoryError::WrongShape { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), notes);
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("other.db");
    look_into(&path).execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(refusal(&path), MemoryError::WrongShape { .. }));
    assert_eq!(rows(&path, "sqlite_schema"), 1);
}

#[test]
fn a_newer_versions_file_is_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    drop(open(&path));
    look_into(&path).pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(refusal(&path), MemoryError::WrongShape { .. }));
}

#[tokio::test]
async fn a_profile_of_a_newer_version_or_of_no_shape_is_left_alone() {
    for strange in [r#"{"v":99,"name":{"first":"Ana"}}"#, r#"{"v":99}"#, "no JSON", "[]", ""] {
        let directory = TempDir::new().unwrap();
        let path = file_in(&directory);
        let store = open(&path);
        call(&store, "CA1").await;
        look_into(&path).execute("UPDATE user SET doc = ?1", [strange]).unwrap();

        let ana = caller("ana");
        let known = store.begin_call(&ana).await.unwrap();
        assert_eq!(
            (known.created, known.calls, indexed(&store, &known.user_id).await.len()),
            (false, 1, 1),
            "known, but without a profile"
        );
        assert_eq!(known.profile, Profile::default());
        let write = commit(&ana, session("CA2", &ana, &["hello"], NOON), &known);
        assert_eq!(
            store.commit_session(&write).await.unwrap(),
            Outcome::Applied { revision: known.revision },
            "{strange}"
        );
        assert_eq!(store.commit_session(&write).await.unwrap(), Outcome::Duplicate);
        assert_eq!(store.begin_call(&ana).await.unwrap().calls, 2);
        let kept: String = look_into(&path).query_row("SELECT doc FROM user", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, strange);
    }
}

#[tokio::test]
async fn a_stored_session_of_another_shape_is_an_error_and_stays() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let store = open(&path);
    call(&store, "CA1").await;
    look_into(&path).execute("UPDATE session SET doc = '{\"chat_id\":7}'", []).unwrap();
    assert!(matches!(store.load_session(&"CA1".parse().unwrap()).await, Err(MemoryError::WrongShape { .. })));
    assert_eq!(rows(&path, "session"), 1);
}

#[tokio::test]
async fn an_erased_caller_is_not_brought_back_by_a_late_hang_up() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let store = open(&path);
    let ana = caller("ana");
    let known = store.begin_call(&ana).await.unwrap();
    look_into(&path)
        .execute_batch(&format!(
            "DELETE FROM phone; INSERT INTO gone VALUES ('{}', {})",
            ana.user_id.as_str(),
            NOON + 30 * DAY_MS
        ))
        .unwrap();
    let late = commit(&ana, session("CA1", &ana, &["hello"], NOON), &known);
    assert_eq!(store.commit_session(&late).await.unwrap(), Outcome::Erased);
    for table in ["session", "done", "user", "seen", "phone"] {
        assert_eq!(rows(&path, table), 0, "{table}");
    }

    // She calls again: as somebody new, whose id is not the derived one, and stays that person.
    let anew = store.begin_call(&ana).await.unwrap();
    assert!(anew.created);
    assert_ne!(anew.user_id, ana.user_id);
    let again = store.begin_call(&ana).await.unwrap();
    assert_eq!((again.created, again.user_id), (false, anew.user_id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_start_does_not_wait_for_a_locked_file() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let store = SqliteStore::open(&path, settings()).unwrap();
    let other = look_into(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = Instant::now();
    let late = store.begin_call(&caller("ana")).await;
    assert!(matches!(late, Err(MemoryError::Unavailable { .. })), "{late:?}");
    // 150 ms, and much less than the 2 s for which SQLite itself waits for the lock.
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    other.execute_batch("COMMIT").unwrap();
    // The lock is gone; the store works again by itself.
    store.health().await.unwrap();
}
