//! The words of a language: what callers mean, what must not be kept, where a sentence ends. Pure, and knows nobody.
//!
//! | module | holds |
//! | --- | --- |
//! | [`words`] | a transcript as normalised words |
//! | [`sentences`] | where a sentence ends |
//! | [`printable`] | text without what hides or marks up |
//! | [`clean`] | what is secret, sensitive, or an instruction |
//! | [`intent`], [`name`], [`question`] | what a caller wants, is called, and was asked |
//! | [`topic`] | what a call is about, in words that may be said |
//! | [`languages`] | names of languages and their tags |

pub mod clean;
pub mod intent;
pub mod languages;
pub mod name;
pub mod printable;
pub mod question;
pub mod sentences;
pub mod topic;
pub mod words;
