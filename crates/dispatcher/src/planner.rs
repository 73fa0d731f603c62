//! What is sent next: a queue in memory, without IO, clock or chance of its own.
//!
//! Its states are the fold of committed events; `handle_*` takes inputs, `poll_*` gives the next thing to do.
//! Whoever gets a delivery from it has it alone until [`Planner::handle_ended`].

mod class;
mod configure;
mod destinations;
mod domains;
mod entry;
mod explain;
mod lane;
mod pace;
mod place;
mod policies;
mod pushback;
mod relay;
mod routing;
mod shares;
mod slab;
mod start;
mod suspects;
mod tree;
mod turns;

pub(crate) use configure::RelayPlan;
pub(crate) use entry::{RelayIndex, RelaySet, STATES};
pub(crate) use relay::RelayLimits;
pub use shares::Shares;
pub(crate) use start::Lease;

use destinations::Destinations;
use domains::Domains;
use entry::Place;
use lane::Lanes;
use policies::Policies;
use postledger_core::address::Address;
use postledger_core::delivery::{State, apply};
use postledger_core::event::{Cause, Deferral, Event, MailEvent, Queued, Recorded};
use postledger_core::id::{DeliveryId, MessageId, Ordinal, Stream};
use postledger_core::message::Message;
use postledger_core::name::{RelayName, RouteName, Tenant};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_core::policy::Priority;
use postledger_core::route::Rule;
use postledger_core::time::Timestamp;
pub(crate) use relay::Relay;
use routing::Tags;
use slab::{Slab, Slot};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use suspects::Suspects;
use tree::{ByWake, Tree};

/// The present: due times are wall-clock times, waits of the dispatcher's own are monotonic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub wall: Timestamp,
    pub monotonic: Duration,
}

/// A delivery handed out, as it stood then.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub id: DeliveryId,
    pub tenant: Tenant,
    pub state: State,
    pub version: u32,
    pub message_version: u32,
    pub work: Work,
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// An attempt, with what it holds until [`Planner::handle_slot_free`].
    Attempt(Lease),
    /// Its lifetime has passed.
    Expire,
    /// It cannot be sent at all.
    Refuse(Cause),
}

/// A delivery that reached its end, for the metrics.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finished {
    pub state: State,
    pub latency: Duration,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    /// By index, also those that are configured no longer.
    names: Vec<RelayName>,
    relays: Vec<Relay>,
    /// Those that are configured, in their order.
    order: Vec<RelayIndex>,
    route_names: HashMap<RouteName, u16>,
    routes: Vec<Vec<RelayIndex>>,
    rules: Vec<Rule>,
    tags: Tags,
    default_route: RouteName,
    tenants: Vec<Tenant>,
    tenant_numbers: HashMap<Tenant, u32>,
    policies: Policies,
    domains: Domains,
    destinations: Destinations,
    shares: Shares,
    ageing: Duration,
    entries: Slab,
    lanes: Lanes,
    timers: Tree<ByWake>,
    suspects: Suspects,
    /// Handed out by the next `poll_decision`.
    decisions: VecDeque<DeliveryId>,
    /// Events came for deliveries that are not held; their messages are to be read.
    missed: VecDeque<MessageId>,
    finished: Vec<Finished>,
    depth: [[i64; STATES.len()]; Priority::ALL.len()],
    unresolved: i64,
    is_loading: bool,
    is_stopped: bool,
    /// Nothing is handed out before (monotonic): the ledger is unwell.
    suspended_until: Duration,
}

/// The relay lacks what this very message needs; it says nothing of other messages.
fn is_incapable(not_sent: &NotSent) -> bool {
    not_sent.trouble == Trouble::Unsupported && not_sent.stage >= Stage::Mail
}

/// Where the mail goes, and its tags; what was erased goes nowhere, and together.
fn destination(queued: &Queued, ordinal: Ordinal) -> (&str, &[String]) {
    let recipients = queued.personal.as_ref().map_or(&[][..], |personal| &personal.recipients);
    let index = usize::from(ordinal.0).checked_sub(1);
    let tags = queued.personal.as_ref().map_or(&[][..], |personal| &personal.tags);
    (index.and_then(|index| recipients.get(index)).map_or("", Address::domain), tags)
}

impl Planner {
    /// Without relays and routes until [`Planner::handle_configured`]. Loads until [`Planner::handle_all_loaded`].
    pub(crate) fn new() -> Self {
        Self { is_loading: true, ..Self::default() }
    }

    /// A message as read from the ledger. What is held already is kept where it is as new.
    pub(crate) fn handle_loaded(&mut self, message: &Message, now: Now) {
        for delivery in &message.deliveries {
            let (id, version) = (delivery.id, delivery.version);
            if let Some(slot) = self.entries.find(id) {
                let is_newer = self
                    .entries
                    .entry(slot)
                    .is_some_and(|entry| entry.version < version || entry.message_version < message.version);
                if is_newer {
                    let versions = (version, message.version);
                    self.replace(slot, &delivery.state, versions, now.wall, now);
                }
            } else {
                let destination = destination(&message.queued, id.ordinal);
                let versions = (version, message.version);
                self.insert(id, versions, &message.tenant, destination, &delivery.state, now);
            }
        }
    }

    /// Every open message was handed in: what was missed meanwhile can be told from what has ended.
    pub(crate) fn handle_all_loaded(&mut self) {
        self.is_loading = false;
    }

    /// A committed event, in order of position.
    pub(crate) fn handle_event(&mut self, recorded: &Recorded, now: Now) {
        let (Stream::Message(message), Event::Mail(event)) = (recorded.stream, &recorded.event) else {
            return;
        };
        let (ordinal, at) = (recorded.ordinal, recorded.at);
        if let MailEvent::Queued(queued) = event {
            let count = u16::try_from(queued.kinds.len()).unwrap_or(u16::MAX);
            for ordinal in (1..=count).map(Ordinal) {
                let id = message.delivery(ordinal);
                if self.entries.find(id).is_none()
                    && let Ok(state) = apply(None, ordinal, at, event)
                {
                    let destination = destination(queued, ordinal);
                    self.insert(id, (0, recorded.version), &recorded.tenant, destination, &state, now);
                }
            }
            return;
        }
        let slots: Vec<Slot> = if ordinal == Ordinal::MESSAGE {
            self.entries.slots(message).collect()
        } else {
            self.entries.find(message.delivery(ordinal)).into_iter().collect()
        };
        // A delivery that has ended is not held; of the events it can have, only a redrive reopens it.
        if slots.is_empty() && (self.is_loading || matches!(event, MailEvent::Redriven { .. })) {
            self.missed.push_back(message);
        }
        for slot in slots {
            self.fold(slot, recorded, event, now);
        }
    }

    fn fold(&mut self, slot: Slot, recorded: &Recorded, event: &MailEvent, now: Now) {
        let Some(entry) = self.entries.entry(slot) else { return };
        let is_of_message = recorded.ordinal == Ordinal::MESSAGE;
        let known = if is_of_message { entry.message_version } else { entry.version };
        if recorded.version <= known {
            return;
        }
        let next = apply(Some(entry.state(&self.names)), entry.ordinal, recorded.at, event);
        let (Ok(state), true) = (next, recorded.version == known + 1) else {
            self.missed.push_back(entry.message);
            return self.set_aside(slot);
        };
        let versions = if is_of_message {
            (entry.version, recorded.version)
        } else {
            (recorded.version, entry.message_version)
        };
        if let MailEvent::Deferred { reason: Deferral::NotSent(not_sent), .. } = event
            && is_incapable(not_sent)
            && let Some(entry) = self.entries.entry_mut(slot)
        {
            entry.incapable.extend(entry.relay());
        }
        self.replace(slot, &state, versions, recorded.at, now);
    }

    /// The one who had it is done with it. It stands where its state says, but waits at least until `not_before`.
    pub(crate) fn handle_ended(&mut self, id: DeliveryId, not_before: Option<Timestamp>, now: Now) {
        let is_next_turn = self.suspects.end(id);
        if let Some(slot) = self.entries.find(id) {
            self.set_aside(slot);
            self.link(slot, not_before, now);
        }
        if is_next_turn {
            self.place_suspects(now);
        }
    }

    /// A message's history cannot be read: it stays where it is and is not sent.
    pub(crate) fn handle_damaged(&mut self, message: MessageId) {
        let slots: Vec<Slot> = self.entries.slots(message).collect();
        slots.into_iter().for_each(|slot| self.set_aside(slot));
    }

    /// Hands out nothing until then (monotonic).
    pub(crate) fn suspend(&mut self, until: Duration) {
        self.suspended_until = self.suspended_until.max(until);
    }

    /// Hands out nothing any more.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// The next delivery that is to end without an attempt.
    pub(crate) fn poll_decision(&mut self, now: Now) -> Option<Job> {
        self.advance(now);
        if !self.may_start(now) {
            return None;
        }
        while let Some(id) = self.decisions.pop_front() {
            let Some(slot) = self.entries.find(id) else { continue };
            let Some(entry) = self.entries.entry(slot) else { continue };
            if entry.place != Place::Waiting || entry.wake_at > now.wall {
                continue;
            }
            let work =
                if entry.expires_at() <= now.wall { Work::Expire } else { Work::Refuse(Cause::Unroutable) };
            return self.hand_out(slot, work, now);
        }
        None
    }

    /// A message that must be read from the ledger and handed in again.
    pub(crate) fn poll_missed(&mut self) -> Option<MessageId> {
        if self.is_loading { None } else { self.missed.pop_front() }
    }

    /// Deliveries that ended since the last call.
    pub(crate) fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// How long until there may be something to do without any further input.
    pub(crate) fn poll_timeout(&self, now: Now) -> Option<Duration> {
        if self.is_stopped {
            return None;
        }
        let timer = self.next_timer().map(|(at, _)| at.since(now.wall));
        let suspended = self.suspended_until.saturating_sub(now.monotonic);
        let timer = if suspended.is_zero() { timer } else { Some(suspended) };
        let relays = self.relays.iter();
        let relays = relays.flat_map(|relay| relay.retry_at().into_iter().chain(relay.paced_after(now)));
        let monotonic = relays.chain(self.destinations.next_opening()).chain(self.suspects.next_turn());
        timer.into_iter().chain(monotonic.map(|at| at.saturating_sub(now.monotonic))).min()
    }

    /// Pending deliveries, whatever they wait for.
    pub(crate) const fn open_deliveries(&self) -> usize {
        self.entries.len()
    }

    /// Whether a delivery of the message is pending.
    pub(crate) fn holds(&self, message: MessageId) -> bool {
        self.entries.slots(message).next().is_some()
    }

    /// Whether one of a message's deliveries is due or in somebody's hands.
    pub(crate) fn is_wanted(&self, message: MessageId) -> bool {
        let mut entries = self.entries.slots(message).filter_map(|slot| self.entries.entry(slot));
        entries.any(|entry| matches!(entry.place, Place::Ready | Place::InFlight))
    }

    /// Whether another relay can be tried in this round, now that `relay` could not send.
    pub(crate) fn has_another_relay(&self, id: DeliveryId, relay: RelayIndex, not_sent: &NotSent) -> bool {
        let Some(entry) = self.entries.find(id).and_then(|slot| self.entries.entry(slot)) else {
            return false;
        };
        let Some(route) = self.routes.get(usize::from(entry.route)) else { return false };
        let others = || route.iter().copied().filter(|&other| other != relay);
        if is_incapable(not_sent) {
            // One that is down now may have what is needed once it is up: only all of them can say no.
            return others().any(|other| !entry.incapable.contains(other));
        }
        others().any(|other| !entry.tried.contains(other) && self.is_up(other))
    }

    /// Whether anything can be sent there.
    pub(crate) fn is_up(&self, relay: RelayIndex) -> bool {
        self.relays.get(usize::from(relay)).is_some_and(Relay::is_up)
    }

    /// Those that are configured, in their order.
    pub(crate) fn relays(&self) -> impl Iterator<Item = (RelayIndex, &RelayName, &Relay)> {
        let relay = |&index: &RelayIndex| {
            let at = usize::from(index);
            Some((index, self.names.get(at)?, self.relays.get(at)?))
        };
        self.order.iter().filter_map(relay)
    }

    /// Deliveries by route that wait for a relay where their route has none.
    pub(crate) fn stranded(&self) -> Vec<(RouteName, u64)> {
        let empty = |(_, route): &(&RouteName, &u16)| {
            self.routes.get(usize::from(**route)).is_some_and(Vec::is_empty)
        };
        let count = |(name, &route): (&RouteName, &u16)| {
            let entries = self.entries.all().filter_map(|slot| self.entries.entry(slot));
            (name.clone(), entries.filter(|entry| entry.route == route).count() as u64)
        };
        self.route_names.iter().filter(empty).map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// Pending deliveries by priority and by [`STATES`].
    pub(crate) const fn depth(&self) -> &[[i64; STATES.len()]; Priority::ALL.len()] {
        &self.depth
    }

    /// Pending deliveries that an unknown attempt may have delivered.
    pub(crate) const fn unresolved(&self) -> i64 {
        self.unresolved
    }

    /// Since when the longest-waiting delivery of each priority has been due.
    pub(crate) fn oldest_ready(&self) -> [Option<Timestamp>; Priority::ALL.len()] {
        self.lanes.oldest(&self.entries)
    }
}

#[cfg(test)]
mod tests;
