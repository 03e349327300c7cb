//! Redial: the phone line of a voice agent that remembers who is calling.
//!
//! | module | holds |
//! | --- | --- |
//! | [`agent`] | what the agent says: the trait, the built-in agent, the greeting |
//! | [`carrier`] | wire formats of the carriers, signatures, TwiML |
//! | [`identity`] | phone number → E.164 → keyed hash |
//! | [`memory`] | what is stored about a caller, and where |
//! | [`simulate`] | a carrier in the box: it speaks the carrier's side of the protocol |
//! | [`speech`] | speech to text, text to speech, voice activity |

pub mod agent;
pub mod carrier;
pub mod identity;
pub mod memory;
pub mod simulate;
pub mod speech;
