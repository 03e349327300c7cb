//! The words of a language: what callers mean, what must not be kept, where a sentence ends. Pure, and knows nobody.
//!
//! | module | holds |
//! | --- | --- |
//! | [`data`] | the word lists, phrases and sentences, in files: `en/*.toml` |
//! | [`words`] | a transcript as normalised words |
//! | [`sentences`] | where a sentence ends |
//! | [`printable`] | text without what hides or marks up |
//! | [`clean`] | what is secret, sensitive, or an instruction |
//! | [`intent`], [`name`], [`question`] | what a caller wants, is called, and was asked |
//! | [`attention`], [`completeness`] | whose turn it is: sounds of attention, whether a pause is an end |
//! | [`numbers`], [`days`] | numbers, weekdays and months in words |
//! | [`telephone`] | which digits are a telephone number |
//! | [`topic`] | what a call is about, in words that may be said |
//! | [`languages`] | names of languages and their tags |

pub mod attention;
pub mod clauses;
pub mod clean;
pub mod completeness;
pub mod data;
pub mod days;
pub mod decision;
pub mod intent;
pub mod languages;
pub mod meaning;
pub mod name;
pub mod numbers;
pub mod printable;
pub mod question;
pub mod sentences;
pub mod telephone;
pub mod topic;
pub mod words;
