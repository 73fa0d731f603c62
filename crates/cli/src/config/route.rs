//! `[[route]]`: which relays a delivery may use, and which deliveries go by it.

use super::{Findings, form, schema};
use postledger_core::domain_pattern::DomainPattern;
use postledger_core::name::{RelayName, RouteName, Tenant};
use postledger_core::policy::Priority;
use postledger_core::route;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which relays a delivery may use, in order, and which deliveries go by it. A delivery goes by the route that its
/// request names; else by the first whose `match` takes it; else by `default`. Without any, there is one named
/// `default` over all relays as they stand.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, by which requests ask for it. One is named `default`, for what neither names a route nor is matched.
    #[serde(with = "form::text")]
    #[schemars(schema_with = "schema::name")]
    pub name: RouteName,
    /// Relays in order of preference. The next is tried where it is certain that nothing was sent.
    #[serde(with = "form::texts")]
    #[schemars(schema_with = "schema::names")]
    pub relays: Vec<RelayName>,
    /// What it takes of the deliveries whose request names no route. All that stands there must hold; of several values,
    /// one. Without it, the route takes what names it.
    #[serde(rename = "match", default)]
    pub matching: Option<Matching>,
}

/// What a route takes of the deliveries whose request names no route. All that stands there must hold; of several
/// values, one. Without it, the route takes what names it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Matching {
    /// The recipient's domain: `example.net`, or `*.example.net` for all below it.
    #[serde(with = "form::few", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::few_texts", example = &"example.net")]
    pub domain: Vec<String>,
    /// Whose mail it is.
    #[serde(with = "form::few", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::few_names")]
    pub tenant: Vec<Tenant>,
    /// One of the message's tags.
    #[serde(with = "form::few", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::few_texts", example = &"newsletter")]
    pub tag: Vec<String>,
    /// The message's priority.
    #[serde(with = "form::few", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::few_priorities", example = &"critical")]
    pub priority: Vec<Priority>,
}

/// Adds what is wrong with each of them, and with all together.
pub(super) fn check(routes: &[Route], relays: &BTreeSet<&RelayName>, findings: &mut Findings) {
    let mut before: Vec<(&RouteName, route::Match)> = Vec::new();
    for it in routes {
        let key = format!("route.{}.relays", it.name);
        if it.relays.is_empty() {
            findings.push((key.clone(), "a route has at least one relay".into()));
        }
        for unknown in it.relays.iter().filter(|relay| !relays.contains(relay)) {
            findings.push((key.clone(), format!("there is no relay named {unknown}")));
        }
        let Some(matching) = &it.matching else { continue };
        let key = format!("route.{}.match", it.name);
        for domain in &matching.domain {
            if let Err(invalid) = domain.parse::<DomainPattern>() {
                findings.push((format!("{key}.domain"), format!("{domain} is {invalid}")));
            }
        }
        let takes = matching.to_core();
        if takes.is_empty() && matching.domain.is_empty() {
            let what = "it asks for nothing: expected domain, tenant, tag or priority. Without `match`, a route takes \
                        what names it, and `default` the rest";
            findings.push((key, what.into()));
        } else if let Some((earlier, _)) = before.iter().find(|(_, earlier)| earlier.covers(&takes)) {
            findings.push((
                key,
                format!("nothing comes so far: all that it takes, route {earlier} takes before"),
            ));
        }
        before.push((&it.name, takes));
    }
    if !routes.is_empty() && !routes.iter().any(|route| route.name == RouteName::default_route()) {
        let what = "none is named default: messages that name none would have no relay";
        findings.push(("route".into(), what.into()));
    }
}

impl Route {
    /// For the dispatcher.
    pub(super) fn to_dispatcher(&self) -> postledger_dispatcher::Route {
        postledger_dispatcher::Route {
            name: self.name.clone(),
            relays: self.relays.clone(),
            takes: self.matching.as_ref().map(Matching::to_core).unwrap_or_default(),
        }
    }
}

impl Matching {
    /// Without domains that are none.
    fn to_core(&self) -> route::Match {
        route::Match {
            domains: self.domain.iter().filter_map(|domain| domain.parse().ok()).collect(),
            tenants: self.tenant.clone(),
            tags: self.tag.clone(),
            priorities: self.priority.clone(),
        }
    }
}
