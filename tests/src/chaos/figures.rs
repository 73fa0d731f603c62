//! The one line that a scenario comes to.

use crate::oracle::Verdict;
use std::fmt;

/// A bar of docs/guarantees.md was missed. It says which, and enough to look for the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed(pub String);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missed {}

/// An error that says that a bar was missed.
pub(crate) fn missed(what: impl Into<String>) -> anyhow::Error {
    Missed(what.into()).into()
}

/// More of them would not be read.
const SHOWN: usize = 20;

/// Counts by name, in the order in which they were first heard of.
#[derive(Debug, Clone)]
#[must_use]
pub struct Figures {
    seed: u64,
    counts: Vec<(&'static str, u64)>,
    missed: Vec<String>,
}

impl Figures {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, counts: vec![("rounds", 0)], missed: Vec::new() }
    }

    /// Of a run that is counted in something else than rounds.
    pub(crate) fn counting(what: &'static str, seed: u64) -> Self {
        Self { seed, counts: vec![(what, 0)], missed: Vec::new() }
    }

    /// Remembers a bar that was missed by this error.
    ///
    /// # Errors
    /// The error itself, where it is another.
    pub(crate) fn miss_of(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        match error.downcast::<Missed>() {
            Ok(missed) => {
                self.miss(missed.0);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Adds to a count.
    pub(crate) fn add(&mut self, name: &'static str, count: u64) {
        *self.count(name) += count;
    }

    /// Adds what the oracle found in one life.
    pub(super) fn judged(&mut self, verdict: &Verdict) {
        let Verdict { accepted, deliveries, open, copies, unknown_attempts, .. } = *verdict;
        for (name, count) in [
            ("accepted", accepted),
            ("ended", deliveries - open),
            ("copies", copies),
            ("unknown", unknown_attempts),
            ("lost", verdict.lost.len()),
            ("false", verdict.falsely_delivered.len()),
            ("phantom", verdict.phantom.len()),
            ("excess", verdict.excess.len()),
            ("denied", verdict.denied.len()),
        ] {
            self.add(name, count as u64);
        }
    }

    /// Keeps the greatest.
    pub(super) fn greatest(&mut self, name: &'static str, value: u64) {
        let count = self.count(name);
        *count = value.max(*count);
    }

    /// Remembers a bar that was missed.
    pub(crate) fn miss(&mut self, what: String) {
        self.missed.push(what);
    }

    /// A count; 0 where nothing was counted.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }

    /// The bars that were missed, the first ones a line each.
    #[must_use]
    pub fn missed(&self) -> Option<String> {
        let first = &self.missed[..self.missed.len().min(SHOWN)];
        (!first.is_empty()).then(|| first.join("\n"))
    }

    fn count(&mut self, name: &'static str) -> &mut u64 {
        let place = self.counts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.counts.push((name, 0));
            self.counts.len() - 1
        });
        &mut self.counts[place].1
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, count)) in self.counts.iter().enumerate() {
            write!(f, "{name} {count}, ")?;
            if at == 0 {
                write!(f, "seed {}, ", self.seed)?;
            }
        }
        f.write_str(if self.missed.is_empty() { "clean" } else { "missed" })
    }
}
