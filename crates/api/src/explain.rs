//! `/v1/deliveries/{id}/explain`: why a delivery is where it is.

use crate::answer;
use crate::api::Shared;
use crate::caller::Caller;
use crate::history;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::shown::{shown, shown_option};
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Response, StatusCode};
use postledger_core::explanation::{Explanation, RouteUse, Rule};
use postledger_core::id::DeliveryId;
use postledger_core::message::Delivery;
use postledger_core::route::RouteReason;
use postledger_core::time::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Where a delivery stands, and the one rule by which it waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationJson<'a> {
    /// The delivery.
    id: String,
    /// Its status.
    status: &'static str,
    /// `next`, `sending`, `prepared`, `held`, `not_due`, `suspected`, `unroutable`, `relays_down`, `relay_rate`, `relay_full`,
    /// `destination_parked`, `destination_full`, `destination_rate`, `ledger_busy`, `starting`, `stopping`,
    /// `damaged`, `ended`.
    rule: &'static str,
    /// The rule in words.
    explanation: String,
    /// When the rule lets go by itself, where that is known.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Its class.
    priority: &'static str,
    /// Its route; null for one that has ended, unless the request named it.
    route: Option<&'a str>,
    /// Why that one: `named` by the request, `matched` as the first whose `match` takes it, or `default`.
    route_reason: Option<&'static str>,
    /// The earliest next attempt.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// The end of its lifetime.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The relay that it waits for.
    relay: Option<RelayUseJson<'a>>,
    /// The recipient's domain at that relay.
    destination: Option<DestinationUseJson<'a>>,
}

/// How busy a relay is for mail of this class.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RelayUse)]
pub(crate) struct RelayUseJson<'a> {
    /// The relay.
    name: &'a str,
    /// Attempts that count against the bound of the class.
    in_flight: usize,
    /// The bound.
    allowed: usize,
}

/// How busy a recipient's domain is over that relay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DestinationUse)]
pub(crate) struct DestinationUseJson<'a> {
    /// The domain.
    domain: &'a str,
    /// Attempts under way.
    in_flight: usize,
    /// At most so many; null while nothing but the relay bounds them.
    window: Option<usize>,
}

/// Explain a delivery.
///
/// The class, the place in relay and destination, the next time, and the one rule that it waits by, in words and
/// fields.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}/explain", operation_id = "explain_delivery", tag = "deliveries",
    params(("id" = String, Path, description = "`dlv_…_<ordinal>`")),
    responses((status = 200, description = "Why it is where it is", body = ExplanationJson<'static>)),
)]
pub(crate) async fn explain(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<DeliveryId>,
) -> Result<Response<Body>, Problem> {
    let (message, _) = history::seen_by(&shared, &caller, id.message).await?;
    let delivery = message.delivery(id.ordinal).ok_or_else(Problem::not_found)?;
    let known = if delivery.state.phase.is_final() { None } else { shared.services.dispatching.explain(id) };
    let explained = known.unwrap_or_else(|| unheld(delivery));
    let now = shared.services.clock.now();
    Ok(answer::json(StatusCode::OK, &ExplanationJson::new(delivery, &explained, now)))
}

/// Of a delivery that the queue does not hold: it has ended, or it should be there and is not.
fn unheld(delivery: &Delivery) -> Explanation {
    let state = &delivery.state;
    let named = state.policy.route.clone();
    Explanation {
        rule: if state.phase.is_final() { Rule::Ended } else { Rule::Damaged },
        until: None,
        priority: state.policy.priority,
        route: named.map(|name| RouteUse { name, reason: RouteReason::Named }),
        due: None,
        expires_at: state.expires_at(),
        relay: None,
        destination: None,
    }
}

impl<'a> ExplanationJson<'a> {
    fn new(delivery: &Delivery, explained: &'a Explanation, now: Timestamp) -> Self {
        let relay = explained.relay.as_ref();
        let destination = explained.destination.as_ref();
        Self {
            id: delivery.id.to_string(),
            status: delivery.state.status(now).as_str(),
            rule: explained.rule.as_str(),
            explanation: explained.in_words(),
            until: explained.until,
            priority: explained.priority.as_str(),
            route: explained.route.as_ref().map(|route| route.name.as_str()),
            route_reason: explained.route.as_ref().map(|route| route.reason.as_str()),
            due: explained.due,
            expires_at: explained.expires_at,
            relay: relay.map(|relay| RelayUseJson {
                name: relay.name.as_str(),
                in_flight: relay.in_flight,
                allowed: relay.allowed,
            }),
            destination: destination.map(|destination| DestinationUseJson {
                domain: &destination.domain,
                in_flight: destination.in_flight,
                window: destination.window,
            }),
        }
    }
}
