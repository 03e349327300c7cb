//! Which process keeps a call: a lock that lives exactly as long as the process does.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::store::MemoryError;

/// This process among those that share a data directory, as during a deploy.
pub(super) struct Instance {
    id: String,
    lock: Option<Lock>,
}

struct Lock {
    dir: PathBuf,
    path: PathBuf,
    /// Held until the process ends, however it ends.
    _file: File,
}

impl Instance {
    /// Takes a new name, and a lock on it in `data_dir/instances`. Takes away what dead instances left there.
    pub(super) fn register(data_dir: Option<&Path>) -> Result<Self, MemoryError> {
        let id = Uuid::new_v4().simple().to_string();
        let Some(data_dir) = data_dir else { return Ok(Self { id, lock: None }) };
        let dir = data_dir.join("instances");
        let failed = |error: io::Error| MemoryError::Unavailable {
            advice: format!("`{}` cannot be written; make it writable for this user", dir.display()),
            source: Some(error.into()),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
        let path = dir.join(&id);
        let file = loop {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
            file.lock().map_err(failed)?;
            // Another instance that starts may have taken it for a dead one's before it was locked.
            if is_at(&file, &path) {
                break file;
            }
        };
        sweep(&dir);
        Ok(Self { id, lock: Some(Lock { dir, path, _file: file }) })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// True when no process holds the lock of `id` any more.
    pub(super) fn is_dead(&self, id: &str) -> bool {
        match &self.lock {
            _ if id == self.id => false,
            // A database in memory has one instance at a time.
            None => true,
            Some(lock) => is_free(&lock.dir.join(id)),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            // If it stays, the next start takes it away.
            let _ = fs::remove_file(&lock.path);
        }
    }
}

fn is_free(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(file) = File::open(&path) else { continue };
        // Whoever holds the lock of the file that is there, and nobody else, may take it away.
        if file.try_lock().is_ok() && is_at(&file, &path) {
            // If it stays, the next start takes it away.
            let _ = fs::remove_file(&path);
        }
    }
}

/// True when it is this file that the path leads to.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::metadata(path).map(place).ok();
    there.is_some() && file.metadata().map(place).ok() == there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_starts_beside_others_keeps_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let starts = || {
            for _ in 0..300 {
                let instance = Instance::register(Some(dir.path())).unwrap();
                let lock = instance.lock.as_ref().unwrap();
                assert!(is_at(&lock._file, &lock.path), "its lock was taken away");
            }
        };
        std::thread::scope(|threads| {
            let all = [(); 4].map(|()| threads.spawn(starts));
            all.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }

    #[test]
    fn an_instance_is_dead_once_its_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let one = Instance::register(Some(dir.path())).unwrap();
        let other = Instance::register(Some(dir.path())).unwrap();
        assert!(!one.is_dead(one.id()));
        assert!(!one.is_dead(other.id()));
        let id = other.id().to_owned();
        drop(other);
        assert!(one.is_dead(&id));
        assert!(one.is_dead("never-there"));
    }
}
