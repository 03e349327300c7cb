//! What callers say of themselves and is likely to hold in the next call: taken from their own words, by rules.
//!
//! Two steps. Something proposes a [`Draft`]: the rules here, or a model. Then [`admit`] decides, for any of them alike: a
//! fact needs a spoken turn of this caller in this call behind it, and never is a secret or an order to the machine.

mod draft;
mod limits;
mod rules;
pub(crate) mod settle;

use redial_call::{Role, Turn, Via};
use redial_language::data::english;
use redial_language::printable::printable;
use redial_language::words::Words;
use redial_language::{clean, days, numbers, sentences};

pub use self::draft::Draft;
pub use self::limits::is_key;
pub use self::limits::{MAX_KEY_CHARS, MAX_TEXT_CHARS};
use crate::kept::kept_words;
use crate::model::{Class, Fact, SessionDoc};
use crate::session_id::SessionId;
use crate::source::{session_of, time_of};

/// Facts that one call may leave, so that no call can push out what others told.
pub const MAX_FACTS_A_CALL: usize = 10;

/// So many digits in a row name something that should stay between two: an account, a policy, a meter.
const ACCOUNT_DIGITS: usize = 5;
const DAY_MS: u64 = 86_400_000;

/// Why a draft is no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The key is not 1 to [`MAX_KEY_CHARS`] of `a-z0-9_.`.
    Key,
    /// The text has nothing printable, or more than [`MAX_TEXT_CHARS`] characters.
    Text,
    /// The turn is not one that this caller spoke in this call.
    Turn,
    /// The turn shares no word with the text, or nothing of it may be kept.
    Unsupported,
    /// The text is a password, a code, a card number or a mail address.
    Secret,
    /// The text talks to the machine's rules.
    Instruction,
}

impl Refusal {
    /// The reason as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Text => "text",
            Self::Turn => "turn",
            Self::Unsupported => "unsupported",
            Self::Secret => "secret",
            Self::Instruction => "instruction",
        }
    }
}

/// What became of many drafts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admitted {
    /// The facts, settled, at most [`MAX_FACTS_A_CALL`].
    pub facts: Vec<Fact>,
    /// One reason a refused draft, to be counted.
    pub refused: Vec<Refusal>,
}

/// The facts of a finished call, by rules alone. The same session always gives the same facts.
pub fn of_session(session: &SessionDoc) -> Vec<Fact> {
    let evidence = Evidence::of(session);
    admit_with(&evidence, &rules::drafts(&evidence.turns, &evidence.kept)).facts
}

/// The fact that `draft` is, with its class, time and receipt.
///
/// # Errors
/// When it may not be remembered; see [`Refusal`].
pub fn admit(draft: &Draft, session: &SessionDoc) -> Result<Fact, Refusal> {
    Evidence::of(session).admit(draft)
}

/// Admits many drafts of one call.
pub fn admit_all(drafts: &[Draft], session: &SessionDoc) -> Admitted {
    admit_with(&Evidence::of(session), drafts)
}

fn admit_with(evidence: &Evidence<'_>, drafts: &[Draft]) -> Admitted {
    let mut admitted = Admitted::default();
    for draft in drafts {
        match evidence.admit(draft) {
            Ok(fact) => admitted.facts.push(fact),
            Err(refusal) => admitted.refused.push(refusal),
        }
    }
    admitted.facts = settle::settle(admitted.facts);
    while admitted.facts.len() > MAX_FACTS_A_CALL {
        let least = admitted.facts.iter().enumerate().min_by_key(|(_, fact)| settle::worth(fact)).map(|(at, _)| at);
        admitted.facts.remove(least.expect("there are more than ten"));
    }
    admitted
}

/// `facts` without what only the call `session_id` told, and without counting that call for the others.
pub(super) fn withdrawn(facts: Vec<Fact>, session_id: &SessionId) -> Vec<Fact> {
    let receipt = receipt(session_id);
    let without = |mut fact: Fact| {
        if fact.by.remove(&receipt) {
            fact.seen = fact.seen.saturating_sub(1);
        }
        (session_of(&fact.src) != session_id.as_str() || !fact.by.is_empty()).then_some(fact)
    };
    facts.into_iter().filter_map(without).collect()
}

/// Whether a fact that is bound to a day ("visit on Friday") is over at `now` (Unix ms): a day of the week after 8 days, or
/// 15 for "next Friday"; a day of the year after 60.
pub(crate) fn is_over(fact: &Fact, now: u64) -> bool {
    if !(fact.k.ends_with(".date") || fact.k == rules::CALL_BACK_KEY) {
        return false;
    }
    let words = Words::of(&fact.t);
    let weekday = words.iter().any(|word| days::weekday(word).is_some());
    let days = match (weekday, words.has("next")) {
        (true, false) => 8,
        (true, true) => 15,
        (false, _) => 60,
    };
    now.saturating_sub(fact.at) > days * DAY_MS
}

fn receipt(session_id: &SessionId) -> u32 {
    crc32fast::hash(session_id.as_str().as_bytes())
}

/// A call, read for what may be kept of it.
struct Evidence<'a> {
    session: &'a SessionDoc,
    turns: Vec<Turn>,
    /// For each turn, the words of it that may be stored.
    kept: Vec<String>,
}

impl<'a> Evidence<'a> {
    fn of(session: &'a SessionDoc) -> Self {
        let turns: Vec<Turn> = session.conversation_history.iter().map(|message| message.turn.clone()).collect();
        let kept = kept_words(&turns);
        Self { session, turns, kept }
    }

    fn admit(&self, draft: &Draft) -> Result<Fact, Refusal> {
        if !is_key(&draft.k) {
            return Err(Refusal::Key);
        }
        let t = printable(&draft.t);
        if t.is_empty() || t.chars().count() > MAX_TEXT_CHARS {
            return Err(Refusal::Text);
        }
        let words = Words::of(&t);
        // The key is read too: "ignore_rules" is no topic, and whatever stands under "password" is one.
        let topic = draft.k.replace(['.', '_'], " ");
        if clean::is_secret(&words, &t) || clean::mentions_secret(&Words::of(&topic)) {
            return Err(Refusal::Secret);
        }
        if clean::is_instruction(&words, &t) || clean::is_instruction(&Words::of(&topic), &topic) {
            return Err(Refusal::Instruction);
        }
        let spoken = |turn: &Turn| turn.id == draft.turn && turn.role == Role::Caller && turn.via == Via::Voice;
        let at = self.turns.iter().position(spoken).ok_or(Refusal::Turn)?;
        let support: Vec<Words> = sentences::split(&self.kept[at])
            .iter()
            .map(|sentence| Words::of(sentence))
            .filter(|sentence| shares_word(sentence, &words))
            .collect();
        if support.is_empty() {
            return Err(Refusal::Unsupported);
        }
        let session_id = &self.session.session_id;
        let at = time_of(self.session, &self.turns, draft.turn);
        Ok(Fact {
            cls: class(&draft.k, &words, &support),
            k: draft.k.clone(),
            t,
            conf: draft.conf,
            src: format!("{session_id}#{}", draft.turn.0),
            at,
            until: draft.closes.then_some(at),
            seen: 1,
            by: [receipt(session_id)].into(),
        })
    }
}

/// Sensitive is what the fact says, what it is about, and what was said in one breath with it.
fn class(key: &str, words: &Words, support: &[Words]) -> Class {
    let lists = &english().facts;
    let topic = key.split(['.', '_']).any(|part| lists.sensitive_topics.has(part));
    let number = numbers::digit_runs(words).iter().any(|run| run.len() >= ACCOUNT_DIGITS);
    let sensitive = topic
        || number
        || words.says_any(&lists.sensitive_phrases)
        || clean::is_sensitive(words)
        || support.iter().any(clean::is_sensitive);
    if sensitive { Class::Sensitive } else { Class::Ordinary }
}

fn shares_word(said: &Words, fact: &Words) -> bool {
    let content = |word: &&str| {
        let number = word.bytes().all(|b| b.is_ascii_digit());
        number || (word.chars().count() >= 3 && !english().facts.empty.has(word))
    };
    fact.iter().filter(content).any(|word| said.iter().filter(content).any(|other| stem(other) == stem(word)))
}

/// Without the endings of a plural and of a participle: "texting" and "texts" are about a text.
fn stem(word: &str) -> &str {
    let one = word.strip_suffix('s').unwrap_or(word);
    match one.strip_suffix("ing").unwrap_or(one) {
        "email" => "mail", // also said as "e-mail", which is two words
        stem if stem.chars().count() >= 3 => stem,
        _ => word,
    }
}

#[cfg(test)]
mod tests;
