//! The carrier's requests to the gateway: signed forms, answered with TwiML.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::SimulateError;
use super::twiml::{self, Verb};
use crate::carrier::signature::{sign_form, sign_websocket};

/// Longest that Twilio takes for a request of a call, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest to connect, by Twilio's default (`ct`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends the forms of calls of one account.
#[derive(Debug, Clone)]
pub(super) struct Webhooks {
    client: reqwest::Client,
    base: Url,
    account_sid: String,
    auth_token: Option<SecretString>,
}

/// What a form says about its call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallFields<'a> {
    pub(super) call_sid: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

impl Webhooks {
    pub(super) fn new(
        base_url: &str,
        account_sid: &str,
        auth_token: Option<SecretString>,
    ) -> Result<Self, SimulateError> {
        let base: Url =
            base_url.parse().map_err(|source| SimulateError::BaseUrl { url: base_url.to_owned(), source })?;
        // Fails when the process has a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            // A carrier's requests come on connections of their own; one kept open may be closed by the time of the next.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::limited(10))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(SimulateError::Client)?;
        Ok(Self { client, base, account_sid: account_sid.to_owned(), auth_token })
    }

    pub(super) fn account_sid(&self) -> &str {
        &self.account_sid
    }

    /// Where a new call is announced.
    pub(super) fn voice_url(&self) -> Url {
        self.below_base("voice")
    }

    /// Where the end of a call is reported.
    fn status_url(&self) -> Url {
        self.below_base("voice/status")
    }

    fn below_base(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// Asks what to do with the call, and reads the answer.
    pub(super) async fn ask(
        &self,
        url: &Url,
        call: CallFields<'_>,
        call_status: &str,
    ) -> Result<Vec<Verb>, SimulateError> {
        let document = self.post(url, call, call_status, &[]).await?;
        twiml::read(&document).map_err(|source| SimulateError::Twiml { url: url.to_string(), source })
    }

    /// Reports the status of the call; `seconds` is how long it has lasted.
    pub(super) async fn report_status(
        &self,
        call: CallFields<'_>,
        call_status: &str,
        seconds: u64,
    ) -> Result<(), SimulateError> {
        let duration = seconds.to_string();
        let fields =
            [("CallDuration", duration.as_str()), ("CallbackSource", "call-progress-events"), ("SequenceNumber", "0")];
        self.post(&self.status_url(), call, call_status, &fields).await.map(drop)
    }

    /// The signature header of an upgrade to this URL, if the account signs.
    pub(super) fn sign_upgrade(&self, url: &str) -> Option<String> {
        self.auth_token.as_ref().map(|token| sign_websocket(token.expose_secret(), url))
    }

    async fn post(
        &self,
        url: &Url,
        call: CallFields<'_>,
        call_status: &str,
        more: &[(&str, &str)],
    ) -> Result<String, SimulateError> {
        let fields = [
            ("AccountSid", self.account_sid.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", call.call_sid),
            ("CallStatus", call_status),
            ("Direction", "inbound"),
            ("From", call.from),
            ("To", call.to),
        ];
        let fields: Vec<(String, String)> =
            fields.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let mut request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(token) = &self.auth_token {
            request = request.header("X-Twilio-Signature", sign_form(token.expose_secret(), url.as_str(), &fields));
        }
        let request = request.body(body).build().map_err(SimulateError::Client)?;
        let failed = |source| SimulateError::Request { url: url.to_string(), source };
        let response = self.execute(request).await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(SimulateError::Status { url: url.to_string(), status: status.as_u16() });
        }
        response.text().await.map_err(failed)
    }

    /// Tries once more when no connection comes about, as Twilio does by default (`rc=1`, `rp=ct`).
    async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, reqwest::Error> {
        let again = request.try_clone();
        match (self.client.execute(request).await, again) {
            (Err(error), Some(again)) if error.is_connect() => self.client.execute(again).await,
            (answer, _) => answer,
        }
    }
}
