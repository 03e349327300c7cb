//! A carrier, and the paths it is told.

use std::sync::Arc;

use redial_carrier::Carrier;
use redial_outgoing::Networks;

use crate::orders::Orders;

/// One carrier's routes. The first carrier's have no prefix.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) carrier: Arc<dyn Carrier>,
    /// Its API, if it has one.
    pub(crate) orders: Option<Arc<Orders>>,
    prefix: String,
}

impl Routes {
    /// Those of the gateway's first carrier: `/voice`, `/media-stream`.
    ///
    /// # Errors
    /// As [`Orders::of`].
    pub(crate) fn first(carrier: Arc<dyn Carrier>, networks: Networks) -> anyhow::Result<Self> {
        Self::under(String::new(), carrier, networks)
    }

    /// Those of one beside it: `/NAME/voice`, `/NAME/media-stream`.
    ///
    /// # Errors
    /// As [`Orders::of`].
    pub(crate) fn named(carrier: Arc<dyn Carrier>, networks: Networks) -> anyhow::Result<Self> {
        Self::under(format!("/{}", carrier.name()), carrier, networks)
    }

    fn under(prefix: String, carrier: Arc<dyn Carrier>, networks: Networks) -> anyhow::Result<Self> {
        let orders = Orders::of(&carrier, networks)?.map(Arc::new);
        Ok(Self { carrier, orders, prefix })
    }

    /// Where a call comes in.
    pub(crate) fn voice(&self) -> String {
        format!("{}/voice", self.prefix)
    }

    /// Where the carrier asks what comes next when a stream is over.
    pub(crate) fn resume(&self) -> String {
        format!("{}/voice/resume", self.prefix)
    }

    /// Where the carrier says that a call is over.
    pub(crate) fn status(&self) -> String {
        format!("{}/voice/status", self.prefix)
    }

    /// Where streams are opened.
    pub(crate) fn stream(&self) -> String {
        format!("{}/media-stream", self.prefix)
    }
}
