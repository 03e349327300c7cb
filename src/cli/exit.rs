//! How commands end.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::operations::OperationError;
use crate::simulate::SimulateError;

/// How a command ends: every exit code that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It is done; the answer is yes.
    Done,
    /// It failed; the answer is no.
    Failed,
    /// `caller forget` found nothing to erase.
    NothingHeld,
    /// The command line or the configuration is wrong (`EX_USAGE` of sysexits.h).
    Usage,
    /// What was to be printed cannot be written (`EX_IOERR`).
    NoOutput,
}

impl Exit {
    /// The code that a shell sees.
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::NothingHeld => 2,
            Self::Usage => 64,
            Self::NoOutput => 74,
        }
    }

    /// [`Exit::Done`] for yes, [`Exit::Failed`] for no.
    pub(super) const fn of(answer: bool) -> Self {
        if answer { Self::Done } else { Self::Failed }
    }

    /// How a command ends that fails with this error.
    pub(super) fn after(error: &anyhow::Error) -> Self {
        let invalid = matches!(error.downcast_ref(), Some(OperationError::Invalid(_)));
        let no_url = matches!(error.downcast_ref(), Some(SimulateError::BaseUrl { .. }));
        if invalid || no_url || error.is::<ConfigError>() || error.is::<Usage>() { Self::Usage } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Something else has to be asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_exit_code_as_it_is() {
        let readme = include_str!("../../README.md");
        for (exit, meaning) in [
            (Exit::Done, "done; of a question: yes"),
            (Exit::Failed, "it failed; of a question: no"),
            (Exit::NothingHeld, "`caller forget`: nothing was held of them"),
            (Exit::Usage, "the command line or the configuration is wrong; nothing was begun"),
            (Exit::NoOutput, "what was to be printed cannot be written, as on a full disk"),
        ] {
            let row = format!("| {} | {meaning}", exit.code());
            assert!(readme.contains(&row), "the README lacks this row:\n{row}");
        }
    }

    #[test]
    fn an_error_keeps_its_code_under_a_context() {
        use anyhow::Context as _;
        let wrong = Err::<(), _>(Usage("no".to_owned())).context("while asking").unwrap_err();
        assert_eq!(Exit::after(&wrong), Exit::Usage);
        let faults = Err::<(), _>(ConfigError { faults: Vec::new() }).context("while reading").unwrap_err();
        assert_eq!(Exit::after(&faults), Exit::Usage);
        assert_eq!(Exit::after(&OperationError::NotFound("x".to_owned()).into()), Exit::Failed);
    }
}
