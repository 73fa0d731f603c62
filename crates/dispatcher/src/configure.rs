//! Takes over relays and routes, at the start and while mail flows.

use crate::config::{Pacing, RelayConfig, Route};
use crate::engine::{Engine, RelaySlot};
use crate::meters;
use crate::planner::{RelayLimits, RelayPlan, RelaySet};
use crate::transport::Endpoint;
use crate::transport::tls::TlsSetupError;
use postledger_core::name::{RelayName, RouteName};
use postledger_core::route::Rule;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Why relays and routes cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A route names a relay that is not configured.
    #[error("route {route} names the relay {relay}, which is not configured")]
    UnknownRelay {
        /// The route.
        route: RouteName,
        /// What it names.
        relay: RelayName,
    },
    /// A route has no relay.
    #[error("route {0} has no relay")]
    EmptyRoute(RouteName),
    /// Two relays have one name.
    #[error("two relays are named {0}")]
    DuplicateRelay(RelayName),
    /// Two routes have one name.
    #[error("two routes are named {0}")]
    DuplicateRoute(RouteName),
    /// More relays than the planner can tell apart.
    #[error("at most {} relays can be configured", RelaySet::CAPACITY)]
    TooManyRelays,
    /// The relays are few enough, but not together with those that were removed and still have attempts in flight.
    #[error(
        "removed relays still have attempts in flight, and at most {} can be known at a time; again in a while",
        RelaySet::CAPACITY
    )]
    StillBusy,
    /// A relay's TLS cannot be set up.
    #[error("relay {relay}: {source}")]
    Tls {
        /// The relay.
        relay: RelayName,
        /// Why.
        source: TlsSetupError,
    },
}

/// What became other by a [`reconfigure`](crate::Dispatcher::reconfigure).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reconfigured {
    /// Relays that were not configured before.
    pub added: Vec<RelayName>,
    /// Relays that are something else now: settings, login or trusted certificates.
    pub changed: Vec<RelayName>,
    /// Relays that get no new attempt. What is in flight there ends there.
    pub removed: Vec<RelayName>,
    /// Deliveries that wait for a route without a relay: the route was removed, and so were its relays.
    pub stranded: Vec<(RouteName, u64)>,
}

/// Relays and routes that go together, with everything that can go wrong gone right.
pub(crate) struct Setup {
    endpoints: Vec<Endpoint>,
    routes: Vec<(RouteName, Vec<RelayName>)>,
    rules: Vec<Rule>,
    pacing: Pacing,
}

impl Setup {
    pub(crate) fn new(
        relays: Vec<RelayConfig>,
        routes: Vec<Route>,
        pacing: Pacing,
    ) -> Result<Self, SetupError> {
        if relays.len() > RelaySet::CAPACITY {
            return Err(SetupError::TooManyRelays);
        }
        let mut names = HashSet::new();
        if let Some(twice) = relays.iter().find(|relay| !names.insert(&relay.name)) {
            return Err(SetupError::DuplicateRelay(twice.name.clone()));
        }
        let mut route_names = HashSet::new();
        for Route { name, relays, .. } in &routes {
            if !route_names.insert(name) {
                return Err(SetupError::DuplicateRoute(name.clone()));
            }
            if relays.is_empty() {
                return Err(SetupError::EmptyRoute(name.clone()));
            }
            if let Some(unknown) = relays.iter().find(|relay| !names.contains(relay)) {
                return Err(SetupError::UnknownRelay { route: name.clone(), relay: unknown.clone() });
            }
        }
        let endpoints = relays.into_iter().map(endpoint).collect::<Result<_, _>>()?;
        let is_taking = |route: &&Route| !route.takes.is_empty();
        let rule = |Route { name, takes, .. }: &Route| Rule { route: name.clone(), takes: takes.clone() };
        let rules = routes.iter().filter(is_taking).map(rule).collect();
        let routes = routes.into_iter().map(|Route { name, relays, .. }| (name, relays)).collect();
        Ok(Self { endpoints, routes, rules, pacing })
    }

    /// Puts it in force, all at once.
    ///
    /// # Errors
    /// [`SetupError::StillBusy`]; nothing was changed.
    pub(crate) fn apply(self, engine: &Engine) -> Result<Reconfigured, SetupError> {
        let mut closed = Vec::new();
        let reconfigured = engine.with_queue(|planner, now| {
            let before: HashMap<RelayName, Arc<RelaySlot>> =
                planner.relays().map(|(index, name, _)| (name.clone(), engine.relay(index))).collect();
            let mut told = Reconfigured::default();
            let mut slots = Vec::new();
            let mut plans = Vec::new();
            for endpoint in self.endpoints {
                let name = endpoint.config.name.clone();
                let kept = before.get(&name).filter(|slot| slot.endpoint.is_same(&endpoint)).cloned();
                plans.push(RelayPlan {
                    name: name.clone(),
                    limits: RelayLimits {
                        max_connections: endpoint.config.max_connections,
                        per_second: endpoint.config.max_per_second,
                    },
                    is_changed: kept.is_none(),
                });
                match &kept {
                    Some(_) => {}
                    None if before.contains_key(&name) => told.changed.push(name),
                    None => told.added.push(name),
                }
                slots.push(kept.unwrap_or_else(|| RelaySlot::new(endpoint)));
            }
            let indices = planner
                .handle_configured(&plans, &self.routes, &self.pacing, now)
                .map_err(|_| SetupError::StillBusy)?;
            planner.handle_rules(self.rules, now);
            let mut relays = engine.relays();
            for (index, slot) in indices.into_iter().map(usize::from).zip(slots) {
                match relays.get_mut(index) {
                    Some(place) => *place = slot,
                    None => relays.push(slot),
                }
            }
            let names: HashSet<_> = plans.iter().map(|plan| &plan.name).collect();
            for (name, slot) in before {
                let is_kept =
                    relays.iter().any(|present| Arc::ptr_eq(present, &slot)) && names.contains(&name);
                if !is_kept {
                    closed.extend(slot.pool.close());
                }
                if !names.contains(&name) {
                    told.removed.push(name);
                }
            }
            engine.set_relays(relays);
            told.stranded = planner.stranded();
            Ok(told)
        })?;
        for connection in closed {
            engine.tasks.spawn(connection.quit());
        }
        reconfigured.removed.iter().for_each(meters::removed);
        engine.inbox.wake.notify_one();
        Ok(reconfigured)
    }
}

fn endpoint(config: RelayConfig) -> Result<Endpoint, SetupError> {
    let relay = config.name.clone();
    Endpoint::new(config).map_err(|source| SetupError::Tls { relay, source })
}
