//! The port and the token.

use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::AdminConfig;
use crate::http::listener::{self, Places, Rules};

/// Bytes of a token that is made here.
const TOKEN_BYTES: usize = 32;
/// The file in DATA_DIR that a token which is made here is left in.
const TOKEN_FILE: &str = "admin-token";
/// How often a port that another process has is asked for again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// The API's port, and what opens it.
pub(crate) struct AdminListener {
    bind: SocketAddr,
    /// Not set while another process has the port.
    listener: OnceLock<TcpListener>,
    places: Arc<Places>,
    token: SecretString,
    /// Where the token is left once the port is ours, if it is made here.
    token_file: Option<PathBuf>,
    address: Arc<OnceLock<SocketAddr>>,
}

/// What is known of the listener that is open, or will be.
#[derive(Debug, Clone)]
pub(crate) struct Sign {
    /// Where it is, once the port is ours.
    pub(crate) address: Arc<OnceLock<SocketAddr>>,
    /// The token, if it was made here.
    pub(crate) generated: Option<SecretString>,
}

impl AdminListener {
    /// Binds the port. Where another process has it, such as the one that this one is to take over from, it is tried
    /// again later: the calls must not wait for operators.
    ///
    /// A token that is made here is left in a file of `data_dir` that only this user may read, never in a log.
    ///
    /// # Errors
    /// When the address can never be bound, or the system has no randomness for a token.
    pub(crate) fn open(config: &AdminConfig, data_dir: &Path) -> anyhow::Result<Self> {
        let bind = config.bind;
        let bound = match listener::bind_anew(bind) {
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
        let (token, token_file) = match &config.token {
            Some(token) => (token.clone(), None),
            None => (new_token()?, Some(data_dir.join(TOKEN_FILE))),
        };
        let (listener, places, address) = (OnceLock::new(), Places::new(Rules::operators()), Arc::default());
        let opened = Self { bind, listener, places, token, token_file, address };
        if let Some(bound) = bound {
            opened.is_open(bound);
        }
        Ok(opened)
    }

    /// The port is ours. Not before: the file says what opens the port, and another process may still have it.
    fn is_open(&self, listener: TcpListener) {
        let listener = self.listener.get_or_init(|| listener);
        self.address.get_or_init(|| listener.local_addr().unwrap_or(self.bind));
        let Some(file) = &self.token_file else { return };
        match leave(file, &self.token) {
            Ok(()) => tracing::info!(
                file = %file.display(),
                "ADMIN_TOKEN is not set: until this process ends, the token of the operators' API is what this file says"
            ),
            // The calls must not wait for operators.
            Err(error) => tracing::warn!(
                file = %file.display(),
                %error,
                "ADMIN_TOKEN is not set, and the token that was made cannot be left in this file, so nobody knows it; \
                 set ADMIN_TOKEN, or ADMIN_ADDR=off"
            ),
        }
    }

    pub(crate) fn sign(&self) -> Sign {
        Sign { address: Arc::clone(&self.address), generated: self.token_file.is_some().then(|| self.token.clone()) }
    }

    /// Answers operators until `stop`. Should it die, it may be called again.
    pub(crate) async fn serve(self: Arc<Self>, app: Arc<App>, stop: CancellationToken) {
        let listener = loop {
            if let Some(listener) = self.listener.get() {
                break listener;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TRY_AGAIN) => (),
            }
            if let Ok(listener) = listener::bind_anew(self.bind) {
                self.is_open(listener);
            }
        };
        listener::serve(listener, &self.places, super::router(app, self.token.clone()), stop).await;
    }
}

/// Puts a secret into the place of the file at once, readable by this user only, whatever the file was before.
fn leave(file: &Path, secret: &SecretString) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // Made with mode 0600.
    let mut draft = tempfile::Builder::new().prefix(".admin-token.").tempfile_in(dir)?;
    writeln!(draft, "{}", secret.expose_secret())?;
    draft.persist(file)?;
    Ok(())
}

fn new_token() -> anyhow::Result<SecretString> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).context("the system has no randomness for an ADMIN_TOKEN")?;
    Ok(hex::encode(bytes).into())
}
