//! The scripted guests, and what wraps others.

use std::sync::Arc;
use std::time::Duration;

use redial_call::Frame;
use redial_call::audio::encode;

use super::{agent, stt, tts};
use crate::agent::{Cue, Delta, Usage};
use crate::scripted::{ScriptedAgent, ScriptedStt, ScriptedTts, ScriptedTurns};
use crate::tts::Tts;
use crate::tts::cache::Cached;
use crate::tts::fallback::Fallback;

/// Two seconds of something loud.
fn speech() -> Vec<Frame> {
    vec![Frame::new(std::array::from_fn(|n| encode(if n % 8 < 4 { 4000 } else { -4000 }))); 100]
}

#[tokio::test(start_paused = true)]
async fn the_scripted_agent() {
    agent::check(&ScriptedAgent::saying("Certainly.")).await;
    let agent = ScriptedAgent::new(|_, prompt| {
        let text = if prompt.cue == Cue::Tools { "That is done." } else { "One moment." };
        vec![Delta::Text(text.to_owned()), Delta::Usage(Usage::default())]
    });
    agent::check(&agent.delayed(Duration::from_millis(300))).await;
}

#[tokio::test(start_paused = true)]
async fn the_scripted_voice_and_what_wraps_it() {
    let voice = || ScriptedTts::new().per_char_ms(20).telling_words();
    tts::check(&voice()).await;
    tts::check(&voice().delayed(Duration::from_millis(300)).pausing(Duration::from_secs(1))).await;
    let broken = Arc::new(voice().failing_after(0)) as Arc<dyn Tts>;
    tts::check(&Fallback::new(broken, [Arc::new(voice()) as Arc<dyn Tts>])).await;
    tts::check(&Cached::new(Arc::new(voice()), 1_000_000, ["Hello, who is calling?".to_owned()])).await;
}

#[tokio::test(start_paused = true)]
async fn the_scripted_ears_of_both_kinds() {
    stt::check(&ScriptedStt::new(["Hello.", "Hello again."]).delayed(Duration::from_millis(200)), &speech()).await;
    stt::check(&ScriptedTurns::new(["Hello.", "Hello again."]), &speech()).await;
}
