//! Redial: the phone line of a voice agent that remembers who is calling.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cli`] | the command line, one file a command |
//! | [`config`] | every variable, read once |
//! | [`gateway`] | start and stop: build, bind, serve, drain |
//! | [`app`] | what every handler shares |
//! | `http` | every route on one page; the webhooks and the upgrade |
//! | `session` | the shell: one task owns one call, its socket and its provider streams |
//! | `media_stream` | the media WebSocket without waiting |
//! | [`calls`] | admission; who rings, who is live |
//! | [`carrier`] | wire formats, signatures, tokens, TwiML |
//! | [`identity`] | phone number → E.164 → keyed hash |
//! | [`memory`] | what is stored about a caller, and where |
//! | [`operations`] | people's rights and operators' hands: what the command line and the API both do |
//! | [`agent`] | what the agent says: the trait, the built-in agent, the greeting |
//! | [`outgoing`] | requests to other people's servers: where they may go, how long, how much |
//! | [`speech`] | speech to text, text to speech, voice activity |
//! | [`simulate`] | a carrier in the box: it speaks the carrier's side of the protocol |
//! | [`telemetry`], [`tls`] | logs; the process's cryptography |
//!
//! The call's behaviour is decided in the crate `redial_call`.

pub mod agent;
pub mod app;
pub mod calls;
pub mod carrier;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod identity;
pub mod memory;
pub mod operations;
pub mod outgoing;
pub mod simulate;
pub mod speech;
pub mod telemetry;
pub mod tls;

mod http;
mod media_stream;
mod session;
