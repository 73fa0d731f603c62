//! How much mail a recipient domain takes over one relay: a concurrency window and a pace for each pair.
//!
//! A domain without trouble has no window: the relay's connections are the bound. A deferral that is about the
//! domain halves what is in flight there (multiplicative decrease), each acceptance gives a share of one back
//! (additive increase), and once all connections are allowed the window is forgotten. A push-back that asks for
//! silence parks the destination for a growing while, and it begins again with one. Only pairs that carry mail
//! or are restricted are kept.

use super::class::DomainIndex;
use super::entry::RelayIndex;
use super::pace::Pace;
use super::pushback::Pushback;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The first silence; each further one is twice as long.
const FIRST_PARK: Duration = Duration::from_secs(30);
const LONGEST_PARK: Duration = Duration::from_secs(600);
/// A restriction is forgotten so long after the last mail.
const MEMORY: Duration = Duration::from_secs(600);

/// A relay and a recipient domain.
pub(crate) type Key = (RelayIndex, DomainIndex);

/// What the operator allows a domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// In flight at the same time.
    pub max_connections: usize,
    pub per_second: Option<f64>,
}

impl Allowance {
    pub(crate) const UNLIMITED: Self = Self { max_connections: usize::MAX, per_second: None };
}

/// How one destination stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination {
    in_flight: usize,
    /// In flight at the same time, where less than everything is allowed.
    window: Option<f64>,
    /// Silences in a row.
    parks: u32,
    parked_until: Duration,
    idle_since: Duration,
    pace: Pace,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    known: HashMap<Key, Destination>,
    /// When one that is closed opens, or one that is restricted may be forgotten (monotonic).
    timers: BTreeSet<(Duration, Key)>,
}

impl Destination {
    fn new(allowance: Allowance) -> Self {
        Self {
            in_flight: 0,
            window: None,
            parks: 0,
            parked_until: Duration::ZERO,
            idle_since: Duration::ZERO,
            pace: Pace::new(allowance.per_second),
        }
    }

    /// When the next may start as far as time goes.
    pub(crate) fn opens_at(&self) -> Duration {
        self.parked_until.max(self.pace.opens_at())
    }

    pub(crate) const fn is_parked(&self, now: Duration) -> bool {
        self.parked_until.as_nanos() > now.as_nanos()
    }

    /// In flight at the same time, at most.
    fn allowed(&self, allowance: Allowance) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1, and few")]
        let window = self.window.map(|window| window.max(1.0) as usize);
        window.map_or(allowance.max_connections, |window| window.min(allowance.max_connections))
    }

    /// From when on there is nothing worth knowing, if no more mail comes.
    fn forgettable_at(&self) -> Duration {
        let is_restricted = self.window.is_some() || self.parks > 0;
        let memory = if is_restricted { self.idle_since + MEMORY } else { Duration::ZERO };
        memory.max(self.parked_until).max(self.pace.idle_at())
    }
}

impl Destinations {
    pub(crate) fn of(&self, key: Key) -> Option<&Destination> {
        self.known.get(&key)
    }

    /// Whether another delivery may start there.
    pub(crate) fn takes(&self, key: Key, allowance: Allowance, now: Duration) -> bool {
        match self.known.get(&key) {
            Some(destination) => {
                destination.in_flight < destination.allowed(allowance) && destination.opens_at() <= now
            }
            None => allowance.max_connections > 0,
        }
    }

    /// In flight, and at most so many where that is bounded.
    pub(crate) fn used(&self, key: Key, allowance: Allowance) -> (usize, Option<usize>) {
        let known = self.known.get(&key);
        let allowed = known.map_or(allowance.max_connections, |known| known.allowed(allowance));
        (known.map_or(0, |known| known.in_flight), Some(allowed).filter(|allowed| *allowed < usize::MAX))
    }

    /// One starts. True if the pair was not known: it uses its domain's number from now on.
    pub(crate) fn handle_start(&mut self, key: Key, allowance: Allowance, now: Duration) -> bool {
        let is_new = !self.known.contains_key(&key);
        let destination = self.known.entry(key).or_insert_with(|| Destination::new(allowance));
        destination.in_flight += 1;
        destination.pace.take(now);
        if destination.pace.opens_at() > now {
            self.timers.insert((destination.pace.opens_at(), key));
        }
        is_new
    }

    /// One has ended. True if the pair is forgotten: it uses its domain's number no longer.
    pub(crate) fn handle_end(&mut self, key: Key, now: Duration) -> bool {
        let Some(destination) = self.known.get_mut(&key) else { return false };
        destination.in_flight = destination.in_flight.saturating_sub(1);
        destination.idle_since = now;
        self.tidy(key, now)
    }

    /// What an attempt told of its destination.
    pub(crate) fn handle_pushback(
        &mut self,
        key: Key,
        pushback: Pushback,
        most: usize,
        now: Duration,
        jitter: f64,
    ) {
        let Some(destination) = self.known.get_mut(&key) else { return };
        #[expect(clippy::cast_precision_loss, reason = "connections are few")]
        let (in_flight, most) = (destination.in_flight as f64, most as f64);
        match pushback {
            // What was accepted before the word of the one that was not says nothing of the time after it.
            Pushback::None if destination.is_parked(now) => {}
            Pushback::None => {
                destination.parks = 0;
                let grown = destination.window.map(|window| window + 1.0 / window);
                destination.window = grown.filter(|window| *window < most);
            }
            Pushback::Slower => {
                let window = destination.window.unwrap_or(most).min(in_flight.max(1.0));
                destination.window = Some((window / 2.0).max(1.0));
            }
            Pushback::Park => {
                // Several in flight are told the same thing once.
                if !destination.is_parked(now) {
                    let longest = FIRST_PARK.saturating_mul(1 << destination.parks.min(16)).min(LONGEST_PARK);
                    destination.parks += 1;
                    destination.parked_until = now + longest.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
                    self.timers.insert((destination.parked_until, key));
                }
                destination.window = Some(1.0);
            }
        }
    }

    /// Takes over what the operator allows each domain.
    pub(crate) fn configure(&mut self, allowance: impl Fn(DomainIndex) -> Allowance) {
        for ((_, domain), destination) in &mut self.known {
            destination.pace = destination.pace.with(allowance(*domain).per_second);
        }
    }

    /// The relay is another one now: nothing that was learnt there holds, but that what is in flight is. Answers the
    /// domains whose numbers are used no longer.
    pub(crate) fn forget_relay(&mut self, relay: RelayIndex) -> Vec<DomainIndex> {
        for ((of, _), destination) in &mut self.known {
            if *of == relay {
                (destination.window, destination.parks, destination.parked_until) = (None, 0, Duration::ZERO);
            }
        }
        let is_idle =
            |(of, _): &Key, destination: &mut Destination| *of == relay && destination.in_flight == 0;
        self.known
            .extract_if(|key, destination| is_idle(key, destination))
            .map(|((_, domain), _)| domain)
            .collect()
    }

    /// The next destination that has opened by itself, and whether it is forgotten.
    pub(crate) fn poll_opened(&mut self, now: Duration) -> Option<(Key, bool)> {
        let &(at, key) = self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, key));
        Some((key, self.tidy(key, now)))
    }

    /// When one opens by itself.
    pub(crate) fn next_opening(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Forgets what is not worth knowing, or sees to it that it will be.
    fn tidy(&mut self, key: Key, now: Duration) -> bool {
        let idle = self.known.get(&key).filter(|destination| destination.in_flight == 0);
        let Some(forgettable_at) = idle.map(Destination::forgettable_at) else { return false };
        if forgettable_at <= now {
            return self.known.remove(&key).is_some();
        }
        self.timers.insert((forgettable_at, key));
        false
    }
}
