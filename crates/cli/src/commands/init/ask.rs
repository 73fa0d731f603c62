//! Questions on the terminal: on stderr, each with a default, each asked again until its answer is right.

use crate::config::Secret;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use inquire::validator::Validation;
use inquire::{InquireError, Password, PasswordDisplayMode, Text};
use std::io::IsTerminal;

/// A terminal with somebody at it.
#[derive(Debug)]
pub struct Asking(());

impl Asking {
    /// `None` where nobody can be asked.
    pub fn new() -> Option<Self> {
        (std::io::stdin().is_terminal() && std::io::stderr().is_terminal()).then_some(Self(()))
    }

    /// A line.
    ///
    /// # Errors
    /// With exit code 2 if there is no answer.
    pub fn text(
        &self,
        question: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<(), String> + Clone,
    ) -> Result<String> {
        let check = move |text: &str| {
            Ok(match check(text) {
                Ok(()) => Validation::Valid,
                Err(what) => Validation::Invalid(what.into()),
            })
        };
        let question = format!("{question}:");
        let question = Text { default, ..Text::new(&question) };
        question.with_validator(check).prompt().map(|text| text.trim().to_owned()).map_err(unanswered)
    }

    /// A line that is not shown.
    ///
    /// # Errors
    /// With exit code 2 if there is no answer.
    pub fn secret(&self, question: &str) -> Result<Secret> {
        let check = |text: &str| {
            Ok(match text.is_empty() {
                false => Validation::Valid,
                true => Validation::Invalid("the login needs a password".into()),
            })
        };
        let question = format!("{question}:");
        let question = Password::new(&question)
            .with_display_mode(PasswordDisplayMode::Masked)
            .without_confirmation()
            .with_validator(check);
        question.prompt().map(Secret::new).map_err(unanswered)
    }
}

fn unanswered(error: InquireError) -> anyhow::Error {
    let what = match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            "ended without an answer".to_owned()
        }
        other => other.to_string(),
    };
    Failure::new(Exit::Usage, format!("{what}; nothing was written"))
}
