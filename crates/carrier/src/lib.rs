//! The wire formats of carriers as pure functions: nothing here opens a socket or reads a clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`twilio`] | the messages of a media stream; signatures, forms and documents of its webhooks |
//! | [`reframe`] | payloads of any length as frames of 20 ms |

pub mod reframe;
pub mod twilio;
