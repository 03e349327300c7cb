//! What the core says when the agent has nothing to say: fixed, so that it can be spoken with every provider down.

/// After a silence of the caller, the first and the second time.
pub const STILL_THERE: [&str; 2] = [
    "Are you still there?",
    "I can't hear you just now. Are you still on the line?",
];

/// When the caller stays silent; then the call ends.
pub const SILENCE_GOODBYE: &str =
    "It seems that I've lost you. Please call again any time. Goodbye.";

/// When the call has reached its longest duration; then it ends.
pub const TIME_UP: &str = "I'm sorry, our time is up. I've kept what you told me. Goodbye.";

/// When an answer is late: said once, to cover the wait, and no answer itself.
pub const ONE_MOMENT: [&str; 3] = ["One moment, please.", "Let me see.", "Just a second."];

/// When no provider answers and the call cannot go on; then it ends.
pub const TROUBLE: &str =
    "I'm sorry, something is wrong at our end. Please call again in a few minutes. Goodbye.";

/// When the call goes on after a gap at our end.
pub const RESUMED: &str = "Sorry, I lost you for a second. You were saying?";

/// When all lines are taken; said before the call is refused.
pub const FULL: &str =
    "I'm sorry, all our lines are busy. Please call again in a few minutes. Goodbye.";

/// When we must stop for maintenance in mid-call; then the call ends.
pub const GOING_DOWN: &str = "I'm sorry, I have to end this call now. I've kept what you told me. Please call again. Goodbye.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_call_says_goodbye_and_nothing_else_does() {
        for last in [SILENCE_GOODBYE, TIME_UP, TROUBLE, FULL, GOING_DOWN] {
            assert!(last.ends_with("Goodbye."), "{last}");
        }
        for middle in STILL_THERE.iter().chain(&ONE_MOMENT).chain([&RESUMED]) {
            assert!(!middle.contains("oodbye"), "{middle}");
        }
    }
}
