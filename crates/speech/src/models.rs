//! Where the model files are, and whether they are the right ones.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};

/// The folder that holds the models when nothing else is configured, relative to the working directory.
pub const DEFAULT_FOLDER: &str = "models";

/// `sha256  file`, a line each, as it was when this binary was built.
const MANIFEST: &str = include_str!("../../../models/SHA256SUMS");

/// Why a model cannot be used. The text names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read: it is not there, or may not be.
    #[error(
        "model file `{}` cannot be read ({source}): set MODELS_DIR to the folder that holds the models, such as the source \
         tree's `models`, or copy that folder to `{}`",
        path.display(),
        folder.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The models' folder, from the root of the file system.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not the one that this build knows: cut short, a Git LFS pointer, another version.
    #[error("model file `{}` is damaged or of another version (its SHA-256 differs); restore it from the source tree", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
    },
    /// This build knows no checksum for the file.
    #[error("model file `{file}` is not in this build's manifest")]
    Unlisted {
        /// The name asked for.
        file: String,
    },
    /// The file is the right one, but the engine that runs it does not accept it.
    #[error("model file `{file}` cannot be run")]
    Rejected {
        /// The name asked for.
        file: String,
        /// What the engine says.
        source: redial_provider::BoxError,
    },
}

/// Reads `file` (such as `silero-vad/silero8k.f32`) below `folder` and checks it against the manifest.
///
/// Blocks for as long as reading and hashing take (tens of ms for the largest file): call it before the port is bound.
///
/// # Errors
/// When the file is missing, differs from the one this build was made with, or is not a model of this build.
pub fn load(folder: &Path, file: &str) -> Result<Vec<u8>, ModelError> {
    let expected = checksum(file).ok_or_else(|| ModelError::Unlisted { file: file.to_owned() })?;
    // From the root, so that it can be found: the folder is mostly named relative to a directory that the reader must guess.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let path = folder.join(file);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(ModelError::Unreadable { path, folder, source }),
    };
    if hex::encode(Sha256::digest(&bytes)) == expected { Ok(bytes) } else { Err(ModelError::Differs { path }) }
}

fn checksum(file: &str) -> Option<&'static str> {
    MANIFEST.lines().find_map(|line| line.split_once("  ").filter(|(_, name)| *name == file).map(|(sum, _)| sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracked_files_are_those_of_the_manifest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DEFAULT_FOLDER);
        let files: Vec<_> = MANIFEST.lines().filter_map(|line| line.split_once("  ")).collect();
        assert!(files.len() > 10);
        for (_, file) in files {
            load(&folder, file).unwrap();
        }
    }

    #[test]
    fn a_missing_file_is_named_together_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path(), "silero-vad/silero8k.f32").unwrap_err().to_string();
        assert!(error.contains("silero8k.f32") && error.contains("copy"), "{error}");
        assert!(error.contains(folder.path().to_str().unwrap()) && error.contains("MODELS_DIR"), "{error}");
        let error = load(Path::new("no/such"), "silero-vad/silero8k.f32").unwrap_err().to_string();
        let folder = std::env::current_dir().unwrap().join("no/such");
        assert!(error.contains(folder.to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("silero-vad")).unwrap();
        fs::write(folder.path().join("silero-vad/silero8k.f32"), b"version https://git-lfs").unwrap();
        let error = load(folder.path(), "silero-vad/silero8k.f32").unwrap_err();
        assert!(matches!(error, ModelError::Differs { .. }));
        assert!(error.to_string().contains("restore"), "{error}");
    }

    #[test]
    fn a_file_outside_the_manifest_is_not_opened() {
        let error = load(Path::new("/"), "../secrets").unwrap_err();
        assert!(matches!(error, ModelError::Unlisted { .. }));
    }
}
