//! Carriers: their wire formats as pure functions behind seams. Nothing here opens a socket or reads a clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`carrier`] | what a carrier is: webhooks and streams |
//! | [`webhook`] | who calls, and what the carrier is to do |
//! | [`line`] | what comes over a stream, and what is sent |
//! | [`reframe`] | payloads of any length as frames of 20 ms |
//! | [`twilio`] | Twilio |

pub mod carrier;
pub mod line;
pub mod reframe;
pub mod twilio;
pub mod webhook;

pub use carrier::Carrier;
