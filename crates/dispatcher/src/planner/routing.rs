//! By which route each delivery goes, and what has to be remembered to choose again when the configuration changes.

use super::entry::Entry;
use super::place::NO_ROUTE;
use super::slab::Slot;
use super::{Now, Planner};
use postledger_core::explanation::RouteUse;
use postledger_core::name::{RouteName, Tenant};
use postledger_core::policy::Policy;
use postledger_core::route::{Choice, RouteReason, Rule, Traits, choose};
use std::collections::HashMap;

/// The tags of a delivery, by their number.
pub(crate) type TagsIndex = u16;

/// Of each message, the tags that a rule asks for: all others choose nothing. There are few such sets.
#[derive(Debug, Default)]
pub(super) struct Tags {
    numbers: HashMap<Vec<String>, TagsIndex>,
    known: Vec<Vec<String>>,
}

impl Tags {
    /// The number of those among `tags` that a rule asks for. 65535 sets are more than a configuration makes; what is
    /// beyond them chooses as if it had no tags.
    fn number(&mut self, tags: &[String], rules: &[Rule]) -> TagsIndex {
        let is_asked_for = |tag: &&String| rules.iter().any(|rule| rule.takes.tags.contains(tag));
        let mut asked: Vec<String> = tags.iter().filter(is_asked_for).cloned().collect();
        if asked.is_empty() {
            return 0;
        }
        asked.sort_unstable();
        asked.dedup();
        if let Some(&number) = self.numbers.get(&asked) {
            return number;
        }
        let Ok(number) = TagsIndex::try_from(self.known.len() + 1) else { return 0 };
        self.numbers.insert(asked.clone(), number);
        self.known.push(asked);
        number
    }

    fn of(&self, number: TagsIndex) -> &[String] {
        usize::from(number).checked_sub(1).and_then(|at| self.known.get(at)).map_or(&[], Vec::as_slice)
    }
}

impl Planner {
    /// Takes over what routes take of the deliveries whose request names none, and chooses anew for all that wait. A tag
    /// that no rule asked for until now is not known of them.
    pub(crate) fn handle_rules(&mut self, rules: Vec<Rule>, now: Now) {
        if rules != self.rules {
            self.rules = rules;
            self.choose_routes(now);
        }
    }

    /// The tags by which a message's deliveries are told apart.
    pub(super) fn tags_number(&mut self, tags: &[String]) -> TagsIndex {
        if self.rules.is_empty() { 0 } else { self.tags.number(tags, &self.rules) }
    }

    /// The route of a delivery that comes in.
    pub(super) fn route_for(&self, policy: &Policy, tenant: &Tenant, domain: &str, tags: TagsIndex) -> u16 {
        let tags = self.tags.of(tags);
        let traits = Traits { domain, tenant, tags, priority: policy.priority };
        let numbered = |name: &RouteName| self.route_names.get(name).copied();
        match choose(policy.route.as_ref(), &self.rules, &traits) {
            Choice::Named(name) | Choice::Matched(name) => numbered(name),
            Choice::Default => numbered(&self.default_route),
        }
        .unwrap_or(NO_ROUTE)
    }

    /// For everything that is held. What its request named stays; so does a route that is configured no longer.
    pub(super) fn choose_routes(&mut self, now: Now) {
        let slots: Vec<Slot> = self.entries.all().collect();
        for slot in slots {
            let Some(entry) = self.entries.entry(slot) else { continue };
            let route = self.tenants.get(entry.tenant as usize).map_or(NO_ROUTE, |tenant| {
                let domain = self.domains.name(entry.domain).unwrap_or_default();
                self.route_for(&entry.policy, tenant, domain, entry.tags)
            });
            if route != entry.route {
                self.change(slot, now, |entry| entry.route = route);
            }
        }
    }

    /// By which route it goes, and why.
    pub(super) fn route_of(&self, entry: &Entry) -> RouteUse {
        let named = entry.policy.route.as_ref();
        let chosen = self.route_names.iter().find(|(_, number)| **number == entry.route);
        let name = chosen.map(|(name, _)| name).or(named).unwrap_or(&self.default_route).clone();
        let reason = self.tenants.get(entry.tenant as usize).map_or(RouteReason::Default, |tenant| {
            let domain = self.domains.name(entry.domain).unwrap_or_default();
            let (tags, priority) = (self.tags.of(entry.tags), entry.policy.priority);
            choose(named, &self.rules, &Traits { domain, tenant, tags, priority }).reason()
        });
        RouteUse { name, reason }
    }
}
