//! Recipient domains that have mail, by number: a backlog of a million shares few.

use super::class::DomainIndex;
use super::destinations::Allowance;
use crate::config::DestinationLimits;
use std::collections::HashMap;
use std::sync::Arc;

/// Numbers are given back when nobody uses them.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    numbers: HashMap<Arc<str>, DomainIndex>,
    known: Vec<Known>,
    free: Vec<DomainIndex>,
    rules: Vec<DestinationLimits>,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    users: u32,
    allowance: Allowance,
}

fn allowance(rules: &[DestinationLimits], domain: &str) -> Allowance {
    let rule = rules.iter().find(|rule| rule.domain.takes(domain));
    rule.map_or(Allowance::UNLIMITED, |rule| Allowance {
        max_connections: rule.max_connections.unwrap_or(usize::MAX),
        per_second: rule.max_per_second,
    })
}

impl Domains {
    /// The first rule that fits a domain holds, from now on.
    pub(crate) fn configure(&mut self, rules: &[DestinationLimits]) {
        self.rules = rules.to_vec();
        for known in &mut self.known {
            known.allowance = allowance(rules, &known.name);
        }
    }

    /// One user more of a domain, in lower case: its number is its until [`Domains::release`].
    pub(crate) fn acquire(&mut self, domain: &str) -> DomainIndex {
        if let Some(&number) = self.numbers.get(domain) {
            self.retain(number);
            return number;
        }
        let allowance = allowance(&self.rules, domain);
        let known = Known { name: domain.into(), users: 1, allowance };
        let name = known.name.clone();
        let number = if let Some(number) = self.free.pop() {
            self.known[number as usize] = known;
            number
        } else {
            self.known.push(known);
            DomainIndex::try_from(self.known.len() - 1).expect("memory ends before 2^32 domains")
        };
        self.numbers.insert(name, number);
        number
    }

    /// One user more of a number that is in use.
    pub(crate) fn retain(&mut self, number: DomainIndex) {
        if let Some(known) = self.known.get_mut(number as usize) {
            known.users += 1;
        }
    }

    /// One user less.
    pub(crate) fn release(&mut self, number: DomainIndex) {
        let Some(known) = self.known.get_mut(number as usize) else { return };
        known.users = known.users.saturating_sub(1);
        if known.users == 0 && self.numbers.remove(&known.name).is_some() {
            known.name = "".into();
            self.free.push(number);
        }
    }

    pub(crate) fn allowance(&self, number: DomainIndex) -> Allowance {
        self.known.get(number as usize).map_or(Allowance::UNLIMITED, |known| known.allowance)
    }

    /// Domains in use.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn name(&self, number: DomainIndex) -> Option<&str> {
        self.known.get(number as usize).map(|known| &*known.name)
    }
}
