//! Speech end to end, with the real models: ears, voice, and whose turn it is.

mod callers;
mod ears;
mod judgement;
mod noise;
mod recogniser;
mod round_trip;
mod sounds;
#[cfg(feature = "tts-hibari")]
mod turns;
mod words;
