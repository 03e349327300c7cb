//! What is said without an agent: fixed, so that it can be spoken with every model down, and synthesised before it is needed.

use redial_call::Prompts;
use redial_language::data::english;

/// The first words after the stream of a call broke and came back.
pub fn resumed() -> &'static str {
    &english().agent.resumed
}

/// The same when the caller's last words are about to be answered.
pub fn resumed_answer_follows() -> &'static str {
    &english().agent.resumed_answer_follows
}

/// Said by the carrier's own voice when a call that was answered cannot go on.
pub fn cannot_go_on() -> &'static str {
    &english().agent.cannot_go_on
}

/// What the core says by itself.
pub fn prompts() -> Prompts {
    Prompts::from(&english().agent.prompts)
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
        resumed(),
        resumed_answer_follows(),
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
