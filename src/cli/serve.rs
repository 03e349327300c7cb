//! `redial serve`: take calls until told to stop.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::environment::Environment;
use super::exit::Exit;
use super::runtime::runtime;
use crate::app::Providers;
use crate::config::Config;
use crate::gateway::{Gateway, RunningCalls};
use crate::telemetry;

/// Take calls until told to stop (SIGTERM or Ctrl-C).
///
/// Everything is configured by environment variables or a .env file; `redial config` lists them. With none, it listens
/// on 127.0.0.1:8080 with the embedded store, the offline speech models and the built-in agent.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Listen on a public address although no TWILIO_AUTH_TOKEN is set: anyone may then call, and be anyone.
    #[arg(long)]
    insecure: bool,
    /// On SIGTERM, let running calls go between two turns, so that the carrier asks another instance for them: for
    /// deploys where another process listens already, on the same DATA_DIR or the same Redis. Without it they may
    /// finish within SHUTDOWN_GRACE_SECONDS.
    #[arg(long)]
    handover: bool,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let config = Config::from_vars(&Environment::read(), self.insecure)?;
        telemetry::init(&config.log)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let calls = if self.handover { RunningCalls::HandOver } else { RunningCalls::Finish };
        runtime()?.block_on(serve(config, calls))
    }
}

async fn serve(config: Config, calls: RunningCalls) -> anyhow::Result<Exit> {
    let grace = config.server.shutdown_grace;
    if config.twilio.auth_tokens.is_empty() {
        tracing::warn!(bind = %config.server.bind, "TWILIO_AUTH_TOKEN is not set: webhooks and streams are not checked");
    }
    let (config, providers) =
        tokio::task::spawn_blocking(move || Providers::local(&config).map(|providers| (config, providers))).await??;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let gateway = Gateway::start(config, providers).await?;
    tracing::info!(address = %gateway.address(), "taking calls");
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        result = tokio::signal::ctrl_c() => result.context("Ctrl-C cannot be listened for")?,
    }
    let kept = gateway.shut_down(grace, calls).await;
    Ok(Exit::of(kept))
}
