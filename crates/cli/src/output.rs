//! What goes to stdout: tables for people, JSON for programs. Talk goes to stderr.
//!
//! Colours are written always and taken out again where nobody sees them: not a terminal, `NO_COLOR`. JSON never has any.

pub mod paint;
pub mod progress;
mod table;
pub mod time;

pub use table::{Column, table};

use crate::args::Output;
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// Writes one JSON document, or what `people` makes of it.
///
/// # Errors
/// stdout cannot be written.
pub fn write<T: Serialize>(output: Output, value: &T, people: impl FnOnce(&T) -> String) -> Result<()> {
    match output {
        Output::Json => json(value),
        Output::Table => line(&people(value)),
    }
}

/// Writes one JSON document on a line of its own.
///
/// # Errors
/// stdout cannot be written.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    unless_closed(writeln!(io::stdout().lock(), "{}", serde_json::to_string(value)?))
}

/// Writes text for people and a line end.
///
/// # Errors
/// stdout cannot be written.
pub fn line(text: &str) -> Result<()> {
    unless_closed(writeln!(anstream::stdout().lock(), "{text}"))
}

/// A reader that has seen enough (`| head`) is no error: the program ends in silence.
///
/// # Errors
/// stdout cannot be written for any other reason.
pub fn unless_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// Talk for people, on stderr. There may be nobody left to hear it.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A text as a terminal may see it, `-` for null: what others wrote cannot move its cursor.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.replace(char::is_control, " "),
        other => other.to_string(),
    }
}

/// `1 delivery`, `2 deliveries`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
