//! Start and stop of a gateway: build, bind, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use redial_identity::CallerAddress;
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_outgoing::tls;
use redial_store::store::MemoryError;
use redial_supervision::Part;
use secrecy::SecretString;
use url::Url;

use crate::app::{App, Providers};
use crate::calls::Control;
use crate::config::Config;
use crate::http;
use crate::http::api::admin_listener::{AdminListener, Sign};
use crate::http::listener::{self, Places, Rules};
use crate::telemetry::metrics;
use crate::viewers::View;

/// The last part of the grace period: running calls say goodbye.
const GOODBYE: Duration = Duration::from_secs(10);
/// How long the disk, and then the store, may take after the last call has ended.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What a shutdown does with running calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningCalls {
    /// They may end by themselves; towards the end of the grace period they are told goodbye.
    Finish,
    /// Each is let go between two turns, so that the carrier asks another instance, which takes it up.
    HandOver,
}

/// A running gateway. Tests and the demo run the same one in their own process.
pub struct Gateway {
    app: Arc<App>,
    address: SocketAddr,
    /// Where the operators' API is.
    admin: Option<Sign>,
}

impl Gateway {
    /// Builds everything, then binds the port.
    ///
    /// # Errors
    /// When the data directory, the embedded store or the port cannot be used.
    pub async fn start(config: Config, providers: Providers) -> anyhow::Result<Self> {
        tls::install_provider();
        metrics::install();
        let bind = config.server.bind;
        let listener = listener::bind(bind).with_context(|| format!("BIND_ADDR {bind} cannot be used"))?;
        let address = listener.local_addr()?;
        if config.admin.is_none() {
            tracing::info!("ADMIN_ADDR=off: no operators' API, no /metrics, and no details behind /readyz");
        }
        let admin_listener =
            config.admin.as_ref().map(|admin| AdminListener::open(admin, &config.server.data_dir)).transpose()?;
        let local_url = Url::parse(&format!("http://{address}"))?;
        let places = Places::new(Rules::public(listener::places_beside(config.limits.calls)));
        let app = App::build(config, providers, local_url).await?;
        app.spawn_sweeper();
        app.spawn_deliveries();
        app.background.keep(Part::helpful("upkeep"), metrics::keep_up);
        let (listener, router) = (Arc::new(listener), http::router(Arc::clone(&app)));
        app.listeners.keep(Part::vital("public listener"), move |stop| {
            let (listener, places, router) = (Arc::clone(&listener), Arc::clone(&places), router.clone());
            async move { listener::serve(&listener, &places, router, stop).await }
        });
        let admin = admin_listener.as_ref().map(AdminListener::sign);
        if let Some(admin_listener) = admin_listener.map(Arc::new) {
            let app_of_admin = Arc::clone(&app);
            let serve = move |stop| Arc::clone(&admin_listener).serve(Arc::clone(&app_of_admin), stop);
            app.listeners.keep(Part::helpful("operators listener"), serve);
        }
        Ok(Self { app, address, admin })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operators' API listens; `None` when it is off, or another process has its port still.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|sign| sign.address.get().copied())
    }

    /// The token of the operators' API, if it was made at this start.
    pub fn generated_admin_token(&self) -> Option<&SecretString> {
        self.admin.as_ref().and_then(|sign| sign.generated.as_ref())
    }

    /// Calls that ring or are live.
    pub fn calls(&self) -> usize {
        self.app.calls.count()
    }

    /// All live calls as they happen, for somebody who may see them.
    pub fn watch(&self) -> View {
        self.app.viewers.watch()
    }

    /// The document of a finished session, once it is written.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        self.app.store.load_session(session_id).await
    }

    /// What is remembered of a caller, by the number as the carrier would say it; the empty profile of a stranger.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remembered(&self, number: &str) -> Result<Profile, MemoryError> {
        let address = CallerAddress::parse(number, &self.app.config.memory.default_region);
        let caller = self.app.keys.caller(&address);
        let Some(hash) = &caller.hash else { return Ok(Profile::default()) };
        let Some(user) = self.app.store.owner(hash).await? else { return Ok(Profile::default()) };
        Ok(self.app.store.user(&user).await?.and_then(|entry| entry.profile).unwrap_or_default())
    }

    /// Stops: no new calls; what happens to running ones says `calls`, within `grace`; all that was said is kept.
    /// Returns false when something that was said could not be kept.
    pub async fn shut_down(self, grace: Duration, calls: RunningCalls) -> bool {
        self.app.calls.close();
        self.app.tasks.close();
        tracing::info!(calls = self.app.calls.count(), grace_s = grace.as_secs(), "shutting down: no new calls");
        if calls == RunningCalls::HandOver {
            // First of all the carrier's next question goes to whoever else listens.
            self.app.listeners.stop().cancel();
            self.app.calls.tell_all(Control::HandOver);
        }
        let goodbye = grace.min(GOODBYE);
        if tokio::time::timeout(grace - goodbye, self.app.tasks.wait()).await.is_err() {
            self.app.calls.tell_all(Control::Drain);
            if tokio::time::timeout(goodbye, self.app.tasks.wait()).await.is_err() {
                self.app.calls.tell_all(Control::Shutdown);
            }
        }
        let ended = tokio::time::timeout(WRITE_LIMIT, self.app.tasks.wait()).await.is_ok();
        // Nothing is brought to a store that is away; the disk has it, if there is one.
        let away = self.app.store.server().borrow().is_none() && self.app.config.memory.is_durable();
        let patience = if away { Duration::from_secs(1) } else { WRITE_LIMIT };
        let delivered = self.app.spool.delivered(patience).await;
        // A call that did not end in time is in the journal, and is finished by the next start.
        let is_on_disk = self.app.config.memory.is_durable() && !self.app.spool.is_degraded();
        let kept = is_on_disk || (ended && delivered);
        if !(ended && delivered) {
            let figures = self.app.spool.figures().await.unwrap_or_default();
            let (open, waiting) = (figures.open_calls, figures.waiting);
            if kept {
                tracing::warn!(open, waiting, "sessions wait on this disk for the store; the next start delivers them");
            } else {
                ::metrics::counter!("redial_sessions_lost_total").increment((open + waiting).max(1));
                tracing::error!(open, waiting, "sessions are lost: neither the disk nor the store took them in time");
            }
        }
        self.app.background.stop().cancel();
        let _ = tokio::time::timeout(WRITE_LIMIT, self.app.background.stopped()).await;
        self.app.listeners.stop().cancel();
        // The accept loops end at once.
        self.app.listeners.stopped().await;
        kept
    }
}
