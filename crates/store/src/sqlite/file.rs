//! The file: opening it, its settings and schema, and errors that name it and the way out.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::super::store::MemoryError;

/// The layout of the tables, in the file's `user_version`.
const SCHEMA_VERSION: i64 = 4;

/// Marks the file as ours: `Rdil` in ASCII, in the file's `application_id`.
const APPLICATION_ID: i64 = 0x5264_696c;

/// Another process (a backup, a shell) may hold the lock for a moment. Below the 5 s that a commit may take.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Expired rows that one sweep takes from each table, so that no call start waits for a large one: about 5 ms.
const SWEEP_ROWS: i64 = 500;

/// Pages of the log at which SQLite moves it into the database by itself.
const LOG_PAGES: i64 = 8000;

/// A database in memory that is gone with its connection.
pub(super) fn open_in_memory() -> Result<Connection, MemoryError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|error| failed(path, &error))?;
    create_schema(&mut connection).map_err(|error| failed(path, &error))?;
    Ok(connection)
}

/// Opens the database and brings its schema up to date, creating file and directory where they are missing.
pub(super) fn open(path: &Path) -> Result<Connection, MemoryError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| unusable(path, &error))?;
    }
    // Before SQLite does, which would leave it readable to all. The -wal and -shm files take their mode from it.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| unusable(path, &error))?;
    close_to_others(&file).map_err(|error| unusable(path, &error))?;
    drop(file);

    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
    check_owner(&connection, path)?;
    configure(&connection).map_err(|error| failed(path, &error))?;
    create_schema(&mut connection).map_err(|error| failed(path, &error))?;
    Ok(connection)
}

/// Deletes some expired rows. True when there may be more.
pub(super) fn sweep(connection: &mut Connection, now: u64) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // The index of a user goes first, while it can still be told whose it is.
    let mut most = 0;
    transaction.execute(
        "DELETE FROM seen WHERE uid IN (SELECT uid FROM user WHERE expires <= ?1 ORDER BY expires, uid LIMIT ?2)",
        params![now, SWEEP_ROWS],
    )?;
    for (table, key) in [("user", "uid"), ("phone", "hash"), ("session", "sid"), ("done", "sid"), ("gone", "uid")] {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN \
             (SELECT {key} FROM {table} WHERE expires <= ?1 ORDER BY expires, {key} LIMIT ?2)"
        );
        most = most.max(transaction.execute(&sql, params![now, SWEEP_ROWS])?);
    }
    transaction.commit()?;
    let more = i64::try_from(most).is_ok_and(|most| most >= SWEEP_ROWS);
    if most > 0 && !more {
        // What was deleted is overwritten in the database, but would stay readable in the log.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(more)
}

/// What SQLite says, as an error that an operator can act on.
pub(super) fn failed(path: &Path, error: &Error) -> MemoryError {
    let file = path.display();
    let wrong = |advice: &str| MemoryError::WrongShape { key: file.to_string(), advice: advice.to_owned() };
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => {
            return wrong("a value in it is none that this program writes; restore a backup");
        }
        Error::ToSqlConversionFailure(_) | Error::NulError(_) => return not_taken(&file),
        _ => (),
    }
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            return wrong("it is not a database, or a damaged one; move it away or restore a backup, then start again");
        }
        Some(
            ErrorCode::TooBig
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::ParameterOutOfRange,
        ) => return not_taken(&file),
        Some(ErrorCode::DiskFull) => format!("free some space on the disk of `{file}`"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => not_writable(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process keeps `{file}` locked; end it")
        }
        _ => format!("look at the disk of `{file}`"),
    };
    // As text, because the errors of one transaction go to everyone who took part in it.
    MemoryError::Unavailable { advice, source: Some(error.to_string().into()) }
}

/// As [`failed`], of a file that was sound when it was opened. Of one that is damaged now, nothing is given up: what is
/// to be written is held, and what waits in it is tried again, until somebody has looked at its disk.
pub(super) fn failed_since(path: &Path, error: &Error) -> MemoryError {
    if error.sqlite_error_code() != Some(ErrorCode::DatabaseCorrupt) {
        return failed(path, error);
    }
    metrics::counter!("redial_damaged_file_total").increment(1);
    MemoryError::Unavailable {
        advice: format!(
            "`{}` is damaged; check its disk, then copy it away, `VACUUM` it or restore a backup, and start again",
            path.display()
        ),
        source: Some(error.to_string().into()),
    }
}

/// The file is as it should be, and would never take this.
fn not_taken(file: &impl std::fmt::Display) -> MemoryError {
    MemoryError::Refused(format!("a value in it is none that `{file}` can keep"))
}

fn close_to_others(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn unusable(path: &Path, error: &io::Error) -> MemoryError {
    MemoryError::Unavailable { advice: not_writable(path), source: Some(error.to_string().into()) }
}

fn not_writable(path: &Path) -> String {
    format!("`{}` cannot be written; make its directory writable for this user, or name another file", path.display())
}

/// Leaves alone what somebody else, or a newer version, has written.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), MemoryError> {
    let ask =
        |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| failed(path, &error));
    let version = ask("PRAGMA user_version")?;
    let wrong = |advice: String| MemoryError::WrongShape { key: path.display().to_string(), advice };
    if ask("PRAGMA application_id")? != APPLICATION_ID
        && (version != 0 || ask("SELECT count(*) FROM sqlite_schema")? != 0)
    {
        return Err(wrong("it is another program's database; name another file".to_owned()));
    }
    if version > SCHEMA_VERSION {
        return Err(wrong(format!(
            "its schema has version {version}, this program knows {SCHEMA_VERSION}; start the newer program, or name another file"
        )));
    }
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit that was acknowledged is on the disk: it survives a power failure too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Forgotten callers leave no bytes behind in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    // The thread moves the log into the database when nobody waits. This is for a log that grows all the same: some 32 MB.
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // Store, journal and outbox together have some 70.
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn create_schema(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again inside the transaction: two processes may open a new file at once.
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if version < 2 {
        transaction.execute_batch(include_str!("spool.sql"))?;
    }
    if version < 3 {
        transaction.execute_batch(include_str!("notes.sql"))?;
    }
    if version < SCHEMA_VERSION {
        transaction.execute_batch(include_str!("sums.sql"))?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    // Beside the versions: an older program opens a file that has it, and knows nothing of it.
    transaction.execute_batch(include_str!("mark.sql"))?;
    transaction.commit()
}
