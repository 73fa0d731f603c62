//! The figures of a load.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Ten minutes: what takes longer counts as that.
const LONGEST_US: u64 = 600_000_000;

/// What a load saw.
#[derive(Debug, Clone)]
pub struct Report {
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// Messages by the status they were answered with; in a batch, each item's own.
    pub statuses: BTreeMap<u16, u64>,
    /// Messages whose answer never came (each time it did not).
    pub unanswered: u64,
    /// Messages that were refused with 503 or 507, but not told when to come back.
    pub without_retry_after: u64,
    /// Requests' latencies in microseconds. At a fixed rate they count from when the request was due, so that a
    /// service that stalls can not hide the requests it kept from being sent.
    pub latency: Histogram<u64>,
}

impl Report {
    pub(super) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order");
        Self {
            elapsed: Duration::ZERO,
            statuses: BTreeMap::new(),
            unanswered: 0,
            without_retry_after: 0,
            latency,
        }
    }

    pub(super) fn took(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        self.latency.saturating_record(micros.clamp(1, LONGEST_US));
    }

    pub(super) fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.unanswered += other.unanswered;
        self.without_retry_after += other.without_retry_after;
        self.latency.add(other.latency).expect("both have the same bounds");
    }

    /// Messages that were answered with 202.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.statuses.get(&202).copied().unwrap_or_default()
    }

    /// 202s per second.
    #[must_use]
    pub fn accepted_per_second(&self) -> f64 {
        let accepted = u32::try_from(self.accepted()).unwrap_or(u32::MAX);
        f64::from(accepted) / self.elapsed.as_secs_f64()
    }

    /// The latency, in milliseconds, that this share of the requests kept (0.99 for p99).
    #[must_use]
    pub fn latency_ms(&self, share: f64) -> f64 {
        let micros = self.latency.value_at_quantile(share);
        f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0
    }

    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let statuses: BTreeMap<_, _> =
            self.statuses.iter().map(|(status, n)| (status.to_string(), n)).collect();
        json!({
            "accepted": self.accepted(),
            "accept_per_s": self.accepted_per_second(),
            "statuses": statuses,
            "unanswered": self.unanswered,
            "p50_accept_ms": self.latency_ms(0.5),
            "p90_accept_ms": self.latency_ms(0.9),
            "p99_accept_ms": self.latency_ms(0.99),
            "p999_accept_ms": self.latency_ms(0.999),
            "max_accept_ms": self.latency_ms(1.0),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, seconds) = (self.accepted(), self.elapsed.as_secs_f64());
        let (per_second, p50, p99) =
            (self.accepted_per_second(), self.latency_ms(0.5), self.latency_ms(0.99));
        write!(
            f,
            "{accepted} accepted in {seconds:.2} s: {per_second:.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms, "
        )?;
        write!(f, "{} unanswered, by status {:?}", self.unanswered, self.statuses)
    }
}
