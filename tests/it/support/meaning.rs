//! The built-in agent with its net, loaded once it is needed.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use redial_agent::builtin::BuiltIn;
use redial_provider::ProviderError;
use redial_provider::meaning::Embed;
use redial_speech::meaning::Meaning;
use redial_speech::pool::WorkerPool;

/// The agent. Most tests say nothing that it has to think about, and so do not wait for the net.
pub(crate) fn built_in() -> BuiltIn {
    BuiltIn::new(Arc::new(Lazily))
}

struct Lazily;

impl Embed for Lazily {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
        static NET: OnceLock<Meaning> = OnceLock::new();
        let load = || Meaning::load(Path::new("models"), Arc::new(WorkerPool::new(1, 64).unwrap())).unwrap();
        NET.get_or_init(load).embed(texts)
    }
}
