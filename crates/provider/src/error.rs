//! Why a provider failed.

use std::time::Duration;

/// Any error of a provider's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a provider failed, told apart by what the call does next.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No retry; an operator must act.
    #[error("credentials rejected")]
    Unauthorized,
    /// Try the next provider, or wait.
    #[error("rate limited")]
    RateLimited {
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// Try the next provider.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The provider has more to do than it can in time; the call goes on without this result.
    #[error("overloaded")]
    Overloaded,
    /// Try the next provider.
    #[error("provider failed")]
    Other(#[source] BoxError),
}
