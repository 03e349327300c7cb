//! Twilio: Programmable Voice webhooks and Media Streams.
//!
//! | module | holds |
//! | --- | --- |
//! | [`hooks`], [`codec`] | the carrier behind the seams |
//! | [`signature`] | proof that a request comes from the account |
//! | [`form`], [`twiml`] | what webhooks bring, and are answered with |
//! | [`media`] | the messages of a media stream |
//! | [`rest`] | orders about calls |
//! | [`sid`] | identifiers |

pub mod codec;
pub mod form;
pub mod hooks;
pub mod media;
pub mod rest;
pub mod sid;
pub mod signature;
pub mod twiml;

pub use hooks::Twilio;
