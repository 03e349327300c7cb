//! A small file system of a test's own, which can be filled up and made read-only.

use std::path::Path;

use tempfile::TempDir;

use super::programs::program;

/// The file system, in memory. Gone when dropped.
pub(crate) struct SmallDisk {
    dir: TempDir,
    bytes: usize,
}

impl SmallDisk {
    /// A disk of so many MB. `None`, said aloud, where this user may not mount.
    pub(crate) fn mount(megabytes: usize) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = program("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: only root may mount a small disk");
            return None;
        }
        Some(Self { dir, bytes: megabytes * 1024 * 1024 })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all that is left.
    pub(crate) fn fill(&self) {
        let mut size = self.bytes;
        let mut n = 0;
        while size >= 512 {
            if std::fs::write(self.path().join(format!("ballast{n}")), vec![1u8; size]).is_err() {
                size /= 2;
            }
            n += 1;
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub(crate) fn free(&self) {
        for entry in std::fs::read_dir(self.path()).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("ballast") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Takes no writes any more.
    pub(crate) fn make_read_only(&self) {
        let done = program("mount").args(["-o", "remount,ro"]).arg(self.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a file may still be open.
        let _ = program("umount").arg("-l").arg(self.dir.path()).status();
    }
}
