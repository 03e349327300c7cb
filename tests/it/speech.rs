//! Speech end to end, with the real models: ears, voice, and whose turn it is.

mod callers;
mod ears;
mod judgement;
mod noise;
mod recogniser;
mod round_trip;
mod sounds;
mod turns;
mod words;
