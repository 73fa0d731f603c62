//! Relays and routes, at the start and whenever they are configured anew.
//!
//! A relay keeps its index for as long as it is known, so that nothing that waits has to move. One that is configured
//! no longer stays known until its index is needed: attempts in flight and entries may still speak of it.

use super::entry::RelaySet;
use super::relay::{Relay, RelayLimits};
use super::slab::Slot;
use super::{Now, Planner, RelayIndex};
use crate::config::Pacing;
use postledger_core::name::{RelayName, RouteName};
use std::collections::HashSet;

/// A relay as the planner is told of it.
#[derive(Debug, Clone)]
pub(crate) struct RelayPlan {
    pub name: RelayName,
    pub limits: RelayLimits,
    /// It is another server, or another login: what was learnt of it holds no longer.
    pub is_changed: bool,
}

/// There are not enough indices; nothing was changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyRelays;

impl Planner {
    /// Takes over these relays and routes, and how the queue is worked off; every relay that a route names is among
    /// them. Gives the relays' indices.
    /// A route that is not among them takes no new message; what waits for it keeps those of its relays that are left.
    ///
    /// # Errors
    /// [`TooManyRelays`].
    pub(crate) fn handle_configured(
        &mut self,
        relays: &[RelayPlan],
        routes: &[(RouteName, Vec<RelayName>)],
        pacing: &Pacing,
        now: Now,
    ) -> Result<Vec<RelayIndex>, TooManyRelays> {
        let indices = self.indices(relays).ok_or(TooManyRelays)?;
        (self.shares, self.ageing) = (pacing.shares, pacing.ageing);
        self.domains.configure(&pacing.destinations);
        self.destinations.configure(|domain| self.domains.allowance(domain));
        let reused = indices.iter().zip(relays).filter(|(index, plan)| {
            self.names.get(usize::from(**index)).is_some_and(|known| *known != plan.name)
        });
        let reused: Vec<RelayIndex> = reused.map(|(index, _)| *index).collect();
        self.forget(&reused, now);
        for (&index, plan) in indices.iter().zip(relays) {
            self.set_relay(index, plan, now);
        }
        let configured: HashSet<RelayIndex> = indices.iter().copied().collect();
        for (index, relay) in (0..).zip(&mut self.relays) {
            if !configured.contains(&index) {
                relay.retire();
            }
        }
        self.order.clone_from(&indices);
        self.set_routes(routes, now);
        // What was closed at one relay may be open at another.
        self.lanes.reopen_all(&mut self.entries);
        Ok(indices)
    }

    /// An index for each relay: its own, a new one, or that of a relay which nothing is in flight for any more.
    fn indices(&self, relays: &[RelayPlan]) -> Option<Vec<RelayIndex>> {
        let known = |name: &RelayName| self.names.iter().position(|known| known == name);
        let wanted: HashSet<_> = relays.iter().map(|plan| &plan.name).collect();
        let unused = self.names.len()..RelaySet::CAPACITY;
        let idle = (0..self.names.len())
            .filter(|&index| !wanted.contains(&self.names[index]) && self.relays[index].in_flight() == 0);
        let mut free = unused.chain(idle);
        let index = |plan: &RelayPlan| {
            let index = known(&plan.name).or_else(|| free.next())?;
            RelayIndex::try_from(index).ok()
        };
        relays.iter().map(index).collect()
    }

    fn set_relay(&mut self, index: RelayIndex, plan: &RelayPlan, now: Now) {
        let at = usize::from(index);
        if plan.is_changed || self.names.get(at) != Some(&plan.name) {
            for domain in self.destinations.forget_relay(index) {
                self.domains.release(domain);
            }
        }
        if at == self.names.len() {
            self.names.push(plan.name.clone());
            self.relays.push(Relay::new(&plan.limits, self.shares));
        } else if self.names[at] != plan.name {
            self.names[at] = plan.name.clone();
            self.relays[at] = Relay::new(&plan.limits, self.shares);
        }
        self.relays[at].configure(&plan.limits, self.shares, plan.is_changed, now);
    }

    fn set_routes(&mut self, routes: &[(RouteName, Vec<RelayName>)], now: Now) {
        let is_configured = |relay: &RelayIndex| self.order.contains(relay);
        self.routes.iter_mut().for_each(|relays| relays.retain(is_configured));
        let mut is_new = false;
        for (name, relays) in routes {
            let index = |name: &RelayName| self.names.iter().position(|known| known == name);
            let relays = relays.iter().filter_map(|name| RelayIndex::try_from(index(name)?).ok()).collect();
            match self.route_names.get(name) {
                Some(&number) => self.routes[usize::from(number)] = relays,
                None => {
                    let number = u16::try_from(self.routes.len()).unwrap_or(super::place::NO_ROUTE);
                    self.route_names.insert(name.clone(), number);
                    self.routes.push(relays);
                    is_new = true;
                }
            }
        }
        if is_new {
            self.choose_routes(now);
        }
    }

    /// No entry speaks of these relays any more.
    fn forget(&mut self, relays: &[RelayIndex], now: Now) {
        if relays.is_empty() {
            return;
        }
        let slots: Vec<Slot> = self.entries.all().collect();
        for slot in slots {
            if self.entries.entry(slot).is_some_and(|entry| relays.iter().any(|&relay| entry.mentions(relay)))
            {
                self.change(slot, now, |entry| relays.iter().for_each(|&relay| entry.forget(relay)));
            }
        }
    }
}
