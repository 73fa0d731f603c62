//! What the exported events say of one delivery.

use super::expected::Class;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A delivery's attempts, in order.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Attempts that began.
    pub(super) begun: usize,
    /// Of the attempts that ended: what they came to.
    pub(super) classes: Vec<Class>,
    /// Where it broke off, of those attempts of which nothing was sent.
    pub(super) stages: Vec<String>,
    /// How it broke off, of all attempts that did.
    troubles: Vec<String>,
    /// Whether it is held.
    pub(super) held: bool,
}

impl Account {
    /// Reads the events of the message's first delivery.
    pub(super) fn read(export: &[Value], id: &str) -> Result<Self> {
        let mut account = Self::default();
        for event in export.iter().filter(|it| it["stream"] == id && it["delivery"] == 1) {
            let class = match event["kind"].as_str().context("an event has a kind")? {
                "attempted" => {
                    account.begun += 1;
                    continue;
                }
                "held" => {
                    account.held = true;
                    continue;
                }
                "delivered" => Class::Delivered,
                "deferred" if event["not_sent"].is_object() => Class::NotSent,
                "deferred" => Class::Transient,
                "unknown" => Class::Unknown,
                "failed" if event["attempt"].is_u64() => Class::Permanent,
                other => bail!("{id} has an event {other} that no cell expects: {event}"),
            };
            account.classes.push(class);
            account.stages.extend(event["not_sent"]["stage"].as_str().map(str::to_owned));
            let trouble = event["not_sent"]["trouble"].as_str().or(event["trouble"].as_str());
            account.troubles.extend(trouble.map(str::to_owned));
        }
        Ok(account)
    }
}
