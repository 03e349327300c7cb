//! Twilio's formats as pure functions: nothing here opens a socket or reads a clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`signature`] | proof that a request comes from the account |
//! | [`token`] | the one-time token that joins a webhook to its stream |
//! | [`twiml`] | the documents that webhooks are answered with |
//! | [`webhook`] | the forms that webhooks bring |
//! | [`twilio`] | the messages of a media stream |
//! | [`reframe`] | their audio in frames of 20 ms |

pub mod reframe;
pub mod signature;
pub mod token;
pub mod twilio;
pub mod twiml;
pub mod webhook;
