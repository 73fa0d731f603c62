//! A relay that cannot be used is left alone for a growing while, then asked by one probe at a time, then tried by one
//! delivery.

use postledger_core::outcome::{Outcome, Stage};
use std::time::Duration;

/// Attempts in a row that broke off.
const TOO_MANY: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    Open,
    /// At least until then.
    Shut(Duration),
    Probed,
    Tried,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    standing: Standing,
    waits: i32,
    broken_off: u32,
    answered: Option<Duration>,
}

impl Breaker {
    /// One starts while so many are in flight.
    pub(super) fn starts(&self, in_flight: usize, _now: Duration) -> Result<(), String> {
        match self.standing {
            Standing::Open => Ok(()),
            Standing::Tried if in_flight == 0 => Ok(()),
            Standing::Tried => Err(format!("breaker: a second trial beside {in_flight}")),
            Standing::Shut(_) | Standing::Probed => Err("breaker: a start where nothing gets through".into()),
        }
    }

    /// True if this shuts it.
    pub(super) fn hears(&mut self, outcome: &Outcome, started: Duration, now: Duration) -> bool {
        let is_first = match outcome {
            Outcome::Accepted(_) | Outcome::Transient(_) | Outcome::Permanent(_) => {
                *self = Self { answered: Some(now), ..Self::default() };
                return false;
            }
            // It did not even begin, and nobody else has got through since it started.
            Outcome::NotSent(it) => it.stage <= Stage::Auth && self.answered.is_none_or(|at| at < started),
            Outcome::Unknown(_) => false,
        };
        self.broken_off += 1;
        let is_shut = matches!(self.standing, Standing::Open | Standing::Tried)
            && (is_first || self.broken_off >= TOO_MANY);
        if is_shut {
            self.shut(now);
        }
        is_shut
    }

    pub(super) fn probe_begins(&mut self, now: Duration) -> Result<(), String> {
        match self.standing {
            Standing::Shut(until) if until <= now => {
                self.standing = Standing::Probed;
                Ok(())
            }
            Standing::Shut(until) => Err(format!("breaker: a probe {:?} too early", until - now)),
            Standing::Probed => Err("breaker: a second probe".into()),
            Standing::Open | Standing::Tried => Err("breaker: a probe without need".into()),
        }
    }

    pub(super) fn probe_ends(&mut self, is_good: bool, now: Duration) {
        match (is_good, self.standing) {
            (true, Standing::Probed) => self.standing = Standing::Tried,
            (true, _) => {}
            (false, _) => self.shut(now),
        }
    }

    fn shut(&mut self, now: Duration) {
        let longest = FIRST_WAIT.mul_f64(2_f64.powi(self.waits.min(16))).min(LONGEST_WAIT);
        self.waits += 1;
        self.broken_off = 0;
        // Half of it is chance.
        self.standing = Standing::Shut(now + longest.mul_f64(0.5));
    }
}
