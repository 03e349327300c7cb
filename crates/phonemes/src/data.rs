//! The folder of data files: reading one, and naming it when it is bad.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

use crate::LoadError;

/// No file unpacks to more than 5 MB; ten times that is a different file.
const MAX_UNPACKED_BYTES: u64 = 50_000_000;

/// A folder with the voice's data files.
pub(crate) struct Folder<'a>(pub(crate) &'a Path);

impl Folder<'_> {
    /// The bytes of the file.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let file = self.path(name);
        fs::read(&file).map_err(|source| LoadError::Read { file, source })
    }

    /// A JSON file as a `T`; one whose name ends with `.gz` is unpacked first.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str, kind: &'static str) -> Result<T, LoadError> {
        let mut bytes = self.bytes(name)?;
        if name.ends_with(".gz") {
            let mut unpacked = Vec::with_capacity(bytes.len().saturating_mul(4));
            let mut decoder = GzDecoder::new(bytes.as_slice()).take(MAX_UNPACKED_BYTES);
            decoder.read_to_end(&mut unpacked).map_err(|error| self.malformed(name, kind, error))?;
            bytes = unpacked;
        }
        serde_json::from_slice(&bytes).map_err(|error| self.malformed(name, kind, error))
    }

    /// The error for a file that could be read but not understood.
    pub(crate) fn malformed(
        &self,
        name: &str,
        kind: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> LoadError {
        LoadError::Malformed { file: self.path(name), kind, source: source.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
