//! Exit codes, fixed by the contract.

use crate::output::{self, paint};
use std::fmt;
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// The state of the thing does not allow it.
    Refused = 4,
    /// What was verified is not what it should be.
    Verification = 5,
    /// The service does not answer.
    Unreachable = 6,
}

/// An error that knows its exit code. Wrap or attach it with `anyhow`.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to tell the person.
    pub message: String,
}

impl Failure {
    /// An error with its exit code.
    #[expect(clippy::new_ret_no_self, reason = "it is only ever used as an error of anyhow")]
    pub fn new(exit: Exit, message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { exit, message: message.into() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Prints the error with its causes on stderr and gives its exit code; `Failed` where it names none.
pub fn report(error: &anyhow::Error) -> ExitCode {
    output::say(&format!("{} {error:#}", paint::error("error:")));
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    failure.map_or(Exit::Failed, |failure| failure.exit).into()
}
