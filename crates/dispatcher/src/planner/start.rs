//! Which delivery starts next, where, and what it holds while it is under way.

use super::class::{Bin, DomainIndex, Next};
use super::pushback::Pushback;
use super::relay::Turn;
use super::shares::CLASSES;
use super::{Job, Now, Planner, Relay, RelayIndex, Work};
use postledger_core::event::NodeEvent;
use postledger_core::name::{Actor, RelayName, RouteName};
use postledger_core::outcome::{NotSent, Outcome};
use postledger_core::relay::{Breaker, Drill, DrillRefused};
use postledger_core::time::Timestamp;
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
        self.change_relay(lease.relay, |relay| relay.handle_end(lease.urgency));
        if self.destinations.handle_end((lease.relay, lease.domain), now.monotonic) {
            self.domains.release(lease.domain);
        }
        self.lanes.reopen((lease.relay, lease.domain), &mut self.entries);
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
        if !self.relay_mut(lease.relay).is_some_and(|relay| relay.is_told_of(started)) {
            return;
        }
        let most = self.change_relay(lease.relay, |relay| {
            relay.handle_outcome(outcome, started, now, jitter);
            relay.max_connections()
        });
        if let Some((pushback, most)) = Pushback::of(outcome).zip(most) {
            let key = (lease.relay, lease.domain);
            self.destinations.handle_pushback(key, pushback, most, now.monotonic, jitter);
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
        if self.relay_mut(relay).is_some_and(|relay| relay.is_told_of(started)) {
            self.change_relay(relay, |relay| relay.handle_probe(result, now, jitter));
        }
    }

    /// What waits for a relay is closed there, and open elsewhere: whenever the answer to who waits for whom may have
    /// become another, everything is looked at again.
    fn change_relay<T>(&mut self, relay: RelayIndex, change: impl FnOnce(&mut Relay) -> T) -> Option<T> {
        let relay = self.relay_mut(relay)?;
        let before = (relay.is_up(), relay.is_available());
        let changed = change(relay);
        if before != (relay.is_up(), relay.is_available()) {
            self.lanes.reopen_all(&mut self.entries);
        }
        Some(changed)
    }

    /// Changes of breakers since the last call, in order, with their times.
    pub(crate) fn take_turns(&mut self) -> Vec<(Timestamp, NodeEvent)> {
        let mut turns = Vec::new();
        for (name, relay) in self.names.iter().zip(&mut self.relays) {
            turns.extend(relay.take_turns().into_iter().map(|turn| (turn.at, event(name, turn))));
        }
        turns
    }

    /// Opens a relay's breaker on purpose, for so long at most.
    ///
    /// # Errors
    /// [`DrillRefused`]; nothing was changed.
    pub(crate) fn begin_drill(
        &mut self,
        name: &RelayName,
        span: Duration,
        by: Actor,
        now: Now,
    ) -> Result<Drill, DrillRefused> {
        let index = self.configured(name).ok_or(DrillRefused::Unknown)?;
        let routes = self.ways_round(index);
        if self.relays.get(usize::from(index)).is_none_or(|relay| relay.breaker() != Breaker::Closed) {
            return Err(DrillRefused::NotClosed);
        }
        if routes.iter().all(|(_, other)| other.is_none()) {
            return Err(DrillRefused::NoBackup);
        }
        let relay = self.relay_mut(index).ok_or(DrillRefused::Unknown)?;
        if !relay.begin_drill(now.monotonic + span, by, now) {
            return Err(DrillRefused::NotClosed);
        }
        self.lanes.reopen_all(&mut self.entries);
        Ok(Drill { until: now.wall.plus(span), routes })
    }

    /// Closes a breaker that a drill has opened.
    ///
    /// # Errors
    /// [`DrillRefused::Unknown`], [`DrillRefused::NotDrilled`].
    pub(crate) fn end_drill(&mut self, name: &RelayName, by: Actor, now: Now) -> Result<(), DrillRefused> {
        let index = self.configured(name).ok_or(DrillRefused::Unknown)?;
        if !self.relay_mut(index).is_some_and(|relay| relay.end_drill(by, now)) {
            return Err(DrillRefused::NotDrilled);
        }
        self.lanes.reopen_all(&mut self.entries);
        Ok(())
    }

    /// A relay that is configured, by its name.
    pub(crate) fn configured(&self, name: &RelayName) -> Option<RelayIndex> {
        self.relays().find_map(|(index, known, _)| (known == name).then_some(index))
    }

    /// Each route that has the relay, with the first of its others that is up; in the order of their names.
    fn ways_round(&self, relay: RelayIndex) -> Vec<(RouteName, Option<RelayName>)> {
        let way = |(name, number): (&RouteName, &u16)| {
            let route = self.routes.get(usize::from(*number)).filter(|route| route.contains(&relay))?;
            let other = route.iter().find(|&&other| other != relay && self.is_up(other));
            Some((name.clone(), other.and_then(|other| self.names.get(usize::from(*other))).cloned()))
        };
        let mut ways: Vec<_> = self.route_names.iter().filter_map(way).collect();
        ways.sort();
        ways
    }

    /// Drills whose time is over.
    pub(super) fn pass_drills(&mut self, now: Now) {
        let over = self.relays.iter_mut().map(|relay| relay.pass_drill(now)).fold(false, |any, it| any | it);
        if over {
            self.lanes.reopen_all(&mut self.entries);
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

    /// One start in four is for the lower classes in which somebody has waited too long for more urgent mail: each of
    /// those classes in turn, and within it the tenants in turn as ever.
    fn aged(&mut self, relay: RelayIndex, now: Now) -> Option<(usize, Next)> {
        let turn = self.relays.get(usize::from(relay))?.turn_of_the_aged()?;
        let aged: Vec<usize> =
            (1..CLASSES).filter(|&urgency| self.has_waited(relay, urgency, now) == Some(true)).collect();
        let &urgency = aged.get((turn as usize).checked_rem(aged.len())?)?;
        Some((urgency, self.next_of(relay, urgency, now)?))
    }

    fn has_waited(&mut self, relay: RelayIndex, urgency: usize, now: Now) -> Option<bool> {
        if !self.relays.get(usize::from(relay))?.has_slot(urgency) {
            return None;
        }
        let since = now.wall.minus(self.ageing);
        let (destinations, domains) = (&self.destinations, &self.domains);
        let takes = |domain| destinations.takes((relay, domain), domains.allowance(domain), now.monotonic);
        Some(self.lanes.has_waited(
            relay,
            urgency,
            since,
            &mut self.entries,
            (&self.routes, &self.relays),
            takes,
        ))
    }

    fn next_of(&mut self, relay: RelayIndex, urgency: usize, now: Now) -> Option<Next> {
        if !self.relays.get(usize::from(relay))?.has_slot(urgency) {
            return None;
        }
        let (destinations, domains) = (&self.destinations, &self.domains);
        let takes = |domain| destinations.takes((relay, domain), domains.allowance(domain), now.monotonic);
        self.lanes.next_for(relay, urgency, &mut self.entries, (&self.routes, &self.relays), takes)
    }

    fn hold(&mut self, lease: Lease, bin: Bin, now: Now) {
        self.lanes.take_turn(lease.urgency, bin);
        self.change_relay(lease.relay, |relay| relay.handle_start(lease.urgency, now));
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
            self.lanes.reopen(key, &mut self.entries);
        }
    }
}

fn event(name: &RelayName, turn: Turn) -> NodeEvent {
    let (relay, Turn { to, cause, until, by, .. }) = (name.clone(), turn);
    match to {
        Breaker::Open => NodeEvent::BreakerOpened { relay, not_sent: cause, until, by },
        Breaker::Probing => NodeEvent::BreakerProbing { relay },
        Breaker::Closed => NodeEvent::BreakerClosed { relay, by },
    }
}
