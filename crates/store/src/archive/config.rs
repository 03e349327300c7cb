//! Which archive it is, and opening it.

use std::path::PathBuf;
use std::sync::Arc;

use redial_outgoing::Endpoint;
use secrecy::SecretString;

use super::http::HttpArchive;
use super::ndjson::NdjsonArchive;
use super::{Archive, ArchiveError};

/// Where finished calls go for good.
#[derive(Debug, Clone)]
pub enum ArchiveConfig {
    /// `MEMORY_ARCHIVE=file:DIRECTORY`: a file a day.
    Files {
        /// Where they are.
        directory: PathBuf,
    },
    /// `MEMORY_ARCHIVE=https://host/path`: a server of the operator's own.
    Server {
        /// Where it is.
        endpoint: Endpoint,
        /// `MEMORY_ARCHIVE_SECRET`: signs what is sent.
        secret: SecretString,
    },
}

/// Opens the archive that is configured.
///
/// # Errors
/// When the directory cannot be written, or TLS cannot be set up.
pub fn open(config: &ArchiveConfig) -> Result<Arc<dyn Archive>, ArchiveError> {
    Ok(match config {
        ArchiveConfig::Files { directory } => Arc::new(NdjsonArchive::open(directory)?),
        ArchiveConfig::Server { endpoint, secret } => Arc::new(HttpArchive::new(endpoint.clone(), secret.clone())?),
    })
}
