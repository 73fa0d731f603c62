//! Recipient domains that have mail, by number: a backlog of a million shares few.

use super::class::DomainIndex;
use super::destinations::Allowance;
use std::collections::HashMap;
use std::sync::Arc;

/// What the operator allows the domains of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// A domain in lower case, or `*.` and a domain for all below it.
    pub pattern: String,
    pub allowance: Allowance,
}

/// Numbers are given back when nobody uses them.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    numbers: HashMap<Arc<str>, DomainIndex>,
    known: Vec<Known>,
    free: Vec<DomainIndex>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    users: u32,
    allowance: Allowance,
}

impl Rule {
    fn is_for(&self, domain: &str) -> bool {
        match self.pattern.strip_prefix("*.") {
            Some(parent) => domain.strip_suffix(parent).is_some_and(|below| below.ends_with('.')),
            None => domain == self.pattern,
        }
    }
}

impl Domains {
    /// The first rule that fits a domain holds.
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// One user more of a domain, in lower case: its number is its until [`Domains::release`].
    pub(crate) fn acquire(&mut self, domain: &str) -> DomainIndex {
        if let Some(&number) = self.numbers.get(domain) {
            self.retain(number);
            return number;
        }
        let rule = self.rules.iter().find(|rule| rule.is_for(domain));
        let allowance = rule.map_or(Allowance::UNLIMITED, |rule| rule.allowance);
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
