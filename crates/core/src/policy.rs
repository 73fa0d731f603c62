//! How a message wants to be delivered.

use crate::name::RouteName;
use crate::outcome::closed_set;
use std::sync::Arc;
use std::time::Duration;

closed_set! {
    /// Urgency, highest first.
    Priority {
        /// Alarms, password resets.
        Critical = "critical",
        /// Receipts.
        High = "high",
        /// The default.
        Normal = "normal",
        /// Digests, newsletters.
        Low = "low",
    }
}

closed_set! {
    /// What follows an attempt whose result is not known.
    OnUnknown {
        /// Try again by the schedule: a second copy is better than none.
        Retry = "retry",
        /// Never again without an operator: no copy is better than two.
        Hold = "hold",
    }
}

/// When to try again after a deferral.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Attempts that count, at most; `None`: as many as fit the lifetime. What was known not sent does not count.
    pub max_attempts: Option<u32>,
    /// Intervals between attempts; the last repeats. Never empty.
    pub schedule: Arc<[Duration]>,
}

/// A prepared message waits for its application's word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prepare {
    /// How long to wait for commit or abort before asking.
    pub commit_within: Duration,
    /// Where to ask.
    pub check_url: Option<String>,
}

/// The policy of a message, fixed at acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Urgency.
    pub priority: Priority,
    /// Retries.
    pub retry: RetryPolicy,
    /// Lifetime from `ready_at`.
    pub expires_after: Duration,
    /// What follows an unknown attempt.
    pub on_unknown: OnUnknown,
    /// The route that the request names; without one, each delivery's is chosen ([`crate::route`]).
    pub route: Option<RouteName>,
    /// Set for a prepared message.
    pub prepare: Option<Prepare>,
}

impl RetryPolicy {
    /// The interval after the `n`-th try (from 0), spread by ±20 % so that what failed together does not
    /// return together. `jitter` is in 0..1.
    pub fn interval(&self, n: u32, jitter: f64) -> Duration {
        let last = self.schedule.len().saturating_sub(1);
        let index = usize::try_from(n).unwrap_or(usize::MAX).min(last);
        let base = self.schedule.get(index).copied().unwrap_or(Duration::from_secs(60));
        base.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
    }
}

/// The schedule for transactional mail: soon at first, hourly at last, for as long as the message lives.
impl Default for RetryPolicy {
    fn default() -> Self {
        let seconds = [10, 30, 60, 120, 300, 600, 1200, 1800, 3600];
        Self { max_attempts: None, schedule: seconds.map(Duration::from_secs).into() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            priority: Priority::Normal,
            retry: RetryPolicy::default(),
            expires_after: Duration::from_secs(24 * 3600),
            on_unknown: OnUnknown::Retry,
            route: None,
            prepare: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_interval_repeats_and_jitter_stays_within_a_fifth() {
        let retry = RetryPolicy { max_attempts: None, schedule: [10, 60].map(Duration::from_secs).into() };
        let table = [(0, 0.5, 10.0), (1, 0.5, 60.0), (99, 0.5, 60.0), (0, 0.0, 8.0), (0, 1.0, 12.0)];
        for (n, jitter, seconds) in table {
            assert!((retry.interval(n, jitter).as_secs_f64() - seconds).abs() < 1e-6, "{n} {jitter}");
        }
    }
}
