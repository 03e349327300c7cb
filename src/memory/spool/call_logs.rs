//! Call logs are files of their own; an erasure deletes those of the caller.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::store::MemoryError;

/// Where the log of a session is.
pub(crate) fn path(data_dir: &Path, sid: &str) -> PathBuf {
    data_dir.join("calls").join(format!("{sid}.ndjson"))
}

/// Deletes a log; one that is not there is fine.
pub(super) fn delete(data_dir: &Path, sid: &str) -> Result<(), MemoryError> {
    let path = path(data_dir, sid);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(MemoryError::Unavailable {
            advice: format!("delete `{}` by hand, or make its directory writable for this user", path.display()),
            source: Some(error.into()),
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}
