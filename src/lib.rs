//! Redial: the phone line of a voice agent that remembers who is calling. This crate is the gateway.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cli`] | the command line, one file a command |
//! | [`config`] | every variable, read once |
//! | [`gateway`] | start and stop: build, bind, serve, drain |
//! | [`app`] | what every handler shares |
//! | `http` | every route on one page; the webhooks and the upgrade |
//! | [`reception`] | between webhook and stream, whatever the carrier |
//! | `session` | the shell: one task owns one call, its socket and its provider streams |
//! | `media_stream` | the media WebSocket without waiting |
//! | [`token`] | the one-time token that joins a webhook to its stream |
//! | `routes` | a carrier, and the paths it is told |
//! | [`calls`] | admission; who rings, who is live |
//! | [`operations`] | people's rights and operators' hands: what the command line and the API both do |
//! | [`simulate`] | a carrier in the box: it speaks the carrier's side of the protocol |
//! | [`telemetry`] | logs and metrics |
//!
//! The crates below it, each of which knows only those under it:
//!
//! | crate | holds |
//! | --- | --- |
//! | `redial_call` | the call's behaviour, pure |
//! | `redial_language` | the words of a language |
//! | `redial_memory` | what is remembered, as rules over documents |
//! | `redial_store` | where it is kept |
//! | `redial_identity` | phone number → E.164 → keyed hash |
//! | `redial_provider` | the seams: ears, mind, voice |
//! | `redial_speech`, `redial_agent`, `redial_vendors` | what stands behind the seams |
//! | `redial_carrier` | wire formats of carriers |
//! | `redial_outgoing` | requests to other people's servers |

pub mod app;
pub mod calls;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod operations;
pub mod reception;
pub mod simulate;
pub mod telemetry;
pub mod token;
pub mod viewers;

mod http;
mod media_stream;
mod orders;
mod routes;
mod session;
