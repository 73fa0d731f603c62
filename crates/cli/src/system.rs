//! The one place that reads the system's clock and randomness.

use postledger_core::clock::{Clock, Entropy};
use postledger_core::time::Timestamp;
use std::time::SystemTime;

/// The system's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

/// The system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("a system without randomness cannot run this program");
    }
}
