//! Call logs are files of their own; an erasure deletes those of the caller.

use redial_memory::session_id::SessionId;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::store::MemoryError;

/// Where the log of a call's `leg`th stream is: a call that goes on after its stream broke has another one.
pub fn path(data_dir: &Path, session_id: &SessionId, leg: u32) -> PathBuf {
    let name = if leg == 1 { format!("{session_id}.ndjson") } else { format!("{session_id}.{leg}.ndjson") };
    data_dir.join("calls").join(name)
}

/// Deletes the logs of a call; that there are none is fine.
pub(super) async fn delete(data_dir: &Path, session_id: &SessionId) -> Result<(), MemoryError> {
    for leg in 1.. {
        let path = path(data_dir, session_id, leg);
        match tokio::fs::remove_file(&path).await {
            Ok(()) => (),
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(in_the_way(&path, error)),
        }
    }
    Ok(())
}

fn in_the_way(path: &Path, error: io::Error) -> MemoryError {
    MemoryError::Unavailable {
        advice: format!("delete `{}` by hand, or make its directory writable for this user", path.display()),
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_logs_of_a_call_are_deleted_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("calls")).unwrap();
        let kept = path(dir.path(), &"CA11".parse().unwrap(), 1);
        let logs =
            [path(dir.path(), &"CA1".parse().unwrap(), 1), path(dir.path(), &"CA1".parse().unwrap(), 2), kept.clone()];
        logs.iter().for_each(|log| std::fs::write(log, "words").unwrap());
        delete(dir.path(), &"CA1".parse().unwrap()).await.unwrap();
        assert_eq!(logs.iter().filter(|log| log.exists()).collect::<Vec<_>>(), [&kept]);
        delete(dir.path(), &"CA1".parse().unwrap()).await.unwrap();
    }
}
