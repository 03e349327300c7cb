//! An answer of the agent: asked for when the core wants one, and told to it sentence by sentence.

use redial_call::{Act, Cue, Event, ReplyEnd, Turn, TurnId};
use redial_provider::ProviderError;
use redial_provider::agent::{Delta, Prompt, Usage};

use super::CallTask;

impl CallTask {
    /// Asks for an answer to the history so far.
    pub(super) fn think(&mut self, turn: TurnId, cue: Cue) {
        if self.model.is_some() {
            return self.ask_model(turn, cue);
        }
        let (before, history) = (self.summary.text().to_owned(), self.recent_turns());
        self.mind.ask(turn, Prompt { before, history, cue });
    }

    /// The turns that whoever answers is shown; those before are in the summary.
    pub(super) fn recent_turns(&self) -> Vec<Turn> {
        let turns = self.call.history();
        turns[turns.len().saturating_sub(self.parts.max_messages)..].to_vec()
    }

    pub(super) fn on_delta(&mut self, delta: Option<Result<Delta, ProviderError>>) {
        let Some(reply) = &mut self.mind.reply else { return };
        let turn = reply.turn;
        match delta {
            Some(Ok(Delta::Text(text))) => {
                for text in reply.sentences.push(&text) {
                    self.handle(Event::ReplyText { turn, text });
                }
            }
            Some(Ok(Delta::Act(act))) => {
                if act == Act::EndCall {
                    reply.end = ReplyEnd::HangUp;
                }
                // It stands behind the words before it, whole sentence or not.
                self.finish_sentence();
                self.handle(Event::ReplyAct { turn, act });
            }
            Some(Ok(Delta::ToolCall { name, arguments })) => {
                reply.end = ReplyEnd::Tools;
                self.finish_sentence();
                let call = self.tools.request(name, arguments);
                self.handle(Event::ToolCall { turn, call });
            }
            Some(Ok(Delta::Usage(usage))) => count(usage),
            Some(Ok(Delta::End(finish))) => {
                metrics::counter!("redial_replies_total", "end" => finish.as_str()).increment(1);
                let end = reply.end;
                self.finish_sentence();
                self.mind.reply = None;
                self.handle(Event::ReplyDone { turn, end });
            }
            Some(Err(error)) => self.reply_failed(turn, &error),
            None => self.reply_failed(turn, &ProviderError::Other("the answer broke off".into())),
        }
    }

    /// What was said of a sentence is said, whole or not.
    fn finish_sentence(&mut self) {
        let Some(reply) = &mut self.mind.reply else { return };
        let turn = reply.turn;
        if let Some(text) = reply.sentences.finish() {
            self.handle(Event::ReplyText { turn, text });
        }
    }

    /// Half a sentence that was broken off is not said.
    fn reply_failed(&mut self, turn: TurnId, error: &ProviderError) {
        self.mind.reply = None;
        self.provider_failed("agent", error);
        self.handle(Event::ReplyFailed { turn });
    }
}

fn count(usage: Usage) {
    metrics::counter!("redial_tokens_total", "what" => "input").increment(usage.input_tokens);
    metrics::counter!("redial_tokens_total", "what" => "output").increment(usage.output_tokens);
}
