//! One call's recogniser, as long as the call lives.

use std::sync::Arc;

use redial_call::Load;
use redial_provider::stt::{Stt, SttContext, SttInput, SttOutput};

use super::reopening::{Part, Reopening};

/// What hears the caller.
pub(super) struct Hearing {
    provider: Arc<dyn Stt>,
    stream: Reopening<SttInput, SttOutput>,
}

impl Hearing {
    /// Must be called on a tokio runtime.
    pub(super) fn open(provider: Arc<dyn Stt>, context: SttContext) -> Self {
        let ears = Arc::clone(&provider);
        let open = move || {
            let stream = ears.open(context.clone());
            (stream.input, stream.output)
        };
        Self { provider, stream: Reopening::new(Part::Ears, open) }
    }

    pub(super) fn load(&self) -> Load {
        self.provider.load()
    }

    /// Hands over, now or as soon as there is room.
    pub(super) fn tell(&mut self, input: SttInput) {
        self.stream.tell(input);
    }

    /// The next thing recognised.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing in either direction.
    pub(super) async fn next(&mut self) -> SttOutput {
        loop {
            if let Some(output) = self.stream.next().await {
                return output;
            }
        }
    }
}
