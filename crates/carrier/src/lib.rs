//! Carriers: their wire formats as pure functions behind seams. Nothing here opens a socket or reads a clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`carrier`] | what a carrier is: webhooks, streams, orders |
//! | [`webhook`] | who calls, and what the carrier is to do |
//! | [`control`] | orders about a call, beside its stream |
//! | [`mod@line`] | what comes over a stream, and what is sent |
//! | [`reframe`] | payloads of any length as frames of 20 ms |
//! | [`resample`] | 8 kHz to 16 kHz and back |
//! | [`twilio`] | Twilio |
//! | [`scripted`] | two made-up carriers, for tests and as examples |

pub mod carrier;
pub mod control;
pub mod line;
pub mod reframe;
pub mod resample;
pub mod scripted;
pub mod twilio;
pub mod webhook;

pub use carrier::Carrier;
