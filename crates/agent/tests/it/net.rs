//! The net, loaded once.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redial_agent::builtin::BuiltIn;
use redial_minilm::MiniLm;
use redial_provider::ProviderError;
use redial_provider::meaning::Embed;

/// The agent over it.
pub(crate) fn built_in() -> BuiltIn {
    BuiltIn::new(Arc::new(Net))
}

/// Works at once, on one thread of its own.
pub(crate) struct Net;

impl Embed for Net {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
        static NET: LazyLock<MiniLm> =
            LazyLock::new(|| MiniLm::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm")).unwrap());
        async move { Ok(texts.iter().map(|text| NET.embed(text).unwrap().as_slice().to_vec()).collect()) }.boxed()
    }
}
