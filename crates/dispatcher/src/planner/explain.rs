//! Why a delivery is where it is: the first of the rules, in the order in which the planner asks them.

use super::entry::{Entry, Place};
use super::lane::LaneKey;
use super::{Now, Planner, RelayIndex};
use postledger_core::explanation::{DestinationUse, Explanation, RelayUse, Rule};
use postledger_core::id::DeliveryId;
use postledger_core::time::Timestamp;
use std::time::Duration;

impl Planner {
    /// `None` for what is not pending.
    pub(crate) fn explain(&self, id: DeliveryId, now: Now) -> Option<Explanation> {
        let entry = self.entries.entry(self.entries.find(id)?)?;
        let relay = LaneKey::of(entry).target(&self.routes, &self.relays);
        let relay = if entry.place == Place::InFlight { entry.relay().or(relay) } else { relay };
        let (rule, until) = self.rule(entry, relay, now);
        Some(Explanation {
            rule,
            until,
            priority: entry.policy.priority,
            route: Some(self.route_of(entry)),
            due: entry.due(),
            expires_at: entry.expires_at(),
            relay: relay.and_then(|relay| self.relay_use(entry, relay)),
            destination: relay.and_then(|relay| self.destination_use(entry, relay)),
        })
    }

    fn rule(&self, entry: &Entry, relay: Option<RelayIndex>, now: Now) -> (Rule, Option<Timestamp>) {
        let wall = |at: Duration| Some(now.wall.plus(at.saturating_sub(now.monotonic)));
        match entry.place {
            Place::InFlight => return (Rule::Sending, None),
            Place::Aside => return (entry.rule_aside(), None),
            Place::Waiting if self.suspects.must_wait(entry.message.delivery(entry.ordinal)) => {
                return (Rule::Suspected, self.suspects.next_turn().and_then(wall));
            }
            Place::Waiting if entry.wake_at > now.wall => return (Rule::NotDue, Some(entry.wake_at)),
            Place::Waiting | Place::Ready => {}
        }
        if self.is_stopped {
            return (Rule::Stopping, None);
        }
        if self.is_loading {
            return (Rule::Starting, None);
        }
        if self.suspended_until > now.monotonic {
            return (Rule::LedgerBusy, wall(self.suspended_until));
        }
        let Some(route) = self.routes.get(usize::from(entry.route)) else { return (Rule::Unroutable, None) };
        let Some((index, state)) =
            relay.and_then(|index| Some((index, self.relays.get(usize::from(index))?)))
        else {
            let retries = route.iter().filter_map(|relay| self.relays.get(usize::from(*relay))?.retry_at());
            return (Rule::RelaysDown, retries.min().and_then(wall));
        };
        if let Some(at) = state.paced_after(now) {
            return (Rule::RelayRate, wall(at));
        }
        if !state.may_start(now) || !state.has_slot(entry.policy.priority as usize) {
            return (Rule::RelayFull, None);
        }
        let (key, allowance) = ((index, entry.domain), self.domains.allowance(entry.domain));
        if self.destinations.takes(key, allowance, now.monotonic) {
            return (Rule::Next, None);
        }
        match self.destinations.of(key) {
            Some(destination) if destination.is_parked(now.monotonic) => {
                (Rule::DestinationParked, wall(destination.opens_at()))
            }
            Some(destination) if destination.opens_at() > now.monotonic => {
                (Rule::DestinationRate, wall(destination.opens_at()))
            }
            Some(_) | None => (Rule::DestinationFull, None),
        }
    }

    fn relay_use(&self, entry: &Entry, relay: RelayIndex) -> Option<RelayUse> {
        let (in_flight, allowed) = self.relays.get(usize::from(relay))?.used(entry.policy.priority as usize);
        Some(RelayUse { name: self.names.get(usize::from(relay))?.clone(), in_flight, allowed })
    }

    fn destination_use(&self, entry: &Entry, relay: RelayIndex) -> Option<DestinationUse> {
        let domain = self.domains.name(entry.domain).filter(|domain| !domain.is_empty())?;
        let allowance = self.domains.allowance(entry.domain);
        let (in_flight, window) = self.destinations.used((relay, entry.domain), allowance);
        Some(DestinationUse { domain: domain.to_owned(), in_flight, window })
    }
}
