//! Other people's models behind the seams, one file a vendor.
//!
//! | module | holds |
//! | --- | --- |
//! | [`chat`] | summaries by any server that speaks OpenAI's chat completions |

pub mod chat;
