//! `[retry]`: what holds for messages that say nothing about it.

use super::{form, schema};
use postledger_core::policy::{Policy, RetryPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What holds for messages that say nothing about it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The intervals between rounds over the route's relays; the last one repeats. Each varies by a fifth.
    #[serde(with = "form::durations")]
    #[schemars(schema_with = "schema::durations", extend("x-min" = "1s", "x-max" = "30d"))]
    pub schedule: Vec<Duration>,
    /// After so many attempts a delivery has failed; those in which nothing could be sent do not count.
    #[schemars(range(min = 1, max = 100), example = 20, extend("x-unit" = "attempts", "x-default" = "as many as fit into `expires_after`"))]
    pub max_attempts: Option<u32>,
    /// From when it may be sent until a delivery has failed.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1m", "x-max" = "30d"))]
    pub expires_after: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let Policy { retry, expires_after, .. } = Policy::default();
        Self { schedule: retry.schedule.to_vec(), max_attempts: retry.max_attempts, expires_after }
    }
}

impl Retry {
    /// The policy of messages that say nothing.
    pub fn policy(&self) -> Policy {
        let retry = RetryPolicy { max_attempts: self.max_attempts, schedule: self.schedule.clone().into() };
        Policy { retry, expires_after: self.expires_after, ..Policy::default() }
    }
}
