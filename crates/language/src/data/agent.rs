//! `en/agent.toml`: what the built-in agent says, and its fixed sentences.

use serde::Deserialize;

use super::call::CallPrompts;
use super::phrases::Phrases;
use super::template::Template;

/// What the built-in agent says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentPhrases {
    /// The first words after the stream of a call broke and came back.
    pub resumed: String,
    /// The same when the caller's last words are about to be answered.
    pub resumed_answer_follows: String,
    /// Said by the carrier's own voice when a call that was answered cannot go on.
    pub cannot_go_on: String,
    /// Somebody may be in danger; the `{number}` to dial.
    pub emergency: Template,
    /// The caller wanted another number.
    pub wrong_number: String,
    /// What is remembered is another's.
    pub not_me: String,
    /// Whether this is a machine.
    pub robot: String,
    /// Who has answered.
    pub who_is_this: String,
    /// The caller wants to wait.
    pub take_your_time: String,
    /// To a greeting, each time another one.
    pub here: Phrases,
    /// A person is wanted.
    pub human: String,
    /// The caller gives orders to the machine.
    pub command: String,
    /// What the name is for; before the question for it.
    pub why_name: String,
    /// A question that cannot be answered here.
    pub not_known: String,
    /// Another language is spoken, or wanted.
    pub other_language: String,
    /// The number will be kept apart from whoever is remembered under it.
    pub parts: String,
    /// It will not be.
    pub parts_nothing: String,
    /// The call may be remembered after all.
    pub remembers_after_all: String,
    /// All will be deleted.
    pub erases: String,
    /// Nothing will be.
    pub erases_nothing: String,
    /// Understood.
    pub all_right: String,
    /// Something was refused.
    pub that_is_all_right: String,
    /// Agreed.
    pub of_course: String,
    /// It is not about what the greeting guessed.
    pub other_topic: String,
    /// It is.
    pub right_topic: String,
    /// The caller gives no number.
    pub number_known: String,
    /// The message is awaited.
    pub listening: String,
    /// Something was given.
    pub thanks: String,
    /// A `{name}` was confirmed.
    pub thanks_name: Template,
    /// The caller does not want to be remembered.
    pub remembers_nothing: String,
    /// A name was not understood.
    pub name_misheard: String,
    /// A number was not understood.
    pub sorry: String,
    /// The first message is there, about a `{topic}`.
    pub noted_topic: Template,
    /// The first message is there.
    pub noted: String,
    /// A further one is.
    pub added: String,
    /// The caller wants to be called.
    pub call_back: String,
    /// What is known is not said.
    pub private: String,
    /// Nothing was understood.
    pub not_caught: String,
    /// Nothing was understood a second time.
    pub not_caught_again: String,
    /// Nothing is understood any more; before the goodbye.
    pub bad_line: String,
    /// Before the offer to end.
    pub trouble_understanding: String,
    /// Behind it, with a message.
    pub have_message: String,
    /// Behind it, without one.
    pub can_note_call: String,
    /// What becomes of the call, before a goodbye: a person is wanted, or somebody is in danger.
    pub passes_on_urgent: String,
    /// The same: a call is wanted.
    pub passes_on_call_back: String,
    /// The same: there is a message, and a call is wanted.
    pub passes_on_both: String,
    /// The same: there is a message.
    pub passes_on: String,
    /// Before a goodbye.
    pub thanks_for_calling: String,
    /// The same, by `{name}`.
    pub thanks_for_calling_name: Template,
    /// The last word.
    pub goodbye: String,
    /// What a sentence says, in lower case, that is not said again when the caller asks what was said.
    pub goodbye_word: String,
    /// A number is read back: its `{digits}`.
    pub reads_number: Template,
    /// The question for the reason, in the middle of a call.
    pub what_about: String,
    /// The caller wants to be called on another number.
    pub other_numbers: Phrases,
    /// What the call says by itself, in the agent's voice.
    pub prompts: CallPrompts,
}
