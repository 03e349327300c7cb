//! The secret behind the hashes: how long it must be, and where it lives when nobody configured one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process;

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::warn;
use uuid::Uuid;

/// The file's name in the data directory.
const FILE_NAME: &str = "phone_pepper";

/// As many bytes as the hash has: a shorter secret would be the easier thing to guess.
const MIN_BYTES: usize = 32;

/// Why there is no usable pepper. Each message says what to do about it; none tells the secret.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The secret that was handed in is too short.
    #[error("the pepper has {size_bytes} bytes, at least {MIN_BYTES} are needed: `openssl rand -hex 32` makes one")]
    TooShort {
        /// How long it is, without the white space around it.
        size_bytes: usize,
    },
    /// The file holds something else, or lost its end.
    #[error(
        "`{}` holds {size_bytes} bytes, at least {MIN_BYTES} are needed: restore it from where it was copied to, \
         or delete it to have a new one made, which forgets all callers",
        path.display()
    )]
    FileTooShort {
        /// Where it is.
        path: PathBuf,
        /// How long its text is, without the white space around it.
        size_bytes: usize,
    },
    /// The directory or the file could not be read or written.
    #[error("`{}`: cannot {action}: make the data directory writable, or set `MEMORY_PHONE_PEPPER`", path.display())]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The system has no random bytes.
    #[error("no random bytes for a new pepper: set `MEMORY_PHONE_PEPPER`")]
    Random(#[source] getrandom::Error),
}

/// The secret's text without the white space around it, if it is long enough.
pub(super) fn long_enough(pepper: &SecretString) -> Result<&str, PepperError> {
    let text = pepper.expose_secret().trim();
    if text.len() < MIN_BYTES { Err(PepperError::TooShort { size_bytes: text.len() }) } else { Ok(text) }
}

/// Reads the pepper of the data directory `dir`; at the first start, makes the directory and a random pepper that only
/// this user may read. Processes that start at once end up with the same one.
///
/// Blocks on the disk: call it at start.
///
/// # Errors
/// When the file cannot be read or made, or holds fewer than 32 bytes.
pub fn load_or_create_pepper(dir: &Path) -> Result<SecretString, PepperError> {
    let path = dir.join(FILE_NAME);
    if let Some(pepper) = load(&path)? {
        return Ok(pepper);
    }
    create(dir, &path)?;
    // Read back rather than kept: another process may have been first.
    let missing = || io_error(&path, "read the pepper just written")(io::ErrorKind::NotFound.into());
    load(&path)?.ok_or_else(missing)
}

/// Reads the pepper of the data directory `dir`; `None` where there is none. Makes nothing. Blocks on the disk.
///
/// # Errors
/// When the file cannot be read, or holds fewer than 32 bytes.
pub fn load_pepper(dir: &Path) -> Result<Option<SecretString>, PepperError> {
    load(&dir.join(FILE_NAME))
}

fn load(path: &Path) -> Result<Option<SecretString>, PepperError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => SecretString::from(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, "read the pepper")(error)),
    };
    if let Err(PepperError::TooShort { size_bytes }) = long_enough(&text) {
        return Err(PepperError::FileTooShort { path: path.to_owned(), size_bytes });
    }
    let mode = fs::metadata(path).map_err(io_error(path, "read the pepper's mode"))?.permissions().mode();
    if mode & 0o077 != 0 {
        warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "other users may read the pepper; use mode 600");
    }
    Ok(Some(text))
}

fn create(dir: &Path, path: &Path) -> Result<(), PepperError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error(dir, "make the data directory"))?;

    // Written and synced under another name, then linked: the pepper's own name never stands for half a secret, and
    // a link does not replace what another process linked first.
    let draft = Draft(dir.join(format!(".{FILE_NAME}.{}.{}", process::id(), Uuid::new_v4().simple())));
    draft.write()?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => warn!(
            path = %path.display(),
            "made a pepper for the callers' hashes; instances that share a store need the same one"
        ),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (), // theirs is as good
        Err(error) => return Err(io_error(path, "link the new pepper")(error)),
    }
    // A pepper lost with the power would take every caller hashed with it along.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir, "sync the data directory"))
}

/// The file under its temporary name, removed whatever happens.
struct Draft(PathBuf);

impl Draft {
    fn write(&self) -> Result<(), PepperError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(PepperError::Random)?;
        let mut text = hex::encode(secret);
        text.push('\n');
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        secret.zeroize();
        text.zeroize();
        written.map_err(io_error(&self.0, "write a new pepper"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing depends on it: a draft that stays behind is read by nobody.
        drop(fs::remove_file(&self.0));
    }
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> PepperError {
    move |source| PepperError::Io { path: path.to_owned(), action, source }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_new_pepper_is_kept_for_this_user_only() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("new/data");
        let made = load_or_create_pepper(&dir).unwrap();
        assert_eq!(long_enough(&made).unwrap().len(), 64);

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.join(FILE_NAME)), 0o600);
        assert_eq!(mode(&dir), 0o700);

        let read = load_or_create_pepper(&dir).unwrap();
        assert_eq!(made.expose_secret(), read.expose_secret());
    }

    #[test]
    fn two_directories_have_two_peppers() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (load_or_create_pepper(a.path()).unwrap(), load_or_create_pepper(b.path()).unwrap());
        assert_ne!(a.expose_secret(), b.expose_secret());
    }

    #[test]
    fn all_who_start_at_once_get_the_same_pepper() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let start = Barrier::new(8);
            let peppers: HashSet<String> = thread::scope(|scope| {
                let starters: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            load_or_create_pepper(dir.path()).unwrap().expose_secret().to_owned()
                        })
                    })
                    .collect();
                starters.into_iter().map(|starter| starter.join().unwrap()).collect()
            });
            assert_eq!(peppers.len(), 1);
            let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, [FILE_NAME], "no draft stays behind");
        }
    }

    #[test]
    fn a_file_that_lost_its_end_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for text in ["", "\n", "0123456789abcdef"] {
            fs::write(&path, text).unwrap();
            let error = load_or_create_pepper(dir.path()).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains("restore"), "{error}");
            assert!(!error.contains("0123456789abcdef"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), [0xff; 64]).unwrap();
        let error = load_or_create_pepper(dir.path()).unwrap_err();
        assert!(matches!(error, PepperError::Io { action: "read the pepper", .. }), "{error:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = load_or_create_pepper(&file.join("data")).unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()) && error.contains("MEMORY_PHONE_PEPPER"), "{error}");
    }
}
