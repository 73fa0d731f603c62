//! One thing that was looked at.

use crate::output::paint;
use serde_json::{Map, Value, json};
use std::fmt;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// Good to know; nothing needs to be done.
    Note,
    /// Mail flows, but somebody should do something about it.
    Warning,
    /// Mail does not flow, or what was accepted is in danger.
    Failure,
}

macro_rules! checks {
    ($($name:ident = $word:literal,)*) => {
        /// What was looked at; each has its section in docs/operations/doctor.md.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Check { $($name,)* }

        impl Check {
            /// All of them, in the order in which they are looked at.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in output and documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

checks! {
    Configuration = "configuration",
    Permissions = "permissions",
    Filesystem = "filesystem",
    Space = "space",
    Sync = "sync",
    Sqlite = "sqlite",
    Service = "service",
    Ledger = "ledger",
    Log = "log",
    Views = "views",
    Clock = "clock",
    TimeSync = "time_sync",
    Backup = "backup",
    Relay = "relay",
    Certificate = "certificate",
    Resolver = "resolver",
    Spf = "spf",
    Dkim = "dkim",
    Dmarc = "dmarc",
}

/// One thing that was looked at, how it is, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// Which one of several: a relay's name, a domain, a file.
    pub subject: Option<String>,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub seen: String,
    /// What to do; every warning and every failure has it.
    pub remedy: Option<String>,
    /// What was seen, for programs.
    pub figures: Map<String, Value>,
    /// What is stored is not what was stored: exit code 5.
    pub is_verification: bool,
}

impl Finding {
    fn new(check: Check, state: State, seen: impl Into<String>, remedy: Option<String>) -> Self {
        let seen = seen.into();
        Self { check, subject: None, state, seen, remedy, figures: Map::new(), is_verification: false }
    }

    /// As it should be.
    pub fn ok(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, State::Ok, seen, None)
    }

    /// Good to know.
    pub fn note(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, State::Note, seen, None)
    }

    /// Something should be done.
    pub fn warning(check: Check, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, State::Warning, seen, Some(remedy.into()))
    }

    /// Something must be done.
    pub fn failure(check: Check, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, State::Failure, seen, Some(remedy.into()))
    }

    /// Which one of several.
    #[must_use]
    pub fn of(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With something that a program may want to know as a number.
    #[must_use]
    pub fn with(mut self, name: &str, figure: impl Into<Value>) -> Self {
        self.figures.insert(name.to_owned(), figure.into());
        self
    }

    /// With advice where nothing has to be done.
    #[must_use]
    pub fn advising(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "check": self.check.as_str(), "subject": self.subject, "state": self.state.as_str(), "seen": self.seen,
            "remedy": self.remedy, "figures": self.figures,
        })
    }
}

impl State {
    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// For people: a line, and a second one with what to do.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject.as_deref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        let state = paint::state(&format!("{:<7}", self.state.as_str()));
        write!(f, "{state}  {:<13}  {subject}{}", self.check.as_str(), self.seen)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n{:24} -> {remedy}", ""),
            None => Ok(()),
        }
    }
}

/// Bytes for people, by powers of 1024.
pub(super) fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let decimals = usize::from(unit > 0 && value < 100.0);
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let table = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (64 << 20, "64.0 MiB"),
            (300 << 30, "300 GiB"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_finding_is_a_line_and_its_remedy_another() {
        let finding = Finding::warning(Check::Space, "2.0 MiB free", "make room").of("data");
        let text = "warning  space          data: 2.0 MiB free\n                         -> make room";
        assert_eq!(console::strip_ansi_codes(&finding.to_string()), text);
    }
}
