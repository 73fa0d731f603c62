//! `[log]`: what the service says while it runs.

use serde::{Deserialize, Serialize};

/// `[log]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Where it goes.
    pub to: LogTo,
    /// How a line looks. Without it: text on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// What is not said any more. `POSTLEDGER_LOG` goes before it, and can tell modules apart.
    pub level: LogLevel,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTo {
    /// Beside what is meant for people.
    #[default]
    Stderr,
    /// Where some collectors look.
    Stdout,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one object per line.
    Json,
}

/// The least of what is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What somebody must look at.
    Error,
    /// What somebody may have to look at.
    Warn,
    /// Starts, stops and requests.
    #[default]
    Info,
    /// For looking into one thing.
    Debug,
    /// Everything.
    Trace,
}
