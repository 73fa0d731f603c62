//! What was found wrong, field by field.

use crate::problem::{FieldError, MAX_ERRORS};
use std::ops::RangeInclusive;

/// Findings so far; those past the thirty-second are not kept.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub Vec<FieldError>);

impl Findings {
    pub fn add(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            let (field, detail) = (field.into(), detail.into());
            self.0.push(FieldError { field, code, detail });
        }
    }

    /// A text of one line: `length` characters, none of them a control character. False if it is not.
    pub fn line(&mut self, field: &str, text: &str, length: RangeInclusive<usize>) -> bool {
        if text.chars().any(char::is_control) {
            self.add(field, "control_character", "no CR, LF, NUL or other control characters may stand here");
        } else if !length.contains(&text.chars().count()) {
            let (least, most) = (length.start(), length.end());
            self.add(field, "length", format!("{least} to {most} characters may stand here"));
        } else {
            return true;
        }
        false
    }
}
