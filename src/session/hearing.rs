//! One call's recogniser, as long as the call lives; none where somebody else hears for us.

use std::future::pending;
use std::sync::Arc;

use redial_call::Load;
use redial_provider::stt::{Stt, SttContext, SttInput, SttOutput};

use super::reopening::{Part, Reopening};

/// What hears the caller.
pub(super) struct Hearing {
    provider: Arc<dyn Stt>,
    /// `None`: it is not asked.
    stream: Option<Reopening<SttInput, SttOutput>>,
}

impl Hearing {
    /// Must be called on a tokio runtime.
    pub(super) fn open(provider: Arc<dyn Stt>, context: SttContext) -> Self {
        let ears = Arc::clone(&provider);
        let open = move || {
            let stream = ears.open(context.clone());
            (stream.input, stream.output)
        };
        Self { provider, stream: Some(Reopening::new(Part::Ears, open)) }
    }

    /// Hears nothing: a speech-to-speech model does, or the carrier.
    pub(super) const fn closed(provider: Arc<dyn Stt>) -> Self {
        Self { provider, stream: None }
    }

    pub(super) fn load(&self) -> Load {
        self.provider.load()
    }

    /// Hands over, now or as soon as there is room.
    pub(super) fn tell(&mut self, input: SttInput) {
        if let Some(stream) = &mut self.stream {
            stream.tell(input);
        }
    }

    /// The next thing recognised.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing in either direction.
    pub(super) async fn next(&mut self) -> SttOutput {
        loop {
            let Some(stream) = &mut self.stream else { return pending().await };
            if let Some(output) = stream.next().await {
                return output;
            }
        }
    }
}
