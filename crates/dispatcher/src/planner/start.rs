//! Which delivery starts next, where, and what it holds while it is under way.

use super::class::{Bin, DomainIndex, Next};
use super::pushback::Pushback;
use super::shares::CLASSES;
use super::{Job, Now, Planner, RelayIndex, Work};
use postledger_core::outcome::{NotSent, Outcome};
use std::time::Duration;

/// A connection of a relay, and a place in a destination's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub relay: RelayIndex,
    pub(super) domain: DomainIndex,
    pub(super) urgency: usize,
}

impl Planner {
    /// The next attempt that can start, at any relay.
    pub(crate) fn poll_start(&mut self, now: Now) -> Option<Job> {
        (0..=RelayIndex::MAX).take(self.relays.len()).find_map(|relay| self.poll_start_at(relay, now))
    }

    /// The next attempt that can start at `relay`.
    pub(crate) fn poll_start_at(&mut self, relay: RelayIndex, now: Now) -> Option<Job> {
        self.advance(now);
        self.reopen_destinations(now);
        if !self.may_start(now) || !self.relays.get(usize::from(relay))?.may_start(now) {
            return None;
        }
        let (urgency, next) = self.aged(relay, now).or_else(|| self.most_urgent(relay, now))?;
        let lease = Lease { relay, domain: next.bin.domain, urgency };
        self.hold(lease, next.bin, now);
        self.hand_out(next.slot, Work::Attempt(lease), now)
    }

    /// An attempt has ended: its connection and its place are free again.
    pub(crate) fn handle_slot_free(&mut self, lease: Lease, now: Now) {
        if let Some(relay) = self.relay_mut(lease.relay) {
            relay.handle_end(lease.urgency);
        }
        if self.destinations.handle_end((lease.relay, lease.domain), now.monotonic) {
            self.domains.release(lease.domain);
        }
        self.lanes.reopen(lease.domain);
    }

    /// What an attempt that was started at `started` (monotonic) tells of the relay and of the destination.
    pub(crate) fn handle_outcome(
        &mut self,
        lease: Lease,
        outcome: &Outcome,
        started: Duration,
        now: Now,
        jitter: f64,
    ) {
        let Some(relay) = self.relay_mut(lease.relay).filter(|relay| relay.is_told_of(started)) else {
            return;
        };
        let was_up = relay.is_up();
        relay.handle_outcome(outcome, started, now, jitter);
        let (is_up, most) = (relay.is_up(), relay.max_connections());
        if let Some(pushback) = Pushback::of(outcome) {
            let key = (lease.relay, lease.domain);
            self.destinations.handle_pushback(key, pushback, most, now.monotonic, jitter);
        }
        if was_up != is_up {
            self.lanes.reopen_all();
        }
    }

    /// What a probe came to that was started at `started` (monotonic).
    pub(crate) fn handle_probe(
        &mut self,
        relay: RelayIndex,
        result: Result<(), NotSent>,
        started: Duration,
        now: Now,
        jitter: f64,
    ) {
        if let Some(relay) = self.relay_mut(relay).filter(|relay| relay.is_told_of(started)) {
            relay.handle_probe(result, now, jitter);
            self.lanes.reopen_all();
        }
    }

    /// A relay that shall be probed now, with a connection but without mail.
    pub(crate) fn poll_probe(&mut self, now: Now) -> Option<RelayIndex> {
        if self.is_stopped {
            return None;
        }
        (0..).zip(&mut self.relays).find_map(|(index, relay)| relay.begin_probe(now).then_some(index))
    }

    fn most_urgent(&mut self, relay: RelayIndex, now: Now) -> Option<(usize, Next)> {
        (0..CLASSES).find_map(|urgency| Some((urgency, self.next_of(relay, urgency, now)?)))
    }

    /// Of those that have waited too long for more urgent ones, the one that has waited longest; on its turn.
    fn aged(&mut self, relay: RelayIndex, now: Now) -> Option<(usize, Next)> {
        if !self.relays.get(usize::from(relay))?.is_turn_of_the_aged() {
            return None;
        }
        let since = now.wall.minus(self.ageing);
        let candidates =
            (1..CLASSES).filter_map(|urgency| Some((urgency, self.next_of(relay, urgency, now)?)));
        candidates.filter(|(_, next)| next.due < since).min_by_key(|(_, next)| next.due)
    }

    fn next_of(&mut self, relay: RelayIndex, urgency: usize, now: Now) -> Option<Next> {
        if !self.relays.get(usize::from(relay))?.has_slot(urgency) {
            return None;
        }
        let (destinations, domains) = (&self.destinations, &self.domains);
        let takes = |domain| destinations.takes((relay, domain), domains.allowance(domain), now.monotonic);
        self.lanes.next_for(relay, urgency, (&self.routes, &self.relays), takes)
    }

    fn hold(&mut self, lease: Lease, bin: Bin, now: Now) {
        self.lanes.take_turn(lease.urgency, bin);
        if let Some(relay) = self.relay_mut(lease.relay) {
            relay.handle_start(lease.urgency, now);
        }
        let allowance = self.domains.allowance(lease.domain);
        if self.destinations.handle_start((lease.relay, lease.domain), allowance, now.monotonic) {
            self.domains.retain(lease.domain);
        }
    }

    fn reopen_destinations(&mut self, now: Now) {
        while let Some((key, is_forgotten)) = self.destinations.poll_opened(now.monotonic) {
            if is_forgotten {
                self.domains.release(key.1);
            }
            self.lanes.reopen(key.1);
        }
    }
}
