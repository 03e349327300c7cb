//! Where operators' programs come in, and what they must know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;

/// A token that cannot be guessed has at least so many bytes.
const MIN_TOKEN_BYTES: usize = 32;

/// The API of operators, on a port of its own: what is there is never on the media port.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// `ADMIN_ADDR`.
    pub bind: SocketAddr,
    /// `ADMIN_TOKEN`; `None`: one is made at each start, for loopback only.
    pub token: Option<SecretString>,
}

impl AdminConfig {
    /// `None` with `ADMIN_ADDR=off`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let token = reader.secret("ADMIN_TOKEN");
        if token.as_ref().is_some_and(|token| token.expose_secret().len() < MIN_TOKEN_BYTES) {
            reader.fault("ADMIN_TOKEN", "is shorter than 32 bytes; make one with `openssl rand -hex 32`".to_owned());
        }
        let has_token = token.is_some() || reader.has_fault("ADMIN_TOKEN");
        if reader.text("ADMIN_ADDR").is_some_and(|text| text.eq_ignore_ascii_case("off")) {
            return None;
        }
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
        let bind = reader.parsed("ADMIN_ADDR", loopback, "an address and port, such as 127.0.0.1:8081, or off");
        if !bind.ip().is_loopback() && !has_token {
            reader.fault(
                "ADMIN_TOKEN",
                format!("is not set, but ADMIN_ADDR {bind} is not loopback; set it to 32 bytes or more"),
            );
        }
        Some(Self { bind, token })
    }
}
