//! What callers mean, as vectors: MiniLM, on the worker threads.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redial_minilm::MiniLm;
use redial_provider::ProviderError;
use redial_provider::meaning::Embed;

use super::models::{self, ModelError};
use super::pool::WorkerPool;

const NET: &str = "minilm/model.onnx";
const VOCABULARY: &str = "minilm/vocab.txt";

/// The net. Shared by all calls; about 30 MB in memory. A clause takes 2 to 7 ms of a thread.
pub struct Meaning {
    net: Arc<MiniLm>,
    threads: Arc<WorkerPool>,
}

impl Meaning {
    /// Loads the net from the models' folder.
    ///
    /// # Errors
    /// When a file is missing, or not the one of this build.
    pub fn load(folder: &Path, threads: Arc<WorkerPool>) -> Result<Self, ModelError> {
        let vocabulary = models::load(folder, VOCABULARY)?;
        let rejected = |source| ModelError::Rejected { file: NET.to_owned(), source };
        let vocabulary = String::from_utf8(vocabulary).map_err(|error| rejected(error.into()))?;
        let net = MiniLm::load(models::load(folder, NET)?, &vocabulary).map_err(|error| rejected(error.into()))?;
        Ok(Self { net: Arc::new(net), threads })
    }
}

impl Embed for Meaning {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
        let net = Arc::clone(&self.net);
        let job = self.threads.submit(move |worker| {
            let vectors = texts.iter().map(|text| net.embed(text, worker.rten()));
            vectors.collect::<Result<Vec<_>, _>>().map_err(|error| ProviderError::Other(error.into()))
        });
        async move { job?.await? }.boxed()
    }
}
