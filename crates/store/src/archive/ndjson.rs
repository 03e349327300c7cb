//! An archive in files: one a day (`sessions-2026-11-21.ndjson`, by the UTC day on which the calls ended), one session a
//! line, for this user's eyes only.

mod directory;

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use redial_identity::UserId;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_memory::summary;

use self::directory::Directory;
use super::{Archive, ArchiveError, encode, is_name, longest_copies};

/// Files in a directory. Several processes of one machine may share it.
///
/// A session is on the disk when [`Archive::put`] returns. Reading looks through the files, newest first, and keeps
/// nothing in memory: it is for a person who asks, not for a call.
#[derive(Debug, Clone)]
pub struct NdjsonArchive {
    directory: Arc<Directory>,
}

impl NdjsonArchive {
    /// Opens the directory, creating it if need be, and removes what a crash has left unfinished.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(directory: &Path) -> Result<Self, ArchiveError> {
        match Directory::open(directory) {
            Ok(opened) => Ok(Self { directory: Arc::new(opened) }),
            Err(error) => Err(unavailable(directory, error)),
        }
    }

    /// Runs `work` where it may wait for the disk. Once begun it is finished, also when nobody waits for it any more.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let directory = Arc::clone(&self.directory);
        let done = tokio::task::spawn_blocking(move || work(&directory)).await;
        done.map_err(io::Error::other).flatten().map_err(|error| unavailable(self.directory.path(), error))
    }
}

#[async_trait]
impl Archive for NdjsonArchive {
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError> {
        let mut line = encode(session)?;
        line.push(b'\n');
        let day = summary::date(session.ended_at);
        self.on_disk(move |directory| directory.append(&day, &line)).await
    }

    async fn get(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, ArchiveError> {
        if !is_name(session_id.as_str()) {
            return Ok(None);
        }
        let session_id = session_id.clone();
        self.on_disk(move |directory| directory.find(&session_id)).await
    }

    async fn of_user(&self, user: &UserId) -> Result<Option<Vec<SessionDoc>>, ArchiveError> {
        let user = user.clone();
        let found = self.on_disk(move |directory| directory.of_user(user.as_str())).await?;
        Ok(Some(longest_copies(found)))
    }

    /// Rewrites each file that has something of the user, without it. The freed blocks are the file system's to reuse.
    async fn erase(&self, user: &UserId) -> Result<u64, ArchiveError> {
        let user = user.clone();
        self.on_disk(move |directory| directory.erase(user.as_str())).await
    }
}

fn unavailable(directory: &Path, error: io::Error) -> ArchiveError {
    let directory = directory.display();
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free some space on the disk of `{directory}`")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("make `{directory}` writable for this user, or name another directory in MEMORY_ARCHIVE")
        }
        _ => format!("look at `{directory}` and its disk"),
    };
    ArchiveError::Unavailable { advice, retry_after: None, source: Some(Box::new(error)) }
}
