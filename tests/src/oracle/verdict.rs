//! What the oracle found.

use std::fmt;

/// One thing that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The message's id, or its token where it has none.
    pub message: String,
    /// The delivery's ordinal, where it is about one.
    pub delivery: Option<u32>,
    /// What was found.
    pub what: String,
}

impl Finding {
    pub(super) fn new(message: &str, delivery: Option<u32>, what: &str) -> Self {
        Self { message: message.to_owned(), delivery, what: what.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delivery {
            Some(delivery) => write!(f, "{} delivery {delivery}: {}", self.message, self.what),
            None => write!(f, "{}: {}", self.message, self.what),
        }
    }
}

/// What the oracle found in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// Messages in the export.
    pub messages: usize,
    /// Messages that were answered with 202.
    pub accepted: usize,
    /// Deliveries in the export.
    pub deliveries: usize,
    /// Deliveries that have not ended.
    pub open: usize,
    /// Copies at the sinks of known deliveries.
    pub copies: usize,
    /// Attempts that are shown as unknown.
    pub unknown_attempts: usize,
    /// Answered 202 and in no state.
    pub lost: Vec<Finding>,
    /// Shown as delivered though no sink completed a transaction for it.
    pub falsely_delivered: Vec<Finding>,
    /// Sent though never accepted.
    pub phantom: Vec<Finding>,
    /// More copies than one and one for each unknown attempt.
    pub excess: Vec<Finding>,
    /// Accepted by a sink in full, and yet ended as anything but delivered or unknown.
    pub denied: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing was found. Deliveries may still be open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings().next().is_none()
    }

    /// Everything that was found.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        [&self.lost, &self.falsely_delivered, &self.phantom, &self.excess, &self.denied].into_iter().flatten()
    }
}

impl fmt::Display for Verdict {
    /// One line of figures, and one for each of the first findings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, messages, deliveries, open, copies, unknown_attempts, .. } = self;
        write!(
            f,
            "accepted {accepted}, messages {messages}, deliveries {deliveries}, open {open}, copies {copies}, "
        )?;
        write!(f, "unknown attempts {unknown_attempts}; lost {}, ", self.lost.len())?;
        write!(f, "false {}, phantom {}, ", self.falsely_delivered.len(), self.phantom.len())?;
        write!(f, "excess {}, denied {}", self.excess.len(), self.denied.len())?;
        for finding in self.findings().take(20) {
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}
