//! `/v1/relays`: what the next hops are doing.

pub(crate) mod drill;

use crate::answer::{self, Data};
use crate::api::Shared;
use crate::event_json::NotSentJson;
use crate::shown::{shown, shown_option};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use postledger_core::name::Actor;
use postledger_core::relay::RelayStatus;
use postledger_core::time::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A relay and what it is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Relay)]
pub(crate) struct RelayJson<'a> {
    /// Its name.
    #[schema(example = "primary")]
    name: &'a str,
    /// Its host, as configured.
    host: &'a str,
    /// Its port.
    port: u16,
    /// False while it is left alone because nothing could be sent there.
    is_up: bool,
    /// Its breaker: `closed` (mail goes there), `open` (not for a while), `probing` (a connection without mail, then one
    /// delivery, shows whether it can be used again).
    breaker: &'static str,
    /// Since when; null: since it was configured, or since the start.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Who opened the breaker on purpose, while it is open for that.
    drilled_by: Option<&'a str>,
    /// When it will be tried again, or the drill ends, while it is open.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retry_at: Option<Timestamp>,
    /// Open connections.
    connections: usize,
    /// Attempts in flight.
    in_flight: usize,
    /// Why nothing could be sent the last time that was so.
    last_trouble: Option<TroubleJson<'a>>,
}

/// When and why nothing could be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trouble)]
pub(crate) struct TroubleJson<'a> {
    /// When.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why.
    #[serde(flatten)]
    not_sent: NotSentJson<'a>,
}

/// List relays.
///
/// In configured order.
#[utoipa::path(
    get, path = "/v1/relays", operation_id = "list_relays", tag = "service",
    responses((status = 200, description = "All relays", body = Data<RelayJson<'static>>)),
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let relays = shared.services.dispatching.relays();
    answer::json(StatusCode::OK, &Data { data: relays.iter().map(RelayJson::new).collect() })
}

impl<'a> RelayJson<'a> {
    fn new(relay: &'a RelayStatus) -> Self {
        let trouble = relay.last_trouble.as_ref();
        Self {
            name: relay.name.as_str(),
            host: &relay.host,
            port: relay.port,
            is_up: relay.is_up,
            breaker: relay.breaker.as_str(),
            since: relay.since,
            drilled_by: relay.drilled_by.as_ref().map(Actor::as_str),
            retry_at: relay.retry_at,
            connections: relay.connections,
            in_flight: relay.in_flight,
            last_trouble: trouble.map(|(at, why)| TroubleJson { at: *at, not_sent: NotSentJson::new(why) }),
        }
    }
}
