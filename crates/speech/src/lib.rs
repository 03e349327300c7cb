//! The offline ears and voices: everything that needs no account and no network.
//!
//! | module | holds |
//! | --- | --- |
//! | [`local`] | the offline models, loaded together |
//! | [`voice`] | which voice speaks, and how fast |
//! | [`vad`] | voice activity: when the caller starts and stops speaking |
//! | [`moonshine`] | speech to text |
//! | [`turn_end`] | whether a pause ends the caller's turn, by the sound of their voice |
//! | [`flite`], `hibari` | text to speech |
//! | [`echo`] | tells our own voice, when it comes back from a speakerphone |
//! | [`meaning`] | what sentences mean, as vectors |
//! | [`tone`] | what is heard while an answer is late |
//! | [`models`] | where the model files are, and whether they are the right ones |
//! | [`pool`] | the threads on which nets and voices run |
//! | [`resample`], [`wav`] | 8 kHz to and from the rates of models and files; WAV files |

pub mod echo;
pub mod flite;
#[cfg(feature = "hibari")]
pub mod hibari;
mod joined;
mod level;
pub mod local;
pub mod meaning;
pub mod models;
pub mod moonshine;
pub mod pool;
pub mod resample;
mod text;
pub mod tone;
pub mod turn_end;
pub mod vad;
pub mod voice;
pub mod wav;
