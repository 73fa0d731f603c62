//! What is wrong with a configuration: all of it, each where it stands.

use std::fmt;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of the file, from 1.
    File {
        /// The line.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// An option of the command line.
    Option(&'static str),
    /// It stands nowhere.
    Default,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands, if it stands anywhere.
    pub origin: Origin,
    /// What is wrong. Never holds the value itself: it may be a secret in the wrong place.
    pub what: String,
}

/// All mistakes of a configuration, where there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// The file's name, for the text.
    pub file: Option<String>,
    /// The mistakes.
    pub list: Vec<Problem>,
}

impl Problems {
    /// One more.
    pub fn add(&mut self, origin: Origin, what: impl Into<String>) {
        self.list.push(Problem { origin, what: what.into() });
    }
}

/// One on a line of its own; several under a line with their number, in the order in which they stand.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = self.list.clone();
        list.sort();
        list.dedup();
        let file = self.file.as_deref().unwrap_or("the configuration");
        if let [Problem { origin, what }] = &list[..] {
            return match origin {
                Origin::Variable(_) | Origin::Option(_) => write!(f, "{origin}: {what}"),
                Origin::File { .. } => write!(f, "{file}: {origin}: {what}"),
                Origin::Default => write!(f, "{file}: {what}"),
            };
        }
        write!(f, "{file}: {} mistakes", list.len())?;
        for Problem { origin, what } in &list {
            match origin {
                Origin::Default => write!(f, "\n  {what}")?,
                _ => write!(f, "\n  {origin}: {what}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "line {line}, column {column}"),
            Self::Variable(name) => f.write_str(name),
            Self::Option(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}
