//! The built-in agent with its net, loaded once it is needed.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redial_agent::builtin::BuiltIn;
use redial_minilm::MiniLm;
use redial_provider::ProviderError;
use redial_provider::meaning::Embed;

/// The agent. It thinks where it is asked, which takes none of the time that tests step through.
pub(crate) fn built_in() -> BuiltIn {
    BuiltIn::new(Arc::new(AtOnce))
}

/// Loads the net, as a gateway has before its first call: for tests in which time counts.
pub(crate) fn load() {
    LazyLock::force(&NET);
}

static NET: LazyLock<MiniLm> = LazyLock::new(|| MiniLm::load(Path::new("models/minilm")).unwrap());

struct AtOnce;

impl Embed for AtOnce {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
        async move { Ok(texts.iter().map(|text| NET.embed(text).unwrap().as_slice().to_vec()).collect()) }.boxed()
    }
}
