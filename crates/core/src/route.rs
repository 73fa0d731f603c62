//! Which route a delivery takes.
//!
//! The route that its request names; else the first whose `match` takes it; else `default`. The decision is the
//! delivery's own: recipients of one message may go different ways.

use crate::domain_pattern::DomainPattern;
use crate::name::{RouteName, Tenant};
use crate::outcome::closed_set;
use crate::policy::Priority;

/// What a route takes of the deliveries whose request names none. Each list that is not empty must hold the delivery's
/// own; all empty, it takes none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// The recipient's domain.
    pub domains: Vec<DomainPattern>,
    /// Whose mail it is.
    pub tenants: Vec<Tenant>,
    /// One of the message's tags.
    pub tags: Vec<String>,
    /// The urgency.
    pub priorities: Vec<Priority>,
}

/// A route with what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The route.
    pub route: RouteName,
    /// What it takes.
    pub takes: Match,
}

/// What a route is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// The recipient's domain, in lower case.
    pub domain: &'a str,
    /// Whose mail it is.
    pub tenant: &'a Tenant,
    /// The message's tags; at least those that a rule asks for.
    pub tags: &'a [String],
    /// The urgency.
    pub priority: Priority,
}

/// A route, and why it is that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The request named it.
    Named(&'a RouteName),
    /// It is the first that takes the delivery.
    Matched(&'a RouteName),
    /// None takes it: `default`.
    Default,
}

closed_set! {
    /// Why a delivery goes by its route.
    RouteReason {
        /// The request named it.
        Named = "named",
        /// It is the first whose `match` takes the delivery.
        Matched = "matched",
        /// No route's `match` takes the delivery.
        Default = "default",
    }
}

/// The route of a delivery whose request named `named`, of rules in their order.
pub fn choose<'a>(named: Option<&'a RouteName>, rules: &'a [Rule], delivery: &Traits<'_>) -> Choice<'a> {
    if let Some(named) = named {
        return Choice::Named(named);
    }
    let taken = rules.iter().find(|rule| rule.takes.takes(delivery));
    taken.map_or(Choice::Default, |rule| Choice::Matched(&rule.route))
}

impl Choice<'_> {
    /// Why it is that route.
    pub const fn reason(&self) -> RouteReason {
        match self {
            Self::Named(_) => RouteReason::Named,
            Self::Matched(_) => RouteReason::Matched,
            Self::Default => RouteReason::Default,
        }
    }
}

impl Match {
    /// Whether it asks for nothing, and so takes nothing.
    pub const fn is_empty(&self) -> bool {
        self.domains.is_empty()
            && self.tenants.is_empty()
            && self.tags.is_empty()
            && self.priorities.is_empty()
    }

    /// Whether it takes a delivery.
    pub fn takes(&self, delivery: &Traits<'_>) -> bool {
        !self.is_empty()
            && holds(&self.domains, |domain| domain.takes(delivery.domain))
            && holds(&self.tenants, |tenant| tenant == delivery.tenant)
            && holds(&self.tags, |tag| delivery.tags.contains(tag))
            && holds(&self.priorities, |priority| *priority == delivery.priority)
    }

    /// Whether it takes all that the other could: the other, if it comes later, is never asked.
    pub fn covers(&self, other: &Self) -> bool {
        !self.is_empty()
            && covers(&self.domains, &other.domains, DomainPattern::covers)
            && covers(&self.tenants, &other.tenants, PartialEq::eq)
            && covers(&self.tags, &other.tags, PartialEq::eq)
            && covers(&self.priorities, &other.priorities, PartialEq::eq)
    }
}

fn holds<T>(asked: &[T], is_it: impl Fn(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(is_it)
}

fn covers<T>(wide: &[T], narrow: &[T], takes: impl Fn(&T, &T) -> bool) -> bool {
    let is_in_wide = |one: &T| wide.iter().any(|other| takes(other, one));
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(is_in_wide)
}

#[cfg(test)]
mod tests;
