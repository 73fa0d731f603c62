//! `[log]`: what the service says while it runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the service says while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Where it goes.
    #[schemars(extend("x-restart" = true))]
    pub to: LogTo,
    /// How a line looks.
    #[schemars(extend("x-restart" = true, "x-default" = "text on a terminal, else json"))]
    pub format: Option<LogFormat>,
    /// The least of what is said. The variable `POSTLEDGER_LOG` goes before it, and can tell modules apart.
    pub level: LogLevel,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogTo {
    /// Beside what is meant for people.
    #[default]
    Stderr,
    /// Where some collectors look.
    Stdout,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one object per line.
    Json,
}

/// The least of what is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
