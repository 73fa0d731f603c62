//! What failed together must not come back together.

use std::time::Duration;

const BINS: usize = 8;
/// Fewer waits show nothing.
const ENOUGH: u64 = 800;

/// Waits after deferrals, by their place between 0.8 and 1.2 of what the schedule says.
#[derive(Debug, Default, Clone, Copy)]
pub(in super::super) struct Spread {
    bins: [u64; BINS],
}

impl Spread {
    pub(super) fn add(&mut self, wait: Duration, nominal: Duration) {
        let place = (wait.as_secs_f64() / nominal.as_secs_f64() - 0.8) / 0.4;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 8, and few")]
        let bin = (place.max(0.0) * BINS as f64) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
    }

    /// Adds up two.
    pub(in super::super) fn join(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(other.bins) {
            *bin += more;
        }
    }

    /// An eighth of the time holds no more than twice its share of all waits, and no less than a third of it.
    pub(in super::super) fn judge(&self) -> Result<(), String> {
        let all: u64 = self.bins.iter().sum();
        let share = all / BINS as u64;
        let is_even = |bin: &u64| (share / 3..=2 * share).contains(bin);
        if all < ENOUGH || self.bins.iter().all(is_even) {
            Ok(())
        } else {
            Err(format!("spread: {all} waits fall as {:?}", self.bins))
        }
    }
}
