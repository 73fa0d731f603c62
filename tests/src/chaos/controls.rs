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
}

/// All of them.
pub const CONTROLS: [Control; 5] = [
    Control { mistake: "synchronous_normal", scenario: Scenario::PowerCut, rounds: 5 },
    Control { mistake: "answer_before_commit", scenario: Scenario::Kill, rounds: 10 },
    Control { mistake: "dot_before_attempted", scenario: Scenario::Kill, rounds: 10 },
    Control { mistake: "assume_delivered", scenario: Scenario::SmtpDot, rounds: 1 },
    Control { mistake: "cancelled_send", scenario: Scenario::SmtpDot, rounds: 1 },
];

impl Control {
    /// Runs its scenario. The figures must say that a bar was missed.
    ///
    /// # Errors
    /// When the run itself could not be made.
    pub async fn run(&self, seed: u64) -> Result<Figures> {
        let program = Program::Sabotaged(self.mistake);
        run(self.scenario, &Plan { program, ..Plan::new(self.rounds, seed) }).await
    }
}
