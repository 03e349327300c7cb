//! `en/intent.toml`: what callers want of an answering service.

use serde::Deserialize;

use super::phrases::Phrases;

/// The words by which [`Intent`](crate::intent::Intent) tells turns apart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentWords {
    /// Words that carry no message of their own.
    pub(crate) small: Phrases,
    /// Yes, at the beginning of a turn.
    pub(crate) yes: Phrases,
    /// No, at the beginning of a turn.
    pub(crate) no: Phrases,
    /// Yes, wherever in a turn.
    pub(crate) agreement: Phrases,
    /// What turns an agreement round.
    pub(crate) negation: Phrases,
    /// What the recogniser makes of noise (speech without words): "You".
    pub(crate) noise: Phrases,
    /// The caller wanted another number.
    pub(crate) wrong_number: Phrases,
    /// The same, if hardly anything else is said.
    pub(crate) wrong_number_brief: Phrases,
    /// Whether this is a machine.
    pub(crate) robot: Phrases,
    /// Who has answered.
    pub(crate) who_is_this: Phrases,
    /// This call is not to be remembered.
    pub(crate) forget: Phrases,
    /// The caller wants to be called.
    pub(crate) call_back: Phrases,
    /// We are to wait, if little else is said.
    pub(crate) wait: Phrases,
    /// We are to wait, if nothing else is said and one of `wait_word` is.
    pub(crate) wait_alone: Phrases,
    /// See `wait_alone`.
    pub(crate) wait_word: Phrases,
    /// Only a greeting, if nothing else is said and one of `greets` is.
    pub(crate) hello: Phrases,
    /// See `hello`.
    pub(crate) greets: Phrases,
    /// Thanks, if nothing but small words is said.
    pub(crate) thanks: Phrases,
    /// Numbers of the emergency services.
    pub(crate) emergency_numbers: Phrases,
    /// What is said before such a number that is, or is to be, dialled.
    pub(crate) dialling: Phrases,
    /// Somebody is not in danger, whatever else is said.
    pub(crate) no_emergency: Phrases,
    /// Somebody may be in danger.
    pub(crate) emergency: Phrases,
    /// What comes before the remembered name where the caller is somebody else.
    pub(crate) not_called: Phrases,
    /// What is remembered belongs to somebody else.
    pub(crate) not_me: Phrases,
    /// Nothing is to be deleted, whatever else is said.
    pub(crate) keep: Phrases,
    /// All that is remembered is to be deleted.
    pub(crate) erase: Phrases,
    /// The caller ends the call.
    pub(crate) bye: Phrases,
    /// Somebody said goodbye, or is to.
    pub(crate) bye_reported: Phrases,
    /// The caller ends the call, if the turn ends there or goes on with `after_closing`.
    pub(crate) closing: Phrases,
    /// "That's all wrong" and "that is it for the car, but the house…" go on; "that's all for today" does not.
    pub(crate) after_closing: Phrases,
    /// The caller ends the call, in other words.
    pub(crate) goodbye: Phrases,
    /// We are to say it again.
    pub(crate) repeat: Phrases,
    /// The same, if nothing else is said.
    pub(crate) repeat_alone: Phrases,
    /// What of `repeat_alone` asks for nothing by itself.
    pub(crate) polite: Phrases,
    /// A person is wanted.
    pub(crate) human: Phrases,
    /// Who is wanted: with a verb, or nearly alone.
    pub(crate) humans: Phrases,
    /// Who is wanted, only with a verb.
    pub(crate) staff: Phrases,
    /// Verbs that make a wish of `humans` and `staff`, wherever they stand.
    pub(crate) to_talk: Phrases,
    /// Verbs that make a wish of `humans` in a few words.
    pub(crate) to_get: Phrases,
    /// What is known of somebody.
    pub(crate) private: Phrases,
    /// The turn asks, so that `family` and `records` together are about what is known.
    pub(crate) private_asks: Phrases,
    /// Other people.
    pub(crate) family: Phrases,
    /// What is known of them.
    pub(crate) records: Phrases,
    /// What makes a question of a wish.
    pub(crate) asks_to_tell: Phrases,
    /// How a wish begins that has the form of a question.
    pub(crate) wish: Phrases,
    /// How a question begins.
    pub(crate) question: Phrases,
}
