//! A carrier in the box: it speaks the carrier's side of the protocol.
//!
//! | module | holds |
//! | --- | --- |
//! | [`script`], [`progress`], [`report`], `error` | what the caller is to do; what happens; what happened; why there was no call |
//! | `line` | one call: webhooks, TwiML, streams, the end |
//! | `caller` | the caller, 20 ms at a time |
//! | [`playback`] | what the caller hears, and when marks come back |
//! | [`mod@replay`] | recorded calls, message by message |
//! | [`twiml`], `message`, `webhook`, `socket` | the formats and the connections |
//!
//! Modelled on Twilio, and stricter: what Twilio drops in silence is a [`Warning`] in the report.

pub mod playback;
pub mod progress;
pub mod replay;
pub mod report;
pub mod script;
pub mod twiml;

mod caller;
mod error;
mod line;
mod message;
mod socket;
mod webhook;

use secrecy::SecretString;

pub use error::SimulateError;
pub use playback::Marks;
pub use progress::{Progress, Watcher};
pub use replay::{ReplayEnd, ReplayError, Replayed, replay};
pub use report::{EndedBy, Report, Spoken, Warning, WarningCode, Who};
pub use script::{HangUp, Script, Step};

/// A carrier with one account, which places calls to one gateway. Any number of calls may be up at the same time.
#[derive(Debug, Clone)]
pub struct Simulator {
    webhooks: webhook::Webhooks,
}

impl Simulator {
    /// A carrier in front of the gateway at `base_url`, such as `http://127.0.0.1:8080`; the webhooks are `/voice` and
    /// `/voice/status` below it. With an auth token, requests and upgrades are signed.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(base_url: &str, account_sid: &str, auth_token: Option<SecretString>) -> Result<Self, SimulateError> {
        Ok(Self { webhooks: webhook::Webhooks::new(base_url, account_sid, auth_token)? })
    }

    /// The same carrier for a gateway that is known by another origin, such as `https://calls.example.com`: that one is
    /// signed, and where the gateway names it, the carrier goes to the base URL instead.
    ///
    /// # Errors
    /// When the origin is no URL with a host.
    pub fn known_as(self, origin: &str) -> Result<Self, SimulateError> {
        Ok(Self { webhooks: self.webhooks.known_as(origin)? })
    }

    /// Places a call, carries out the script, and returns when the call is over and its status reported.
    ///
    /// # Errors
    /// When the gateway does not answer the first webhook with TwiML. What goes wrong later is in the report.
    ///
    /// # Cancel safety
    /// Dropped, it drops the connection as [`HangUp::Abrupt`] does, and reports no status.
    pub async fn call(&self, script: Script) -> Result<Report, SimulateError> {
        line::call(&self.webhooks, script).await
    }
}
