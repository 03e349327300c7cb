//! The audit line: who did what to whose memory, and what came of it.

/// Writes one line under the target `crate::audit`. `subject` is a user id or a pseudonym, never a number.
pub fn note(action: &str, actor: &str, subject: &str, outcome: &str) {
    tracing::info!(target: "redial::audit", action, actor, subject, outcome, "audit");
}

/// How an operation ended, in a word.
pub fn outcome<T>(result: &Result<T, super::OperationError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(super::OperationError::Invalid(_)) => "invalid",
        Err(super::OperationError::NotFound(_)) => "not_found",
        Err(super::OperationError::Conflict(_)) => "conflict",
        Err(super::OperationError::Memory(_) | super::OperationError::Archive(_)) => "failed",
    }
}
