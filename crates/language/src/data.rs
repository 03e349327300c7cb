//! The words of a language as data: `en/*.toml`, read once, one type a file, and lists of names.
//!
//! Another language is a folder beside `en/` with the same files, and a function beside [`english`].

pub mod agent;
pub mod call;
pub mod emergency;
pub mod facts;
pub mod greeting;
pub mod memory;
pub mod talk;

pub(crate) mod attention;
pub(crate) mod clean;
pub(crate) mod completeness;
pub(crate) mod days;
pub(crate) mod decision;
pub(crate) mod intent;
pub(crate) mod languages;
pub(crate) mod name;
pub(crate) mod names;
pub(crate) mod numbers;
pub(crate) mod question;
pub(crate) mod sentences;
pub(crate) mod telephone;
pub(crate) mod topic;
pub(crate) mod words;

mod fixed;
mod phrases;
mod template;

use std::sync::LazyLock;

use serde::de::DeserializeOwned;

pub use self::fixed::fixed_sentences;
pub use self::phrases::Phrases;
pub use self::template::Template;

/// All words of one language.
#[derive(Debug)]
pub struct Language {
    /// What the built-in agent says.
    pub agent: agent::AgentPhrases,
    /// What a call says by itself, without an agent.
    pub call: call::CallPrompts,
    /// Which number is dialled in an emergency.
    pub emergency: emergency::EmergencyNumbers,
    /// What callers say of themselves, and how it is remembered.
    pub facts: facts::FactWords,
    /// The first sentence of a call.
    pub greeting: greeting::GreetingPhrases,
    /// What a call leaves in memory, in words.
    pub memory: memory::MemoryWords,
    /// What callers answer to what they were asked.
    pub talk: talk::TalkWords,
    pub(crate) attention: attention::AttentionWords,
    pub(crate) clean: clean::CleanWords,
    pub(crate) completeness: completeness::CompletenessWords,
    pub(crate) days: days::DayNames,
    pub(crate) decision: decision::DecisionWords,
    pub(crate) intent: intent::IntentWords,
    pub(crate) languages: languages::LanguageTags,
    pub(crate) name: name::NameWords,
    pub(crate) names: names::Names,
    pub(crate) numbers: numbers::NumberWords,
    pub(crate) question: question::QuestionWords,
    pub(crate) sentences: sentences::SentenceEnds,
    pub(crate) telephone: telephone::TelephoneWords,
    pub(crate) topic: topic::TopicWords,
    pub(crate) words: words::Spelling,
}

/// The files of a folder of a language, in the binary: by their names, without the ending.
macro_rules! language {
    ($folder:literal: $($file:ident),+ $(,)?) => {
        Language {
            $($file: read(
                concat!($folder, "/", stringify!($file), ".toml"),
                include_str!(concat!("../", $folder, "/", stringify!($file), ".toml")),
            ),)+
            names: names::Names {
                given: names::Sorted::of(include_str!(concat!("../", $folder, "/names/given.txt"))),
                family: names::Sorted::of(include_str!(concat!("../", $folder, "/names/family.txt"))),
                words: names::Sorted::of(include_str!(concat!("../", $folder, "/names/words.txt"))),
            },
        }
    };
}

/// English, the only language so far.
pub fn english() -> &'static Language {
    static ENGLISH: LazyLock<Language> = LazyLock::new(|| {
        language!("en": agent, attention, call, clean, completeness, days, decision, emergency, facts, greeting, intent,
            languages, memory, name, numbers, question, sentences, talk, telephone, topic, words)
    });
    &ENGLISH
}

/// A file that is a part of the program: that it can be read is tested, so a fault in it is one of ours.
fn read<T: DeserializeOwned>(name: &str, text: &str) -> T {
    toml::from_str(text).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

#[cfg(test)]
mod tests;
