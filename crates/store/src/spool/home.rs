//! Whether the data directory is still the one that was opened: a process goes on writing to a file that was taken away
//! from under it, and nobody would ever read it again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, warn};

/// The file of journal and outbox in a data directory.
pub const FILE: &str = "redial.sqlite";

/// The file, as it was when it was opened.
pub(super) struct Home {
    file: PathBuf,
    place: Place,
    is_gone: AtomicBool,
}

/// Device and inode.
type Place = (u64, u64);

impl Home {
    /// `None`: there is no such file, so nothing can become of it.
    pub(super) fn of(data_dir: &Path) -> Option<Self> {
        let file = data_dir.join(FILE);
        let place = place(&file)?;
        Some(Self { file, place, is_gone: AtomicBool::new(false) })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Looks whether the file is where it was, and says when that has changed.
    pub(super) fn look(&self) {
        let is_gone = place(&self.file) != Some(self.place);
        if self.is_gone.swap(is_gone, Ordering::Relaxed) == is_gone {
            return;
        }
        let file = self.file.display();
        if is_gone {
            error!(%file, "the data directory is gone, or another one is in its place: no calls are taken; bring it back, or start again");
        } else {
            warn!(%file, "the data directory is back; calls are taken again");
        }
    }
}

fn place(file: &Path) -> Option<Place> {
    fs::metadata(file).map(|metadata| (metadata.dev(), metadata.ino())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_moved_or_replaced_is_gone_until_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Home::of(dir.path()).is_none());
        let (file, aside) = (dir.path().join(FILE), dir.path().join("aside"));
        fs::write(&file, "the first").unwrap();
        let home = Home::of(dir.path()).unwrap();
        let is_gone = || {
            home.look();
            home.is_gone()
        };
        assert!(!is_gone());
        fs::write(&file, "written to").unwrap();
        assert!(!is_gone());
        fs::rename(&file, &aside).unwrap();
        assert!(is_gone());
        fs::write(&file, "another").unwrap();
        assert!(is_gone());
        fs::rename(&aside, &file).unwrap();
        assert!(!is_gone());
    }
}
