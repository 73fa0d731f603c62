//! What goes to stdout: tables for people, JSON for programs.

use crate::args::Output;
use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::Write;

/// Writes one JSON document, or what `table` makes for people.
///
/// # Errors
/// stdout cannot be written.
pub fn write<T: Serialize>(output: Output, value: &T, table: impl FnOnce(&T) -> String) -> Result<()> {
    match output {
        Output::Json => line(&serde_json::to_string(value)?),
        Output::Table => line(&table(value)),
    }
}

/// Writes one line. A reader that has seen enough (`| head`) is no error.
///
/// # Errors
/// stdout cannot be written.
pub fn line(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// Talk for people, on stderr.
#[expect(clippy::print_stderr, reason = "stderr is talk")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// `text`, or its beginning with an ellipsis where it has more than `width` characters.
pub fn clipped(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// A table without frames: columns under a line of names.
pub fn table(names: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(names.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
