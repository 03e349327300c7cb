//! A carrier: its webhooks, its streams, and its API.

use crate::control::Control;
use crate::line::Codec;
use crate::webhook::Webhook;

/// One carrier. Adding one is a folder here and a line where the gateway is built.
pub trait Carrier: Send + Sync {
    /// Its name in lower case: in logs, and in the paths of all but the first carrier (`/NAME/voice`).
    fn name(&self) -> &'static str;

    /// Its webhooks.
    fn webhook(&self) -> &dyn Webhook;

    /// What reads and writes the messages of one stream.
    fn codec(&self) -> Box<dyn Codec>;

    /// Its API; `None`: it has none, or it is not to be asked.
    fn control(&self) -> Option<&dyn Control>;
}
