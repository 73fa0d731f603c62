//! `postledger.toml`, with every key also in the environment.

mod changes;
mod dkim;
mod environment;
mod form;
mod key;
mod log;
mod pacing;
mod problem;
mod proxy;
mod reading;
mod reference;
mod relay;
mod retry;
mod route;
mod schema;
mod secret;
mod server;
mod template;

pub use changes::{Change, Settled};
pub use dkim::Dkim;
pub use key::{Found, Key, Keys};
pub use log::{Log, LogFormat, LogLevel, LogTo};
pub use pacing::{Destination, Priority};
pub use problem::{Origin, Problems};
pub use reference::reference;
pub use relay::{Relay, TlsMode, is_host};
pub use retry::Retry;
pub use route::Route;
pub use schema::schema;
pub use secret::Secret;
pub use server::Server;
pub use template::template;

use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use postledger_core::address::Address;
use postledger_core::name::RouteName;
use postledger_core::policy::Policy;
use postledger_core::route::Match;
use postledger_dispatcher::{DkimSigners, Pacing};
use reading::Reading;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What does not go together: the key, and why.
type Findings = Vec<(String, String)>;

/// The configuration of a Postledger service.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The API: where it listens, who may connect, how large a request may be.
    pub server: Server,
    /// Where the ledger lies.
    pub store: Store,
    /// A next hop: a server that takes mail for everybody, such as a provider's or one's own. At least one, at most 32.
    pub relay: Vec<Relay>,
    /// Which relays a delivery may use, in order, and which deliveries go by it. A delivery goes by the route that its
    /// request names; else by the first whose `match` takes it; else by `default`. Without any, there is one named
    /// `default` over all relays as they stand.
    pub route: Vec<Route>,
    /// Who goes first: critical, high, normal, low, in this order.
    pub priority: Priority,
    /// What recipient domains take over each relay. The first that fits a domain holds, also where it bounds nothing;
    /// without one, the relay is the bound, and what the domain itself answers.
    pub destination: Vec<Destination>,
    /// What holds for messages that say nothing about it.
    pub retry: Retry,
    /// Where bounces go.
    pub bounce: Bounce,
    /// What the service says while it runs.
    pub log: Log,
    /// A key that signs a domain's mail (DKIM). Several keys of a domain all sign.
    pub dkim: Vec<Dkim>,
}

/// Where the ledger lies.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The data directory: ledger, views, secret, control socket. `--data-dir` goes before it.
    #[schemars(schema_with = "schema::path", extend("x-restart" = true))]
    pub path: PathBuf,
    /// The anchor, a small file that remembers the ledger's end. On another disk it also tells when the whole data
    /// directory was put back to an earlier state.
    #[schemars(schema_with = "schema::path", extend("x-restart" = true, "x-default" = "`anchor` in the data directory"))]
    pub anchor_path: Option<PathBuf>,
}

/// Where bounces go.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bounce {
    /// The envelope sender of messages that give no `return_path`.
    #[serde(with = "form::optional_text")]
    #[schemars(schema_with = "schema::address", extend("x-private" = true, "x-default" = "the message's own sender"))]
    pub address: Option<Address>,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "data".into(), anchor_path: None }
    }
}

/// A configuration, with where each of its values comes from.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file it was read from.
    pub file: Option<PathBuf>,
    /// Where each key that stands anywhere stands.
    pub origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Reads `file`, or `postledger.toml` where that exists, and lays the environment over it.
    ///
    /// # Errors
    /// With exit code 2: every mistake, with its place.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let implied = Path::new("postledger.toml");
        let file = file.or_else(|| implied.exists().then_some(implied));
        let text = match file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))
                .map_err(|error| Failure::new(Exit::Usage, format!("{error:#}")))?,
            None => String::new(),
        };
        let name = file.map(|file| file.display().to_string());
        let loaded = Self::parse(name, &text, environment::variables())
            .map_err(|problems| Failure::new(Exit::Usage, problems.to_string()))?;
        Ok(Self { file: file.map(Path::to_owned), ..loaded })
    }

    /// Where the value of a key comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Reads a text that stands in the file `name`, and lays variables with their whole names over it.
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn parse(
        name: Option<String>,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let Reading { table, origins, mut problems } = Reading::new(&Keys::new(), text, variables);
        problems.file = name;
        if !problems.list.is_empty() {
            return Err(problems);
        }
        let config: Config = match table.try_into() {
            Ok(config) => config,
            Err(error) => {
                problems.add(Origin::Default, error.message());
                return Err(problems);
            }
        };
        for (key, what) in config.check() {
            problems.add(reading::nearest_origin(&origins, &key), format!("{key}: {what}"));
        }
        if problems.list.is_empty() { Ok(Self { config, file: None, origins }) } else { Err(problems) }
    }
}

impl Config {
    /// What does not go together, by key.
    fn check(&self) -> Findings {
        let mut findings = Findings::new();
        self.server.check(&mut findings);
        let names: BTreeSet<_> = self.relay.iter().map(|relay| &relay.name).collect();
        self.relay.iter().for_each(|relay| relay.check(&mut findings));
        if self.relay.len() > 32 {
            findings.push(("relay".into(), "at most 32 relays".into()));
        }
        route::check(&self.route, &names, &mut findings);
        self.priority.check(&mut findings);
        self.destination.iter().for_each(|destination| destination.check(&mut findings));
        dkim::check(&self.dkim, &mut findings);
        if self.retry.schedule.is_empty() {
            findings.push(("retry.schedule".into(), "expected at least one interval".into()));
        }
        findings
    }

    /// The policy of messages that say nothing.
    pub fn default_policy(&self) -> Policy {
        self.retry.policy()
    }

    /// With what is meant where nothing stands.
    pub fn effective(&self) -> Self {
        let mut config = self.clone();
        for relay in &mut config.relay {
            (relay.port, relay.hello_name) = (Some(relay.port()), Some(relay.hello()));
        }
        if config.route.is_empty() && !config.relay.is_empty() {
            let relays = config.relay.iter().map(|relay| relay.name.clone()).collect();
            config.route = vec![Route { name: RouteName::default_route(), relays, matching: None }];
        }
        config
    }

    /// In which order, and how fast, the queue is worked off.
    pub fn pacing(&self) -> Pacing {
        Pacing {
            shares: self.priority.shares(),
            ageing: self.priority.ageing,
            destinations: self.destination.iter().flat_map(Destination::limits).collect(),
        }
    }

    /// The signers: reads every key file.
    ///
    /// # Errors
    /// With exit code 2: the key and what is wrong with it.
    pub fn signers(&self) -> Result<DkimSigners> {
        self.dkim.iter().map(Dkim::to_signer).collect()
    }

    /// The routes: as configured, or one over all relays.
    pub fn routes(&self) -> Vec<postledger_dispatcher::Route> {
        if self.route.is_empty() {
            let relays = self.relay.iter().map(|relay| relay.name.clone()).collect();
            let name = RouteName::default_route();
            return vec![postledger_dispatcher::Route { name, relays, takes: Match::default() }];
        }
        self.route.iter().map(Route::to_dispatcher).collect()
    }
}

#[cfg(test)]
mod tests;
