//! `redial health`: ask a running gateway on this machine whether it takes calls.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::environment::Environment;
use crate::config::Config;

/// Ask the gateway on this machine whether it takes calls: exit code 0 if so. For container health checks; how memory does is
/// told at ADMIN_ADDR, under /readyz.
#[derive(Debug, clap::Args)]
pub(super) struct Health {}

impl Health {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        // Which address the gateway may bind is its own affair.
        let bind = Config::from_vars(&Environment::read()?, true)?.server.bind;
        let ip = if bind.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { bind.ip() };
        let url = format!("http://{}/readyz", SocketAddr::new(ip, bind.port()));
        super::runtime()?.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
            let answer = client.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
            let status = answer.status();
            println!("{}", answer.text().await?.trim_end());
            Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }
}
