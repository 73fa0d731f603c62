//! So many starts a second, evenly: the generic cell rate algorithm (ITU-T I.371) with a small tolerance.

use std::time::Duration;

/// Starts may come so much too early together: timers are no finer than a millisecond.
const TOLERANCE: Duration = Duration::from_millis(10);

/// A rate, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    interval: Duration,
    /// When the next start would be due at an even pace (monotonic).
    next: Duration,
}

impl Pace {
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.filter(|rate| *rate > 0.0).map(|rate| 1.0 / rate);
        Self { interval: interval.map_or(Duration::ZERO, Duration::from_secs_f64), next: Duration::ZERO }
    }

    /// Another rate, after the same past.
    pub(crate) fn with(self, per_second: Option<f64>) -> Self {
        Self { next: self.next, ..Self::new(per_second) }
    }

    /// When the next may start.
    pub(crate) fn opens_at(&self) -> Duration {
        if self.interval.is_zero() { Duration::ZERO } else { self.next.saturating_sub(TOLERANCE) }
    }

    /// From when on it is as if there had been no start.
    pub(crate) const fn idle_at(&self) -> Duration {
        self.next
    }

    pub(crate) fn take(&mut self, now: Duration) {
        self.next = self.next.max(now) + self.interval;
    }
}
