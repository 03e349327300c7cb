//! Speech to text, text to speech, voice activity: the traits and their offline implementations.
//!
//! | module | holds |
//! | --- | --- |
//! | [`echo`] | tells our own voice, when it comes back from a speakerphone |
//! | [`local`] | the offline models, loaded together |
//! | [`models`] | where the model files are, and whether they are the right ones |
//! | [`pool`] | the threads on which nets and voices run |
//! | [`resample`] | 8 kHz to and from the rates of models and files |
//! | [`scripted`] | a recogniser and a voice that do as they are told |
//! | [`stt`] | speech to text |
//! | [`tts`] | text to speech |
//! | [`turn_end`] | whether a pause ends the caller's turn, by the sound of their voice |
//! | [`vad`] | voice activity: when the caller starts and stops speaking |
//! | [`wav`] | WAV files |

pub mod echo;
pub mod local;
pub mod models;
pub mod pool;
pub mod resample;
pub mod scripted;
pub mod stt;
pub mod tts;
pub mod turn_end;
pub mod vad;
pub mod wav;

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
