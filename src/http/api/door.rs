//! The port and the token.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::AdminConfig;
use crate::http::listener::{self, Rules};

/// Bytes of a token that is made here.
const TOKEN_BYTES: usize = 32;
/// How often a port that another process has is asked for again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// The API's port, and what opens it.
pub(crate) struct Door {
    bind: SocketAddr,
    /// `None` while another process has the port.
    listener: Option<TcpListener>,
    token: SecretString,
    generated: bool,
    address: Arc<OnceLock<SocketAddr>>,
}

/// What is known of a door that is open, or will be.
#[derive(Debug, Clone)]
pub(crate) struct Sign {
    /// Where it is, once the port is ours.
    pub(crate) address: Arc<OnceLock<SocketAddr>>,
    /// The token, if it was made here.
    pub(crate) generated: Option<SecretString>,
}

impl Door {
    /// Binds the port. Where another process has it, such as the one that this one is to take over from, it is tried
    /// again later: the calls must not wait for operators.
    ///
    /// # Errors
    /// When the address can never be bound, or the system has no randomness for a token.
    pub(crate) fn open(config: &AdminConfig) -> anyhow::Result<Self> {
        let bind = config.bind;
        let listener = match listener::bind_anew(bind) {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                tracing::warn!(
                    address = %bind,
                    "ADMIN_ADDR is in use: the API and the metrics open once it is free; name another one, or off"
                );
                None
            }
            Err(error) => return Err(error).with_context(|| format!("ADMIN_ADDR {bind} cannot be used")),
        };
        let (token, generated) = match &config.token {
            Some(token) => (token.clone(), false),
            None => (new_token()?, true),
        };
        let address = Arc::new(OnceLock::new());
        if let Some(listener) = &listener {
            address.get_or_init(|| listener.local_addr().unwrap_or(bind));
        }
        Ok(Self { bind, listener, token, generated, address })
    }

    pub(crate) fn sign(&self) -> Sign {
        Sign { address: Arc::clone(&self.address), generated: self.generated.then(|| self.token.clone()) }
    }

    /// Answers operators until `stop`.
    pub(crate) async fn serve(self, app: Arc<App>, stop: CancellationToken) {
        let listener = match self.listener {
            Some(listener) => listener,
            None => loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TRY_AGAIN) => (),
                }
                if let Ok(listener) = listener::bind_anew(self.bind) {
                    self.address.get_or_init(|| listener.local_addr().unwrap_or(self.bind));
                    break listener;
                }
            },
        };
        listener::serve(listener, super::router(app, self.token), Rules::operators(), stop).await;
    }
}

fn new_token() -> anyhow::Result<SecretString> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).context("the system has no randomness for an ADMIN_TOKEN")?;
    Ok(hex::encode(bytes).into())
}
