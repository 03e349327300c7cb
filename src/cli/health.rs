//! `redial health`: ask a running gateway on this machine whether it takes calls.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use super::runtime::runtime;
use crate::config::Config;

/// Ask the gateway on this machine whether it takes calls: exit code 0 if so. For container health checks; how memory does is
/// told at ADMIN_ADDR, under /readyz.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    #[command(flatten)]
    format: Format,
}

/// What the gateway answers.
#[derive(Debug, Serialize)]
struct Answer {
    taking_calls: bool,
    status: u16,
    url: String,
    /// Its own words, as JSON where they are.
    answer: Value,
}

impl Health {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        // Which address the gateway may bind is its own affair.
        let address = Config::from_vars(&Environment::read(), true)?.server.local_address();
        let url = format!("http://{address}/readyz");
        runtime()?.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
            let answer = client.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
            let status = answer.status();
            let text = answer.text().await?;
            let text = text.trim_end();
            let answer = Answer {
                taking_calls: status.is_success(),
                status: status.as_u16(),
                url,
                answer: serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            };
            self.format.print(&answer, |_| text.to_owned())?;
            Ok(Exit::of(answer.taking_calls))
        })
    }
}
