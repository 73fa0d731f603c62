//! The law of the window, per relay and domain: halved by a deferral, one more for a window of acceptances, one after a
//! silence; and in a silence nothing.

use super::super::super::pushback::Pushback;
use std::time::Duration;

const FIRST_SILENCE: Duration = Duration::from_secs(30);
const LONGEST_SILENCE: Duration = Duration::from_secs(600);
/// Who has sent nothing for so long may have changed.
const MEMORY: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// In flight at once; nothing where the relay's connections are the bound.
    most: Option<f64>,
    silences: i32,
    silent_until: Duration,
    idle_since: Duration,
}

impl Window {
    /// One starts while so many are in flight.
    pub(super) fn starts(&mut self, in_flight: usize, now: Duration) -> Result<(), String> {
        if now < self.silent_until {
            return Err(format!("window: a start while {:?} of silence are left", self.silent_until - now));
        }
        if in_flight == 0 && now >= self.idle_since + MEMORY {
            (self.most, self.silences) = (None, 0);
        }
        let Some(most) = self.most else { return Ok(()) };
        let next = u32::try_from(in_flight + 1).expect("few");
        // The sum of many small steps is not exact.
        if f64::from(next) > most.max(1.0) + 1e-9 {
            return Err(format!("window: {next} at once where {most} are allowed"));
        }
        Ok(())
    }

    /// An attempt came to something, itself among those in flight.
    pub(super) fn hears(
        &mut self,
        said: Pushback,
        in_flight: usize,
        connections: usize,
        now: Duration,
        jitter: f64,
    ) {
        let count = |of: usize| f64::from(u32::try_from(of).expect("few"));
        let is_silent = now < self.silent_until;
        match said {
            Pushback::None if is_silent => {}
            Pushback::None => {
                self.silences = 0;
                // One more for a whole window of acceptances, a part of it for each.
                self.most = self.most.map(|most| most + 1.0 / most).filter(|most| *most < count(connections));
            }
            Pushback::Slower => {
                let before = self.most.unwrap_or(f64::INFINITY).min(count(in_flight.min(connections)));
                self.most = Some((before / 2.0).max(1.0));
            }
            Pushback::Park => {
                if !is_silent {
                    let longest =
                        FIRST_SILENCE.mul_f64(2_f64.powi(self.silences.min(16))).min(LONGEST_SILENCE);
                    self.silences += 1;
                    self.silent_until = now + longest.mul_f64(0.5 + 0.5 * jitter);
                }
                self.most = Some(1.0);
            }
        }
    }

    /// One of those in flight has ended.
    pub(super) fn idles(&mut self, now: Duration) {
        self.idle_since = now;
    }
}
