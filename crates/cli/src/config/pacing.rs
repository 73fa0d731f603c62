//! `[priority]` and `[[destination]]`: in which order, and how fast, the queue is worked off.

use super::{Findings, form, schema};
use postledger_core::domain_pattern::DomainPattern;
use postledger_dispatcher::DestinationLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who goes first: critical, high, normal, low, in this order.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Priority {
    /// Parts of every relay's connections that only a class and those above it may use, so that the urgent finds one
    /// free, whatever else there is to send. Together at most 100.
    pub shares: Shares,
    /// What has waited so long for more urgent mail has one start in four.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1s", "x-max" = "24h"))]
    pub ageing: Duration,
}

/// Parts of every relay's connections that only a class and those above it may use, so that the urgent finds one free,
/// whatever else there is to send. Together at most 100.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// For critical mail. Where it is not 0 and a relay has four connections or more, one at least.
    #[schemars(range(min = 0, max = 100), extend("x-unit" = "percent"))]
    pub critical: u8,
    /// For high and critical mail, beside that.
    #[schemars(range(min = 0, max = 100), extend("x-unit" = "percent"))]
    pub high: u8,
    /// For normal mail and above, beside those. Low mail has what is left.
    #[schemars(range(min = 0, max = 100), extend("x-unit" = "percent"))]
    pub normal: u8,
}

/// What recipient domains take over each relay. The first that fits a domain holds, also where it bounds nothing;
/// without one, the relay is the bound, and what the domain itself answers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name, for the environment and for what is told of it.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// The domains: `example.net`, or `*.example.net` for all below it.
    pub domains: Vec<String>,
    /// Attempts at once.
    #[schemars(range(min = 1, max = 1000), extend("x-unit" = "connections", "x-default" = "as many as the relay has"))]
    pub max_connections: Option<usize>,
    /// Attempts started per second, at most.
    #[schemars(range(min = 0.001, max = 100_000.0), extend("x-unit" = "attempts per second", "x-default" = "as fast as it takes them"))]
    pub max_per_second: Option<f64>,
}

impl Default for Priority {
    fn default() -> Self {
        Self { shares: Shares::default(), ageing: postledger_dispatcher::Pacing::default().ageing }
    }
}

impl Default for Shares {
    fn default() -> Self {
        let postledger_dispatcher::Shares { critical, high, normal } =
            postledger_dispatcher::Shares::default();
        Self { critical, high, normal }
    }
}

impl Priority {
    pub(super) fn check(&self, findings: &mut Findings) {
        let Shares { critical, high, normal } = self.shares;
        let sum: u16 = [critical, high, normal].map(u16::from).iter().sum();
        if sum > 100 {
            findings.push(("priority.shares".into(), format!("together they are {sum}, and at most 100")));
        }
    }

    pub(super) fn shares(&self) -> postledger_dispatcher::Shares {
        let Shares { critical, high, normal } = self.shares;
        postledger_dispatcher::Shares { critical, high, normal }
    }
}

impl Destination {
    pub(super) fn check(&self, findings: &mut Findings) {
        let key = format!("destination.{}", self.name);
        if self.domains.is_empty() {
            findings.push((format!("{key}.domains"), "expected at least one domain".into()));
        }
        for domain in &self.domains {
            if let Err(invalid) = domain.parse::<DomainPattern>() {
                findings.push((format!("{key}.domains"), format!("{domain} is {invalid}")));
            }
        }
    }

    /// One for each domain, as addresses carry it.
    pub(super) fn limits(&self) -> impl Iterator<Item = DestinationLimits> + '_ {
        self.domains.iter().filter_map(|domain| domain.parse().ok()).map(|domain| DestinationLimits {
            domain,
            max_connections: self.max_connections,
            max_per_second: self.max_per_second,
        })
    }
}
