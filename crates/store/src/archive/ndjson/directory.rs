//! The files of an archive: appending to them, looking through them, taking somebody out of them. All of it blocks.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use tracing::warn;

use super::super::decode;

/// Files that are being rewritten start with this.
const UNFINISHED: &str = ".erasing-";

/// How much is read at once in search of a line's beginning.
const BLOCK_BYTES: usize = 64 * 1024;

/// A directory of day files. Whoever writes holds the lock on its file `lock`, so several processes may.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates the directory if need be, removes unfinished rewrites and repairs torn last lines.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let directory = Self { path: path.to_owned() };
        let _lock = directory.lock()?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED)) {
                fs::remove_file(entry.path())?;
            }
        }
        for file in directory.files()? {
            repair(&open_to_append(&file)?, &file)?;
        }
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds `line`, which ends with a line break, to the file of `day`. It is on the disk when this returns; when it
    /// fails, there is no part of it.
    pub(super) fn append(&self, day: &str, line: &[u8]) -> io::Result<()> {
        let _lock = self.lock()?;
        let path = self.path.join(format!("sessions-{day}.ndjson"));
        // Opened for each line: somebody's erasure may have put another file in its place.
        let mut file = open_to_append(&path)?;
        repair(&file, &path)?;
        let length = file.metadata()?.len();
        if length == 0 {
            self.sync()?;
        }
        let written = file.write_all(line).and_then(|()| file.sync_data());
        if written.is_err() {
            // If this fails too, the next one repairs it.
            let _ = file.set_len(length);
        }
        written
    }

    /// The copy of a session that ended last; of equal ones the one that was added last.
    pub(super) fn find(&self, session_id: &SessionId) -> io::Result<Option<SessionDoc>> {
        for path in self.files()?.iter().rev() {
            let mut found: Option<SessionDoc> = None;
            each_line(path, |line| {
                // Most lines are of other calls, and need not be parsed.
                if !holds(line, session_id.as_str()) {
                    return Ok(());
                }
                match decode(line) {
                    Some(session) if session.session_id == *session_id => {
                        if found.as_ref().is_none_or(|known| known.ended_at <= session.ended_at) {
                            found = Some(session);
                        }
                    }
                    Some(_) => (), // it mentions the id
                    None => {
                        warn!(file = %path.display(), call.sid = session_id.as_str(), "a line of the archive is not a session")
                    }
                }
                Ok(())
            })?;
            // The files are sorted by the end of the calls, so older ones have older copies only.
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Every copy of every session of `user`, in the order in which they were added.
    pub(super) fn of_user(&self, user: &str) -> io::Result<Vec<SessionDoc>> {
        let mut found = Vec::new();
        for path in self.files()? {
            each_line(&path, |line| {
                if holds(line, user) {
                    found.extend(decode(line).filter(|session| session.user_id == user));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Rewrites the files that have sessions of `user`, without them. Returns how many sessions there were.
    pub(super) fn erase(&self, user: &str) -> io::Result<u64> {
        let _lock = self.lock()?;
        let mut erased = BTreeSet::new();
        for path in self.files()? {
            repair(&open_to_append(&path)?, &path)?;
            let (mut theirs, mut others) = (0, 0);
            each_line(&path, |line| {
                if is_of(line, user) {
                    theirs += 1;
                    erased.extend(decode(line).map(|session| session.session_id));
                } else {
                    others += 1;
                }
                Ok(())
            })?;
            if theirs == 0 {
                continue;
            }
            if others == 0 {
                fs::remove_file(&path)?
            } else {
                self.rewrite_without(&path, user)?
            }
            self.sync()?;
        }
        Ok(u64::try_from(erased.len()).expect("fewer lines than bytes"))
    }

    /// Puts a file without the user's lines in the place of `path`, whole or not at all.
    fn rewrite_without(&self, path: &Path, user: &str) -> io::Result<()> {
        // Mode 0600, as the crate documents it.
        let mut rest = BufWriter::new(tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.path)?);
        each_line(path, |line| if is_of(line, user) { Ok(()) } else { rest.write_all(line) })?;
        let rest = rest.into_inner().map_err(io::IntoInnerError::into_error)?;
        rest.as_file().sync_all()?;
        rest.persist(path)?;
        Ok(())
    }

    /// The day files, oldest first.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("sessions-") && name.ends_with(".ndjson") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Keeps other writers out until the file is closed.
    fn lock(&self) -> io::Result<File> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// Makes names that were created, replaced or removed survive a power failure.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Hands over each line with its line break; one without is still being written and is left out.
fn each_line(path: &Path, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Erased since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(BLOCK_BYTES, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        take(&line)?;
    }
}

fn holds(line: &[u8], text: &str) -> bool {
    match std::str::from_utf8(line) {
        Ok(line) => line.contains(text),
        // Damaged; looked at more slowly.
        Err(_) => line.windows(text.len()).any(|window| window == text.as_bytes()),
    }
}

/// Whether the user must not be found in this line: it is a session of theirs, or names them and cannot be read any more.
fn is_of(line: &[u8], user: &str) -> bool {
    holds(line, user) && decode(line).is_none_or(|session| session.user_id == user)
}

/// Ends a last line that a crash has cut short: a whole record gets its line break, a part of one is removed. Nobody
/// was told that it had been kept.
fn repair(mut file: &File, path: &Path) -> io::Result<()> {
    let length = file.metadata()?.len();
    let start = start_of_torn_line(file, length)?;
    if start == length {
        return Ok(());
    }
    let mut torn = vec![0; usize::try_from(length - start).map_err(io::Error::other)?];
    file.read_exact_at(&mut torn, start)?;
    if decode(&torn).is_some() {
        file.write_all(b"\n")?;
    } else {
        warn!(file = %path.display(), size_bytes = torn.len(), "a torn line at the archive's end is removed");
        file.set_len(start)?;
    }
    file.sync_data()
}

/// Where the last line begins if it has no line break; `length` if it has.
fn start_of_torn_line(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut block = [0; BLOCK_BYTES];
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64);
        let block = &mut block[..usize::try_from(end - start).map_err(io::Error::other)?];
        file.read_exact_at(block, start)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
