//! Orders about calls, sent to their carrier's API.

use std::sync::Arc;
use std::time::Duration;

use redial_call::CallId;
use redial_carrier::Carrier;
use redial_carrier::control::{Control, NotDone, Order};
use redial_outgoing::{Endpoint, Networks, read_body};
use reqwest::{Client, header};

/// How long an order may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// From an attempt that may be repeated to the second one, which is the last.
const AGAIN: Duration = Duration::from_secs(1);
/// What is read of an answer.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// A carrier's API, and the way there.
pub(crate) struct Orders {
    carrier: Arc<dyn Carrier>,
    endpoint: Endpoint,
    client: Client,
}

impl Orders {
    /// `None`: the carrier has no API.
    ///
    /// # Errors
    /// When it is nowhere that may be asked, or TLS cannot be set up.
    pub(crate) fn of(carrier: &Arc<dyn Carrier>, networks: Networks) -> anyhow::Result<Option<Self>> {
        let Some(control) = carrier.control() else { return Ok(None) };
        let endpoint = Endpoint::parse(control.base(), networks)
            .map_err(|error| anyhow::anyhow!("the API of {}: {error}", carrier.name()))?;
        let client = endpoint.client(TIMEOUT)?;
        Ok(Some(Self { carrier: Arc::clone(carrier), endpoint, client }))
    }

    /// Has a call ended, whatever the carrier is about to ask.
    pub(crate) async fn hang_up(&self, call: &CallId) {
        let Some(control) = self.carrier.control() else { return };
        let mut outcome = self.put(control, Order::HangUp(call)).await;
        if outcome.as_ref().is_err_and(Failed::is_passing) {
            tokio::time::sleep(AGAIN).await;
            outcome = self.put(control, Order::HangUp(call)).await;
        }
        let label = match &outcome {
            Ok(()) => "done",
            Err(Failed::Answered(NotDone::Gone)) => "gone", // it has ended by itself
            Err(_) => "failed",
        };
        metrics::counter!("redial_carrier_orders_total", "outcome" => label).increment(1);
        match outcome {
            Err(error) if label == "failed" => {
                tracing::warn!(carrier = self.carrier.name(), %error, "the carrier could not be told to end the call");
            }
            Ok(()) | Err(_) => {
                tracing::debug!(carrier = self.carrier.name(), outcome = label, "the carrier ends the call")
            }
        }
    }

    async fn put(&self, control: &dyn Control, order: Order<'_>) -> Result<(), Failed> {
        let request = control.request(order);
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let sent = self
            .client
            .post(self.endpoint.below(&path))
            .header(header::AUTHORIZATION, request.authorization)
            .header(header::CONTENT_TYPE, request.content_type)
            .body(request.body)
            .send()
            .await;
        let answer = sent.map_err(|error| Failed::Unsent(error.without_url()))?;
        let status = answer.status();
        let body = read_body(answer, MAX_ANSWER_BYTES).await.unwrap_or_default();
        control.read(status, &body).map_err(Failed::Answered)
    }
}

/// Why an order was not carried out, as far as is known.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Answered(NotDone),
    #[error("it cannot be reached: {0}")]
    Unsent(reqwest::Error),
}

impl Failed {
    /// The same may succeed a little later.
    const fn is_passing(&self) -> bool {
        matches!(self, Self::Answered(NotDone::Later(_)) | Self::Unsent(_))
    }
}
