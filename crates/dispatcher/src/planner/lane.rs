//! Deliveries that are due, sorted by what decides which relay may take them.

use super::class::{Bin, Class, DomainIndex, Next};
use super::destinations::Key;
use super::entry::{Entry, RelayIndex, RelaySet};
use super::relay::Relay;
use super::slab::{Slab, Slot};
use super::turns::Turns;
use postledger_core::policy::Priority;
use postledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Bins opened again at once when a domain takes mail again: more would only be closed again.
const MAX_REOPENED: usize = 16;

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
    const FIRST: Self = Self { route: 0, prefer: None, tried: RelaySet::EMPTY, incapable: RelaySet::EMPTY };

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

/// A closed bin, by relay and domain, then urgency, then turn: when the domain opens there, the first of these goes
/// first.
type Closed = (Key, usize, u64, LaneKey, Bin);

/// All lanes that hold something.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<LaneKey, [Class; Priority::ALL.len()]>,
    turns: [Turns; Priority::ALL.len()],
    closed: BTreeSet<Closed>,
}

impl Lanes {
    pub(crate) fn insert(&mut self, slot: Slot, entries: &mut Slab) {
        let Some(entry) = entries.entry(slot) else { return };
        let urgency = entry.policy.priority as usize;
        let lane = self.lanes.entry(LaneKey::of(entry)).or_default();
        lane[urgency].insert(slot, entries, &self.turns[urgency]);
    }

    pub(crate) fn remove(&mut self, slot: Slot, entries: &mut Slab) {
        let Some(entry) = entries.entry(slot) else { return };
        let (key, bin, urgency) = (LaneKey::of(entry), entry.bin(), entry.policy.priority as usize);
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if lane[urgency].remove(slot, entries, &self.turns[urgency]) {
            return;
        }
        if lane.iter().all(Class::is_empty) {
            self.lanes.remove(&key);
        }
        // It may have been the one that was to go next to its domain, wherever its lane led.
        let last = self.closed.last().map(|((relay, _), ..)| *relay);
        (0..=last.unwrap_or_default()).for_each(|relay| self.reopen((relay, bin.domain), entries));
    }

    /// The delivery of this urgency whose turn it is at `relay`. `takes` says whether a domain takes mail there
    /// now; the bins of one that does not are closed until [`Lanes::reopen`].
    pub(crate) fn next_for(
        &mut self,
        relay: RelayIndex,
        urgency: usize,
        entries: &mut Slab,
        (routes, relays): (&[Vec<RelayIndex>], &[Relay]),
        takes: impl Fn(DomainIndex) -> bool,
    ) -> Option<Next> {
        let (turns, closed) = (&self.turns[urgency], &mut self.closed);
        let waiting = self.lanes.iter_mut().filter(|(key, _)| key.target(routes, relays) == Some(relay));
        let heads = waiting.filter_map(|(key, lane)| {
            let class = &mut lane[urgency];
            loop {
                let next = class.next(entries, turns)?;
                if takes(next.bin.domain) {
                    return Some(next);
                }
                class.close(next.slot, entries);
                closed.insert(((relay, next.bin.domain), urgency, next.turn, *key, next.bin));
            }
        });
        heads.min()
    }

    /// Whether a delivery of this urgency that could start at `relay` has been due since before `since`.
    pub(crate) fn has_waited(
        &mut self,
        relay: RelayIndex,
        urgency: usize,
        since: Timestamp,
        entries: &mut Slab,
        (routes, relays): (&[Vec<RelayIndex>], &[Relay]),
        takes: impl Fn(DomainIndex) -> bool,
    ) -> bool {
        let (turns, closed) = (&self.turns[urgency], &mut self.closed);
        let mut waiting = self.lanes.iter_mut().filter(|(key, _)| key.target(routes, relays) == Some(relay));
        waiting.any(|(key, lane)| {
            let class = &mut lane[urgency];
            while let Some((_, slot, bin)) = class.oldest_open(entries).filter(|(due, ..)| *due < since) {
                if takes(bin.domain) {
                    return true;
                }
                class.close(slot, entries);
                closed.insert(((relay, bin.domain), urgency, turns.of(bin.tenant), *key, bin));
            }
            false
        })
    }

    /// A delivery of the tenant starts.
    pub(crate) fn take_turn(&mut self, urgency: usize, bin: Bin) {
        self.turns[urgency].take(bin.tenant);
    }

    /// The domain may take mail there again.
    pub(crate) fn reopen(&mut self, destination: Key, entries: &mut Slab) {
        let mut reopened = 0;
        while reopened < MAX_REOPENED
            && let Some(first) = self.first_closed(destination)
        {
            reopened += usize::from(self.open(first, entries));
        }
    }

    /// What was closed at one relay may be open at another.
    pub(crate) fn reopen_all(&mut self, entries: &mut Slab) {
        while let Some(&first) = self.closed.first() {
            self.open(first, entries);
        }
    }

    fn first_closed(&self, destination: Key) -> Option<Closed> {
        let from = (destination, 0, 0, LaneKey::FIRST, Bin::FIRST);
        self.closed.range(from..).next().copied().filter(|(of, ..)| *of == destination)
    }

    fn open(&mut self, closed: Closed, entries: &mut Slab) -> bool {
        let (_, urgency, _, key, bin) = closed;
        self.closed.remove(&closed);
        self.lanes.get_mut(&key).is_some_and(|lane| lane[urgency].open(bin, entries, &self.turns[urgency]))
    }

    /// Since when the longest-waiting delivery of each priority has been due.
    pub(crate) fn oldest(&self, entries: &Slab) -> [Option<Timestamp>; Priority::ALL.len()] {
        let oldest =
            |urgency: usize| self.lanes.values().filter_map(move |lane| lane[urgency].oldest(entries)).min();
        std::array::from_fn(oldest)
    }
}
