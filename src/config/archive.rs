//! Where finished calls are archived.

use std::path::PathBuf;

use redial_outgoing::{Endpoint, EndpointError, Networks};
use redial_store::archive::ArchiveConfig;
use secrecy::ExposeSecret as _;

use super::reader::Reader;

/// A secret that cannot be guessed has at least so many bytes.
const MIN_SECRET_BYTES: usize = 32;

const FORM: &str = "use file:DIRECTORY or https://host/path";

/// `None` when nothing asks for it.
pub(super) fn read(reader: &mut Reader<'_>, networks: Networks) -> Option<ArchiveConfig> {
    let place = reader.text("MEMORY_ARCHIVE");
    let secret = reader.secret("MEMORY_ARCHIVE_SECRET");
    let Some(place) = place else {
        if secret.is_some() {
            reader.fault("MEMORY_ARCHIVE", format!("is not set beside MEMORY_ARCHIVE_SECRET; {FORM}"));
        }
        return None;
    };
    if let Some(path) = place.strip_prefix("file:") {
        if secret.is_some() {
            reader.warn("MEMORY_ARCHIVE_SECRET is set, but files are not signed".to_owned());
        }
        return match path.strip_prefix("//").unwrap_or(path) {
            path if path.is_empty() || (place.starts_with("file://") && !path.starts_with('/')) => {
                reader.fault("MEMORY_ARCHIVE", format!("{place:?} names no directory of this machine; {FORM}"));
                None
            }
            path => Some(ArchiveConfig::Files { directory: PathBuf::from(path) }),
        };
    }
    let endpoint = match Endpoint::parse(&place, networks) {
        Ok(endpoint) => Some(endpoint),
        Err(why) => {
            reader.fault("MEMORY_ARCHIVE", format!("{why}; {FORM}"));
            if why == EndpointError::NotAUrl {
                return None; // a directory may be meant, which needs no secret
            }
            None
        }
    };
    match &secret {
        None if !reader.has_fault("MEMORY_ARCHIVE_SECRET") => reader.fault(
            "MEMORY_ARCHIVE_SECRET",
            "is not set beside MEMORY_ARCHIVE; make one with `openssl rand -hex 32` and give it to the server"
                .to_owned(),
        ),
        Some(secret) if secret.expose_secret().len() < MIN_SECRET_BYTES => reader.fault(
            "MEMORY_ARCHIVE_SECRET",
            format!("is shorter than {MIN_SECRET_BYTES} bytes; make one with `openssl rand -hex 32`"),
        ),
        Some(_) | None => (),
    }
    Some(ArchiveConfig::Server { endpoint: endpoint?, secret: secret? })
}
