//! The carrier's requests to the gateway: signed forms, answered with TwiML.

use std::time::Duration;

use redial_carrier::twilio::signature::{sign_form, sign_websocket};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::error::SimulateError;
use super::twiml::{self, Verb};

/// Longest that Twilio takes for a request of a call, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest to connect, by Twilio's default (`ct`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends the forms of calls of one account.
#[derive(Debug, Clone)]
pub(super) struct Webhooks {
    client: reqwest::Client,
    /// Where the gateway is.
    base: Url,
    /// As what it is known: what is signed, and what it names itself.
    known_as: Url,
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
        Ok(Self { client, known_as: base.clone(), base, account_sid: account_sid.to_owned(), auth_token })
    }

    pub(super) fn known_as(self, origin: &str) -> Result<Self, SimulateError> {
        let none = |source| SimulateError::BaseUrl { url: origin.to_owned(), source };
        let known_as: Url = origin.parse().map_err(none)?;
        if known_as.host_str().is_none() {
            return Err(none(url::ParseError::EmptyHost));
        }
        Ok(Self { known_as, ..self })
    }

    /// Where a URL of the gateway's is reached.
    fn reach(&self, url: &Url) -> Url {
        let mut reached = self.base.clone();
        if url.origin() != self.known_as.origin() {
            return url.clone();
        }
        let (below, path) = (self.known_as.path().trim_end_matches('/'), url.path());
        let path = path.strip_prefix(below).unwrap_or(path);
        reached.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        reached.set_query(url.query());
        reached
    }

    /// The same for a stream's URL.
    pub(super) fn reach_stream(&self, url: &str) -> String {
        // `ws` and `wss` are to streams what `http` and `https` are to requests.
        match url.strip_prefix("ws").and_then(|rest| format!("http{rest}").parse().ok()) {
            Some(named) => self.reach(&named).as_str().replacen("http", "ws", 1),
            None => url.to_owned(),
        }
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
        let mut url = self.known_as.clone();
        url.set_path(&format!("{}/{path}", self.known_as.path().trim_end_matches('/')));
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
        let mut request = self.client.post(self.reach(url)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(token) = &self.auth_token {
            request = request.header("X-Twilio-Signature", sign_form(token.expose_secret(), url.as_str(), &fields));
        }
        let request = request.body(body).build().map_err(SimulateError::Client)?;
        let failed = |source| SimulateError::Request { url: url.to_string(), source };
        let response = self.execute(request).await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            // What cannot be read of it says no more than its status.
            let text = one_line(&response.bytes().await.unwrap_or_default());
            return Err(SimulateError::Status { url: url.to_string(), status: status.as_u16(), text });
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

/// The beginning of an answer's text, in one line that no terminal obeys.
pub(super) fn one_line(bytes: &[u8]) -> String {
    const MOST_CHARS: usize = 300;
    let text = String::from_utf8_lossy(bytes);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|char| !char.is_control()).take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhooks(base: &str, known_as: Option<&str>) -> Webhooks {
        let webhooks = Webhooks::new(base, "AC1", None).unwrap();
        known_as.map_or(webhooks.clone(), |origin| webhooks.known_as(origin).unwrap())
    }

    #[test]
    fn a_gateway_is_reached_where_it_is_and_signed_for_as_what_it_is_known() {
        let known = webhooks("http://127.0.0.1:8080", Some("https://calls.example.com"));
        assert_eq!(known.voice_url().as_str(), "https://calls.example.com/voice");
        assert_eq!(known.reach(&known.voice_url()).as_str(), "http://127.0.0.1:8080/voice");
        for (named, reached) in [
            ("wss://calls.example.com/media-stream?a=1", "ws://127.0.0.1:8080/media-stream?a=1"),
            ("wss://calls.example.com:443/media-stream", "ws://127.0.0.1:8080/media-stream"),
            ("wss://other.example.com/media-stream", "wss://other.example.com/media-stream"),
            ("ws://calls.example.com/media-stream", "ws://calls.example.com/media-stream"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(known.reach_stream(named), reached);
        }
        let below = webhooks("http://10.0.0.5/redial/", Some("https://example.com/calls"));
        assert_eq!(below.reach(&below.status_url()).as_str(), "http://10.0.0.5/redial/voice/status");
        let plain = webhooks("http://127.0.0.1:8080/below", None);
        assert_eq!(plain.reach(&plain.voice_url()).as_str(), "http://127.0.0.1:8080/below/voice");
        assert!(webhooks("http://127.0.0.1", None).known_as("calls.example.com").is_err());
    }

    #[test]
    fn what_an_answer_says_fits_on_one_line() {
        assert_eq!(one_line(b"no\n \x1b[2Jsuch  thing\xff"), "no [2Jsuch thing\u{fffd}");
        assert_eq!(one_line(&[b'x'; 5000]).len(), 300);
    }
}
