//! Negative controls: builds that make a known mistake, under the same scenarios. A suite that finds nothing in them
//! would find nothing in the real one either.

use super::figures::Figures;
use super::{Plan, Scenario, run};
use crate::service::Program;
use anyhow::Result;

/// A mistake, and the scenario that must catch it.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// As the sabotaged build knows it.
    pub mistake: &'static str,
    /// Which scenario.
    pub scenario: Scenario,
    /// In how many rounds, at most.
    pub rounds: u64,
    /// The figure that must not be zero: a run that failed for another reason has caught nothing.
    shows: &'static str,
}

/// All of them.
pub const CONTROLS: [Control; 5] = [
    Control::new("synchronous_normal", Scenario::PowerCut, 5, "lost"),
    Control::new("answer_before_commit", Scenario::Kill, 10, "lost"),
    Control::new("dot_before_attempted", Scenario::Kill, 10, "excess"),
    Control::new("assume_delivered", Scenario::SmtpDot, 1, "false"),
    Control::new("cancelled_send", Scenario::SmtpDot, 1, "false"),
];

/// What a start says that finds fewer events than its anchor has seen: what was lost is noticed before the oracle asks.
const NOTICED: &str = "acknowledged events are missing";

impl Control {
    const fn new(mistake: &'static str, scenario: Scenario, rounds: u64, shows: &'static str) -> Self {
        Self { mistake, scenario, rounds, shows }
    }

    /// Whether the figures of its run show the mistake.
    #[must_use]
    pub fn is_caught(&self, figures: &Figures) -> bool {
        let missed = figures.missed().unwrap_or_default();
        !missed.is_empty() && (figures.of(self.shows) > 0 || missed.contains(NOTICED))
    }

    /// Runs its scenario.
    ///
    /// # Errors
    /// When the run itself could not be made.
    pub async fn run(&self, seed: u64) -> Result<Figures> {
        let program = Program::Sabotaged(self.mistake);
        run(self.scenario, &Plan { program, ..Plan::new(self.rounds, seed) }).await
    }
}
