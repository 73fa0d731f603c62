//! No more than the rate, over any time however short or long.

use std::time::Duration;

/// Starts that may come too early together, in seconds of the rate.
const TOLERANCE: f64 = 0.010;

/// Of `n` starts within `t` seconds, `n <= rate * (t + TOLERANCE) + 1` must hold: for each start, looking back to all
/// before it. The start that makes the difference greatest is the one at which `count - rate * t` was least.
#[derive(Debug)]
pub(super) struct Even {
    rate: Option<f64>,
    count: f64,
    least: f64,
}

impl Even {
    pub(super) const fn new(rate: Option<f64>) -> Self {
        Self { rate, count: 0.0, least: f64::INFINITY }
    }

    pub(super) fn starts(&mut self, now: Duration) -> Result<(), String> {
        let Some(rate) = self.rate else { return Ok(()) };
        let level = self.count - rate * now.as_secs_f64();
        self.least = self.least.min(level);
        self.count += 1.0;
        if level - self.least > rate * TOLERANCE + 1e-6 {
            return Err(format!("rate: {} too many at {rate} a second", level - self.least));
        }
        Ok(())
    }
}
