//! Colours for what a word means. [`super::line`] takes them out where they do not belong.

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const UNSURE: Style = AnsiColor::Yellow.on_default();
const UNDERWAY: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

fn with(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A status of a message or a delivery, the kind of an event, or the state of a finding, with or without a reason in brackets.
pub fn state(word: &str) -> String {
    let style = match word.split([' ', ':']).next().unwrap_or_default() {
        "delivered" | "ok" | "up" | "active" => GOOD,
        "failed" | "failure" | "bounced" | "complained" | "down" | "revoked" => BAD,
        "unknown" | "warning" | "held" | "waits" | "partial" | "expired" => UNSURE,
        "deferred" | "sending" | "queued" | "scheduled" | "in_progress" | "prepared" | "next" | "now" => {
            UNDERWAY
        }
        _ => Style::new(),
    };
    with(style, word)
}

/// What matters less: names of columns, dates above times.
pub fn faint(text: &str) -> String {
    with(FAINT, text)
}

/// What matters most: what the text is about.
pub fn strong(text: &str) -> String {
    with(STRONG, text)
}

/// The beginning of an error.
pub fn error(text: &str) -> String {
    with(BAD.bold(), text)
}
