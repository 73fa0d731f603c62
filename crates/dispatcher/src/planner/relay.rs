//! Whether a relay is worth trying.
//!
//! Up, until nothing could be sent there; then left alone for a growing while; then one probe (a connection
//! without mail) at a time; then one delivery, whose result opens it for all. A later breaker has the same
//! three states and more reasons.

use super::Now;
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use postledger_core::time::Timestamp;
use std::time::Duration;

/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Transactions in a row that broke off after a good handshake, before the relay counts as down.
const MAX_BROKEN_OFF: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Up,
    /// Left alone until then (monotonic).
    Down {
        until: Duration,
    },
    Probing,
    /// A probe went well; one delivery may try.
    Trial,
}

/// A relay as the planner sees it.
#[derive(Debug)]
pub(crate) struct Relay {
    max_connections: usize,
    /// Gets deliveries.
    is_configured: bool,
    /// Since when it is what it is (monotonic): what was started before says nothing of it.
    since: Duration,
    pub in_flight: usize,
    health: Health,
    /// Waits in a row; none of them was followed by a success.
    waits: u32,
    broken_off: u32,
    /// When a transaction last had an answer (monotonic).
    last_answer: Option<Duration>,
    pub last_trouble: Option<(Timestamp, NotSent)>,
}

impl Relay {
    pub(crate) fn new(max_connections: usize) -> Self {
        Self {
            max_connections: max_connections.max(1),
            is_configured: true,
            since: Duration::ZERO,
            in_flight: 0,
            health: Health::Up,
            waits: 0,
            broken_off: 0,
            last_answer: None,
            last_trouble: None,
        }
    }

    /// Takes over its settings. What is in flight still counts: it occupies the server, if it is the same.
    pub(crate) fn configure(&mut self, max_connections: usize, is_changed: bool, now: Now) {
        self.max_connections = max_connections.max(1);
        if is_changed || !self.is_configured {
            let in_flight = self.in_flight;
            *self = Self { in_flight, since: now.monotonic, ..Self::new(max_connections) };
        }
    }

    /// Gets nothing any more; what is in flight ends.
    pub(crate) fn retire(&mut self) {
        (self.is_configured, self.health) = (false, Health::Up);
    }

    /// Whether deliveries may wait for it.
    pub(crate) fn is_available(&self) -> bool {
        match self.health {
            Health::Up => self.is_configured,
            Health::Trial => self.in_flight == 0,
            Health::Down { .. } | Health::Probing => false,
        }
    }

    pub(crate) fn has_slot(&self) -> bool {
        self.is_available() && self.in_flight < self.max_connections
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_configured && matches!(self.health, Health::Up | Health::Trial)
    }

    /// When it will be tried again (monotonic), while it is left alone.
    pub(crate) const fn retry_at(&self) -> Option<Duration> {
        match self.health {
            Health::Down { until } => Some(until),
            Health::Up | Health::Probing | Health::Trial => None,
        }
    }

    /// True once per wait: a probe is due.
    pub(crate) fn begin_probe(&mut self, now: Now) -> bool {
        let is_due = self.retry_at().is_some_and(|until| until <= now.monotonic);
        if is_due {
            self.health = Health::Probing;
        }
        is_due
    }

    pub(crate) fn handle_probe(
        &mut self,
        result: Result<(), NotSent>,
        started: Duration,
        now: Now,
        jitter: f64,
    ) {
        if !self.is_told_of(started) {
            return;
        }
        match result {
            Ok(()) if self.health == Health::Probing => self.health = Health::Trial,
            Ok(()) => {}
            Err(not_sent) => self.go_down(not_sent, now, jitter),
        }
    }

    /// What an attempt came to that was started at `started` (monotonic).
    pub(crate) fn handle_outcome(&mut self, outcome: &Outcome, started: Duration, now: Now, jitter: f64) {
        if !self.is_told_of(started) {
            return;
        }
        match outcome {
            Outcome::Accepted(_) | Outcome::Transient(_) | Outcome::Permanent(_) => {
                self.last_answer = Some(now.monotonic);
                (self.health, self.waits, self.broken_off) = (Health::Up, 0, 0);
            }
            Outcome::NotSent(not_sent) if says_nothing_of_the_relay(not_sent) => {}
            Outcome::NotSent(not_sent) => {
                self.broken_off += 1;
                // While others get through, a refused connection is one too many, not a relay that is down.
                let is_alone = self.last_answer.is_none_or(|answer| answer < started);
                let is_down = not_sent.stage <= Stage::Auth && is_alone || self.broken_off >= MAX_BROKEN_OFF;
                match self.health {
                    Health::Up | Health::Trial if is_down => self.go_down(not_sent.clone(), now, jitter),
                    Health::Up | Health::Trial | Health::Down { .. } | Health::Probing => {
                        self.last_trouble = Some((now.wall, not_sent.clone()));
                    }
                }
            }
            Outcome::Unknown(trouble) => {
                let not_sent = NotSent { stage: Stage::Dot, trouble: *trouble, reply: None };
                self.broken_off += 1;
                if self.broken_off >= MAX_BROKEN_OFF && self.is_up() && *trouble != Trouble::Interrupted {
                    self.go_down(not_sent, now, jitter);
                } else {
                    self.last_trouble = Some((now.wall, not_sent));
                }
            }
        }
    }

    /// Whether what was started then was started at this relay with these settings.
    fn is_told_of(&self, started: Duration) -> bool {
        self.is_configured && self.since <= started
    }

    fn go_down(&mut self, not_sent: NotSent, now: Now, jitter: f64) {
        let longest = FIRST_WAIT.saturating_mul(1 << self.waits.min(16)).min(LONGEST_WAIT);
        // Half of the wait is chance, so that neither many relays nor many nodes return together.
        let wait = longest.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        self.waits += 1;
        self.broken_off = 0;
        self.health = Health::Down { until: now.monotonic + wait };
        self.last_trouble = Some((now.wall, not_sent));
    }
}

fn says_nothing_of_the_relay(not_sent: &NotSent) -> bool {
    match not_sent.trouble {
        Trouble::Unsupported => super::is_incapable(not_sent),
        Trouble::Withheld | Trouble::Interrupted => true,
        Trouble::Timeout
        | Trouble::Closed
        | Trouble::Reset
        | Trouble::Protocol
        | Trouble::Refused
        | Trouble::Tls
        | Trouble::NotFound => false,
    }
}
