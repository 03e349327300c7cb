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

/// The net. Shared by all calls; some 75 MB in memory. A clause takes 4 to 8 ms of a thread.
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
        let net = MiniLm::from_bytes(models::load(folder, NET)?, &vocabulary);
        let net = net.map_err(|error| ModelError::Rejected { file: NET.to_owned(), source: error.into() })?;
        Ok(Self { net: Arc::new(net), threads })
    }
}

impl Embed for Meaning {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
        let net = Arc::clone(&self.net);
        let job = self.threads.submit(move |worker| {
            let vector = |text: &String| net.embed_on(text, worker.rten()).map(|found| found.as_slice().to_vec());
            // Once nobody waits for it any more, nobody sees that it is not whole.
            let wanted = texts.iter().take_while(|_| !worker.is_cancelled());
            wanted.map(vector).collect::<Result<Vec<_>, _>>().map_err(|error| ProviderError::Other(error.into()))
        });
        async move { job?.await? }.boxed()
    }
}
