//! `/livez`, `/readyz`, `/metrics`: for those who watch the service.

use crate::answer;
use crate::api::Shared;
use crate::problem::{Problem, code};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use postledger_core::ledger::{MessageQuery, ViewsError};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// `ok`.
    status: &'static str,
}

/// Whether the service does what it is there for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok`, or `degraded`: mail is accepted, but no relay is up.
    status: &'static str,
    /// The relays that are left alone at present.
    relays_down: Vec<String>,
    /// Whether lists can be read: `ready`, `rebuilding`, `unreadable`. Mail does not wait for them.
    views: &'static str,
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/livez", tag = "service",
    responses((status = 200, description = "It does", body = Alive)),
)]
pub(crate) async fn livez() -> Response<Body> {
    answer::json(StatusCode::OK, &Alive { status: "ok" })
}

/// Whether mail can be accepted.
///
/// A relay that is down does not make the service unready: what is accepted waits for it.
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot: a problem with code `unavailable`"),
    ),
)]
pub(crate) async fn readyz(State(shared): State<Arc<Shared>>) -> Result<Response<Body>, Problem> {
    let services = &shared.services;
    if !services.ledger.head().is_writable {
        let detail = "the ledger accepts no writes";
        return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(5));
    }
    let relays = services.dispatching.relays();
    let down: Vec<_> =
        relays.iter().filter(|relay| !relay.is_up).map(|relay| relay.name.to_string()).collect();
    let newest = MessageQuery {
        tenant: None,
        status: None,
        recipient: None,
        tag: None,
        priority: None,
        created_before: None,
        created_after: None,
        now: services.clock.now(),
        before: None,
        limit: 1,
    };
    let views = match services.views.list(newest).await {
        Ok(_) => "ready",
        Err(ViewsError::Rebuilding) => "rebuilding",
        Err(ViewsError::Unreadable(_)) => "unreadable",
    };
    let is_degraded = down.len() == relays.len();
    let readiness =
        Readiness { status: if is_degraded { "degraded" } else { "ok" }, relays_down: down, views };
    Ok(answer::json(StatusCode::OK, &readiness))
}

/// Read the metrics.
///
/// Prometheus text format. From this machine without a key, but not through a proxy.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "All metrics", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let text = (shared.services.render_metrics)();
    answer::bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}
