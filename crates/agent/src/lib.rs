//! The built-in agent: it takes a message, learns the name, says goodbye, and takes over where a model fails.
//!
//! | module | holds |
//! | --- | --- |
//! | [`builtin`] | the agent itself; its state is derived from the history, never kept |
//! | `understanding` | what the clauses of a turn are |
//! | `responder` | what is answered |
//! | [`fallback`] | an agent behind an agent |
//! | [`judge`] | how well turns are understood, on a corpus |
//! | [`prompts`] | the fixed sentences of a call, in the agent's voice |

pub mod builtin;
pub mod fallback;
pub mod judge;
pub mod prompts;
mod responder;
mod understanding;
