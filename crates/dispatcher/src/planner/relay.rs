//! Whether a relay is worth trying.
//!
//! Up, until nothing could be sent there; then left alone for a growing while; then one probe (a connection
//! without mail) at a time; then one delivery, whose result opens it for all. Seen from outside it is a breaker:
//! closed, open, probing; each change is told once. An operator may open it on purpose, for a drill.

use super::Now;
use super::pace::Pace;
use super::shares::{CLASSES, Shares};
use postledger_core::name::Actor;
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use postledger_core::relay::Breaker;
use postledger_core::time::Timestamp;
use std::time::Duration;

/// The first wait; each further one is twice as long, unless it stayed up for as long as that would be: one that flaps is
/// left alone for longer and longer, one that recovers is as new.
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
    /// Nothing goes there on purpose, until then (monotonic), whatever it is able to do.
    Drilled {
        until: Duration,
    },
}

/// A change of a relay's breaker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub at: Timestamp,
    pub to: Breaker,
    /// Why it opened; `None` for a drill.
    pub cause: Option<NotSent>,
    /// Until when it is open.
    pub until: Timestamp,
    pub by: Actor,
}

/// One start in so many is for the lower classes in which somebody has waited too long for the higher ones.
const AGED_SHARE: u32 = 4;

/// What the planner knows of a relay from the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RelayLimits {
    pub max_connections: usize,
    pub per_second: Option<f64>,
}

/// A relay as the planner sees it.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Connections that a class and those below it may use together.
    caps: [usize; CLASSES],
    in_flight: [usize; CLASSES],
    pace: Pace,
    starts: u32,
    /// Gets deliveries.
    is_configured: bool,
    /// Since when it is what it is (monotonic): what was started before says nothing of it.
    since: Duration,
    health: Health,
    /// When the breaker last changed.
    turned_at: Option<Timestamp>,
    /// Who drills it.
    drilled_by: Option<Actor>,
    /// Changes of the breaker that nobody was told of yet.
    turns: Vec<Turn>,
    /// Since when mail goes there (monotonic).
    up_since: Duration,
    /// Waits in a row; after none of them it stayed up.
    waits: u32,
    broken_off: u32,
    /// When a transaction last had an answer (monotonic).
    last_answer: Option<Duration>,
    pub last_trouble: Option<(Timestamp, NotSent)>,
}

impl Relay {
    pub(crate) fn new(limits: &RelayLimits, shares: Shares) -> Self {
        Self {
            caps: shares.caps(limits.max_connections.max(1)),
            in_flight: [0; CLASSES],
            pace: Pace::new(limits.per_second),
            starts: 0,
            is_configured: true,
            since: Duration::ZERO,
            health: Health::Up,
            turned_at: None,
            drilled_by: None,
            turns: Vec::new(),
            up_since: Duration::ZERO,
            waits: 0,
            broken_off: 0,
            last_answer: None,
            last_trouble: None,
        }
    }

    /// Takes over its settings. What is in flight still counts: it occupies the server, if it is the same.
    pub(crate) fn configure(&mut self, limits: &RelayLimits, shares: Shares, is_changed: bool, now: Now) {
        let fresh = Self::new(limits, shares);
        if is_changed || !self.is_configured {
            self.turn(Health::Up, None, Actor::system(), now);
            let (in_flight, turned_at) = (self.in_flight, self.turned_at);
            let turns = std::mem::take(&mut self.turns);
            let (since, up_since) = (now.monotonic, now.monotonic);
            *self = Self { in_flight, turned_at, turns, since, up_since, ..fresh };
        } else {
            (self.caps, self.pace) = (fresh.caps, self.pace.with(limits.per_second));
        }
    }

    /// Gets nothing any more; what is in flight ends.
    pub(crate) fn retire(&mut self) {
        (self.is_configured, self.health, self.drilled_by) = (false, Health::Up, None);
    }

    /// Whether deliveries may wait for it.
    pub(crate) fn is_available(&self) -> bool {
        match self.health {
            Health::Up => self.is_configured,
            Health::Trial => self.in_flight() == 0,
            Health::Down { .. } | Health::Probing | Health::Drilled { .. } => false,
        }
    }

    /// Whether a delivery of any class may start.
    pub(crate) fn may_start(&self, now: Now) -> bool {
        self.is_available() && self.in_flight() < self.caps[0] && self.pace.opens_at() <= now.monotonic
    }

    /// Whether one of this class may start, given that one may.
    pub(crate) fn has_slot(&self, urgency: usize) -> bool {
        let (in_flight, allowed) = self.used(urgency);
        in_flight < allowed
    }

    /// Attempts that count for this class, and how many of them there may be: of the bounds that a further one
    /// would have to keep, its own and those of the classes above it, the tightest.
    pub(crate) fn used(&self, urgency: usize) -> (usize, usize) {
        let bounds =
            (0..=urgency).map(|class| (self.in_flight[class..].iter().sum::<usize>(), self.caps[class]));
        bounds.min_by_key(|(in_flight, cap)| cap.saturating_sub(*in_flight)).unwrap_or_default()
    }

    /// Attempts at the same time.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.iter().sum()
    }

    /// At most so many.
    pub(crate) const fn max_connections(&self) -> usize {
        self.caps[0]
    }

    /// Whether the next start is for those who have waited too long, and the how many-th of those starts it is.
    pub(crate) fn turn_of_the_aged(&self) -> Option<u32> {
        (self.starts % AGED_SHARE == AGED_SHARE - 1).then_some(self.starts / AGED_SHARE)
    }

    pub(crate) fn handle_start(&mut self, urgency: usize, now: Now) {
        self.in_flight[urgency] += 1;
        self.starts = self.starts.wrapping_add(1);
        self.pace.take(now.monotonic);
    }

    pub(crate) fn handle_end(&mut self, urgency: usize) {
        self.in_flight[urgency] = self.in_flight[urgency].saturating_sub(1);
    }

    /// When its rate allows the next start (monotonic), if not now.
    pub(crate) fn paced_after(&self, now: Now) -> Option<Duration> {
        Some(self.pace.opens_at()).filter(|at| *at > now.monotonic)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_configured && matches!(self.health, Health::Up | Health::Trial)
    }

    /// When it will be tried again, or the drill ends (monotonic), while it is left alone.
    pub(crate) const fn retry_at(&self) -> Option<Duration> {
        match self.health {
            Health::Down { until } | Health::Drilled { until } => Some(until),
            Health::Up | Health::Probing | Health::Trial => None,
        }
    }

    /// As others see it.
    pub(crate) const fn breaker(&self) -> Breaker {
        match self.health {
            Health::Up => Breaker::Closed,
            Health::Down { .. } | Health::Drilled { .. } => Breaker::Open,
            Health::Probing | Health::Trial => Breaker::Probing,
        }
    }

    /// When its breaker last changed, unless it never did.
    pub(crate) const fn turned_at(&self) -> Option<Timestamp> {
        self.turned_at
    }

    /// Who opened its breaker on purpose.
    pub(crate) const fn drilled_by(&self) -> Option<&Actor> {
        self.drilled_by.as_ref()
    }

    /// Changes of its breaker since the last call.
    pub(crate) fn take_turns(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.turns)
    }

    fn turn(&mut self, health: Health, cause: Option<NotSent>, by: Actor, now: Now) {
        let before = self.breaker();
        self.health = health;
        let to = self.breaker();
        if before == to {
            return;
        }
        if to == Breaker::Closed {
            self.up_since = now.monotonic;
        }
        self.turned_at = Some(now.wall);
        let until = self.retry_at().unwrap_or(now.monotonic).saturating_sub(now.monotonic);
        self.turns.push(Turn { at: now.wall, to, cause, until: now.wall.plus(until), by });
    }

    /// Sends nothing there until then (monotonic). False, and nothing changed, unless its breaker is closed.
    pub(crate) fn begin_drill(&mut self, until: Duration, by: Actor, now: Now) -> bool {
        if !self.is_configured || self.health != Health::Up {
            return false;
        }
        self.drilled_by = Some(by.clone());
        self.turn(Health::Drilled { until }, None, by, now);
        true
    }

    /// Ends a drill before its time. False if there is none.
    pub(crate) fn end_drill(&mut self, by: Actor, now: Now) -> bool {
        let is_drilled = self.drilled_by.take().is_some();
        if is_drilled {
            self.turn(Health::Up, None, by, now);
        }
        is_drilled
    }

    /// Ends a drill whose time is over. False if there is none.
    pub(crate) fn pass_drill(&mut self, now: Now) -> bool {
        let is_over = matches!(self.health, Health::Drilled { until } if until <= now.monotonic);
        is_over && self.end_drill(Actor::system(), now)
    }

    /// True once per wait: a probe is due.
    pub(crate) fn begin_probe(&mut self, now: Now) -> bool {
        let is_due = matches!(self.health, Health::Down { until } if until <= now.monotonic);
        if is_due {
            self.turn(Health::Probing, None, Actor::system(), now);
        }
        is_due
    }

    pub(crate) fn handle_probe(&mut self, result: Result<(), NotSent>, now: Now, jitter: f64) {
        match result {
            Ok(()) if self.health == Health::Probing => self.health = Health::Trial,
            Err(not_sent) if self.health == Health::Probing => self.go_down(not_sent, now, jitter),
            // A delivery that was in flight all the time, or an operator, has settled it.
            Ok(()) | Err(_) => {}
        }
    }

    /// What an attempt came to that was started at `started` (monotonic).
    pub(crate) fn handle_outcome(&mut self, outcome: &Outcome, started: Duration, now: Now, jitter: f64) {
        match outcome {
            Outcome::Accepted(_) | Outcome::Transient(_) | Outcome::Permanent(_) => {
                (self.last_answer, self.broken_off) = (Some(now.monotonic), 0);
                if self.drilled_by.is_none() {
                    self.turn(Health::Up, None, Actor::system(), now);
                }
            }
            Outcome::NotSent(not_sent) if says_nothing_of_the_relay(not_sent) => {}
            Outcome::NotSent(not_sent) => {
                self.broken_off += 1;
                // While others get through, a refused connection is one too many, not a relay that is down.
                let is_alone = self.last_answer.is_none_or(|answer| answer < started);
                let is_down = not_sent.stage <= Stage::Auth && is_alone || self.broken_off >= MAX_BROKEN_OFF;
                match self.health {
                    Health::Up | Health::Trial if is_down => self.go_down(not_sent.clone(), now, jitter),
                    Health::Up
                    | Health::Trial
                    | Health::Down { .. }
                    | Health::Probing
                    | Health::Drilled { .. } => {
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
    pub(crate) fn is_told_of(&self, started: Duration) -> bool {
        self.is_configured && self.since <= started
    }

    fn go_down(&mut self, not_sent: NotSent, now: Now, jitter: f64) {
        let wait = |waits: u32| FIRST_WAIT.saturating_mul(1 << waits.min(16)).min(LONGEST_WAIT);
        if self.health == Health::Up && now.monotonic.saturating_sub(self.up_since) >= wait(self.waits) {
            self.waits = 0;
        }
        let longest = wait(self.waits);
        // Half of the wait is chance, so that neither many relays nor many nodes return together.
        let wait = longest.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        self.waits += 1;
        self.broken_off = 0;
        self.last_trouble = Some((now.wall, not_sent.clone()));
        self.turn(Health::Down { until: now.monotonic + wait }, Some(not_sent), Actor::system(), now);
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
        | Trouble::NotFound
        | Trouble::SourceAddress
        | Trouble::ProxyUnreachable
        | Trouble::ProxyTimeout
        | Trouble::ProxyRefused
        | Trouble::ProxyFailed
        | Trouble::ProxyProtocol => false,
    }
}
