//! `postledger.toml`, with every key also in the environment.

mod changes;
mod environment;
mod form;
mod log;
mod relay;
mod secret;
mod server;

pub use changes::{Change, Settled};
pub use log::{Log, LogFormat, LogLevel, LogTo};
pub use relay::Relay;
pub use secret::Secret;
pub use server::Server;

use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use postledger_core::address::Address;
use postledger_core::name::{RelayName, RouteName};
use postledger_core::policy::{Policy, RetryPolicy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The API.
    pub server: Server,
    /// The ledger.
    pub store: Store,
    /// The next hops.
    pub relay: Vec<Relay>,
    /// Which relays a delivery may use, in order. Without any: `default`, over all relays as they stand.
    pub route: Vec<Route>,
    /// The policy of messages that say nothing.
    pub retry: Retry,
    /// Where bounces go.
    pub bounce: Bounce,
    /// The log.
    pub log: Log,
}

/// `[store]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The data directory.
    pub path: PathBuf,
    /// The anchor, if it shall lie elsewhere.
    pub anchor_path: Option<PathBuf>,
}

/// `[[route]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name; messages ask for it.
    #[serde(with = "form::text")]
    pub name: RouteName,
    /// Relays in order.
    #[serde(with = "form::texts")]
    pub relays: Vec<RelayName>,
}

/// `[retry]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    #[serde(with = "form::durations")]
    schedule: Vec<Duration>,
    max_attempts: Option<u32>,
    #[serde(with = "form::optional_duration")]
    expires_after: Option<Duration>,
}

/// `[bounce]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounce {
    /// The reverse path of messages that give none.
    #[serde(with = "form::optional_text")]
    pub address: Option<Address>,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "data".into(), anchor_path: None }
    }
}

impl Config {
    /// Reads `file`, or `postledger.toml` where that exists, and lays the environment over it.
    ///
    /// # Errors
    /// With exit code 2: the file, the key and what is wrong with it.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let implied = Path::new("postledger.toml");
        let file = file.or_else(|| implied.exists().then_some(implied));
        let text = match file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))
                .map_err(|error| Failure::new(Exit::Usage, format!("{error:#}")))?,
            None => String::new(),
        };
        let variables: Vec<_> = environment::variables().collect();
        let name = match (file, variables.is_empty()) {
            (Some(file), true) => file.display().to_string(),
            (Some(file), false) => format!("{} and the environment", file.display()),
            (None, _) => "the environment".to_owned(),
        };
        Self::parse(&text, variables).map_err(|what| Failure::new(Exit::Usage, format!("{name}: {what}")))
    }

    /// Reads a text, and lays variables with their whole names over it.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn parse(text: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        // Read as written first: its errors point at line and column.
        let written: Self = toml::from_str(text).map_err(|error| located(text, &error))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| located(text, &error))?;
        let config = match environment::overlay(&mut table, variables)? {
            true => environment::read(table)?,
            false => written,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for relay in &self.relay {
            relay.check()?;
            if !names.insert(&relay.name) {
                return Err(format!("relay {} stands there twice", relay.name));
            }
        }
        let mut routes = BTreeSet::new();
        for route in &self.route {
            if route.relays.is_empty() {
                return Err(format!("route {} has no relay", route.name));
            }
            if let Some(unknown) = route.relays.iter().find(|relay| !names.contains(relay)) {
                return Err(format!("route {} names relay {unknown}, which does not exist", route.name));
            }
            if !routes.insert(&route.name) {
                return Err(format!("route {} stands there twice", route.name));
            }
        }
        if !self.route.is_empty() && !routes.contains(&RouteName::default_route()) {
            return Err("there is no route named default; messages that name none would have no relay".into());
        }
        self.server.check()?;
        let retry = &self.retry;
        if retry.schedule.iter().any(|interval| *interval < Duration::from_secs(1)) {
            return Err("retry.schedule: an interval is at least 1s".into());
        }
        if retry.max_attempts.is_some_and(|max| !(1..=100).contains(&max)) {
            return Err("retry.max_attempts is 1 to 100".into());
        }
        let lifetime = Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3600);
        if retry.expires_after.is_some_and(|after| !lifetime.contains(&after)) {
            return Err("retry.expires_after is 1m to 30d".into());
        }
        Ok(())
    }

    /// The policy of messages that say nothing.
    pub fn default_policy(&self) -> Policy {
        let policy = Policy::default();
        let schedule = match &self.retry.schedule[..] {
            [] => policy.retry.schedule,
            schedule => schedule.into(),
        };
        let retry = RetryPolicy { max_attempts: self.retry.max_attempts, schedule };
        Policy { retry, expires_after: self.retry.expires_after.unwrap_or(policy.expires_after), ..policy }
    }

    /// The routes: as configured, or one over all relays.
    pub fn routes(&self) -> Vec<postledger_dispatcher::Route> {
        if self.route.is_empty() {
            let relays = self.relay.iter().map(|relay| relay.name.clone()).collect();
            return vec![postledger_dispatcher::Route { name: RouteName::default_route(), relays }];
        }
        let route = |route: &Route| postledger_dispatcher::Route {
            name: route.name.clone(),
            relays: route.relays.clone(),
        };
        self.route.iter().map(route).collect()
    }
}

/// The mistake by line and column. The line itself, which the error's own text repeats, may hold a password.
fn located(text: &str, error: &toml::de::Error) -> String {
    let what = with_suggestion(error.message());
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return what };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {what}")
}

/// serde names the field that it does not know and those that it does; the nearest is most likely meant.
fn with_suggestion(error: &str) -> String {
    let mut quoted = error
        .lines()
        .filter(|line| line.contains("unknown field"))
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let Some(unknown) = quoted.next() else { return error.to_owned() };
    let nearest = quoted.max_by(|a, b| strsim::jaro(unknown, a).total_cmp(&strsim::jaro(unknown, b)));
    match nearest {
        Some(known) if strsim::jaro(unknown, known) > 0.7 => {
            format!("{}; did you mean `{known}`?", error.trim_end())
        }
        _ => error.to_owned(),
    }
}

#[cfg(test)]
mod tests;
