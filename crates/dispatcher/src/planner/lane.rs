//! Deliveries that are due, sorted by what decides which relay may take them.

use super::entry::{Entry, RelayIndex, RelaySet};
use super::relay::Relay;
use super::slab::Slot;
use postledger_core::policy::Priority;
use postledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Deliveries with the same key go to the same relay at any moment. There are few keys, so that a relay that
/// goes down or comes back moves no delivery: only the answer of [`LaneKey::target`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneKey {
    route: u16,
    /// Where an unknown attempt was made: a second copy is likeliest to be recognised there.
    prefer: Option<RelayIndex>,
    tried: RelaySet,
    incapable: RelaySet,
}

impl LaneKey {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            route: entry.route,
            prefer: entry.relay().filter(|_| entry.is_unresolved()),
            tried: entry.tried,
            incapable: entry.incapable,
        }
    }

    /// The relay that these deliveries wait for now; `None` while all are down.
    pub(crate) fn target(self, routes: &[Vec<RelayIndex>], relays: &[Relay]) -> Option<RelayIndex> {
        let route = routes.get(usize::from(self.route))?;
        let relay_at = |relay: RelayIndex| relays.get(usize::from(relay));
        let is_untried = |relay: RelayIndex| !self.tried.contains(relay);
        let is_capable = |relay: RelayIndex| !self.incapable.contains(relay);
        // A round goes on while a relay is left that is up. If the last one went down meanwhile, whichever
        // comes back first may have it, but for those that lack what it needs.
        let is_round_open =
            route.iter().any(|&relay| is_untried(relay) && relay_at(relay).is_some_and(Relay::is_up));
        let is_candidate = |relay: RelayIndex| {
            let may_take = if is_round_open { is_untried(relay) } else { is_capable(relay) };
            may_take && relay_at(relay).is_some_and(Relay::is_available)
        };
        let preferred = self.prefer.filter(|prefer| route.contains(prefer));
        preferred.into_iter().chain(route.iter().copied()).find(|&relay| is_candidate(relay))
    }
}

/// By urgency, then earliest due first.
#[derive(Debug, Default)]
struct Lane([BTreeSet<(Timestamp, Slot)>; Priority::ALL.len()]);

/// All lanes that hold something.
#[derive(Debug, Default)]
pub(crate) struct Lanes(BTreeMap<LaneKey, Lane>);

impl Lanes {
    pub(crate) fn insert(&mut self, slot: Slot, due: Timestamp, entry: &Entry) {
        let lane = self.0.entry(LaneKey::of(entry)).or_default();
        lane.0[entry.policy.priority as usize].insert((due, slot));
    }

    pub(crate) fn remove(&mut self, slot: Slot, due: Timestamp, entry: &Entry) {
        let key = LaneKey::of(entry);
        let Some(lane) = self.0.get_mut(&key) else { return };
        lane.0[entry.policy.priority as usize].remove(&(due, slot));
        if lane.0.iter().all(BTreeSet::is_empty) {
            self.0.remove(&key);
        }
    }

    /// The most urgent delivery that waits for `relay`.
    pub(crate) fn first_for(
        &self,
        relay: RelayIndex,
        routes: &[Vec<RelayIndex>],
        relays: &[Relay],
    ) -> Option<Slot> {
        let waiting = self.0.iter().filter(|(key, _)| key.target(routes, relays) == Some(relay));
        let heads = waiting.filter_map(|(_, lane)| {
            lane.0.iter().enumerate().find_map(|(urgency, ready)| Some((urgency, *ready.first()?)))
        });
        heads.min().map(|(_, (_, slot))| slot)
    }

    /// Since when the longest-waiting delivery of each priority has been due.
    pub(crate) fn oldest(&self) -> [Option<Timestamp>; Priority::ALL.len()] {
        std::array::from_fn(|urgency| {
            self.0.values().filter_map(|lane| lane.0[urgency].first()).map(|(due, _)| *due).min()
        })
    }
}
