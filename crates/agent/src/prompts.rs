//! What is said without an agent: fixed, so that it can be spoken with every model down, and synthesised before it is needed.

use redial_call::Prompts;

/// The first words after the stream of a call broke and came back.
pub const RESUMED: &str = "Sorry, I lost you for a second. You were saying?";

/// The same when the caller's last words are about to be answered.
pub const RESUMED_ANSWER_FOLLOWS: &str = "Sorry, I lost you for a second.";

/// Said by the carrier's own voice when a call that was answered cannot go on.
pub const CANNOT_GO_ON: &str = "I'm sorry, something is wrong at our end. Please call again in a few minutes. Goodbye.";

/// What the core says by itself.
pub fn prompts() -> Prompts {
    Prompts {
        greeting: "Hello, this is the automated answering service. How can I help you?".to_owned(),
        filler: "One moment, please.".to_owned(),
        trouble: "I'm sorry, I could not work that out. Could you say it again, please?".to_owned(),
        still_there: "Are you still there?".to_owned(),
        silence_goodbye: "It seems that I've lost you. Please call again any time. Goodbye.".to_owned(),
        time_is_up: "I'm sorry, our time is up. I've kept what you told me. Goodbye.".to_owned(),
        drain: "I'm sorry, I have to end this call now. I've kept what you told me. Please call again. Goodbye."
            .to_owned(),
    }
}

/// Every sentence of [`prompts`], and what else is said again and again.
pub fn fixed(prompts: &Prompts) -> [&str; 9] {
    [
        &prompts.greeting,
        &prompts.filler,
        &prompts.trouble,
        &prompts.still_there,
        &prompts.silence_goodbye,
        &prompts.time_is_up,
        &prompts.drain,
        RESUMED,
        RESUMED_ANSWER_FOLLOWS,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_call_says_goodbye_and_nothing_else_does() {
        let prompts = prompts();
        for last in [&prompts.silence_goodbye, &prompts.time_is_up, &prompts.drain] {
            assert!(last.ends_with("Goodbye."), "{last}");
        }
        for middle in [&prompts.greeting, &prompts.filler, &prompts.trouble, &prompts.still_there] {
            assert!(!middle.contains("oodbye"), "{middle}");
        }
    }
}
