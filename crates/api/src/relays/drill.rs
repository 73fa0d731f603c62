//! `/v1/relays/{name}/drill` and `/probe`: a relay taken out of use on purpose, and tried without mail.

use crate::answer;
use crate::api::Shared;
use crate::body;
use crate::caller::Caller;
use crate::event_json::NotSentJson;
use crate::intake::{Findings, span};
use crate::json;
use crate::path_id::PathId;
use crate::problem::{Problem, code};
use crate::request::Span;
use crate::shown::shown;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Response, StatusCode};
use postledger_core::name::RelayName;
use postledger_core::relay::DrillRefused;
use postledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// What holds where the request says nothing.
const USUAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// How a drill is to be. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDrill {
    /// It ends by itself after that: `1s` to `10m`, `60s` if it is not said.
    #[schema(value_type = Option<String>, example = "60s")]
    expires_after: Option<Span>,
}

/// A drill that has begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drill)]
pub(crate) struct DrillJson {
    /// The relay.
    relay: String,
    /// It ends by itself then.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Each route that has the relay.
    routes: Vec<WayJson>,
}

/// A route during a drill.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DrilledRoute)]
pub(crate) struct WayJson {
    /// The route.
    route: String,
    /// The relay by which its mail goes meanwhile; null: it waits.
    relay: Option<String>,
}

/// What a relay answered to a connection without mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Probe)]
pub(crate) struct ProbeJson<'a> {
    /// The relay.
    relay: &'a str,
    /// Whether it could take mail.
    ok: bool,
    /// How long it took, in milliseconds.
    took_ms: Option<u64>,
    /// Where and why it could not.
    not_sent: Option<NotSentJson<'a>>,
}

/// Begin a drill.
///
/// Opens the breaker of a relay on purpose: its mail goes by the other relays of its routes, until the drill is ended or its
/// time is over. Attempts in flight end where they began.
#[utoipa::path(
    post, path = "/v1/relays/{name}/drill", operation_id = "begin_drill", tag = "service",
    params(("name" = String, Path)), request_body = NewDrill,
    responses(
        (status = 200, description = "The breaker is open", body = DrillJson),
        (status = 409, description = "`refused_by_state`: its breaker is not closed, or no route has another relay that is up"),
    ),
)]
pub(crate) async fn begin(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(relay): PathId<RelayName>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let received = body::read(&shared, request, true).await?;
    let wish: NewDrill = json::parse(if received.bytes.is_empty() { b"{}" } else { &received.bytes })?;
    let mut findings = Findings::default();
    let wish = wish.expires_after.map(|wish| span("expires_after", wish, SHORTEST..=LONGEST, &mut findings));
    if !findings.0.is_empty() {
        return Err(Problem::invalid(findings.0));
    }
    let begun =
        shared.services.dispatching.begin_drill(&relay, wish.flatten().unwrap_or(USUAL), caller.actor);
    let drill = begun.map_err(refused)?;
    let way = |(route, relay): (_, Option<RelayName>)| WayJson {
        route: postledger_core::name::RouteName::to_string(&route),
        relay: relay.map(|relay| relay.to_string()),
    };
    let routes = drill.routes.into_iter().map(way).collect();
    Ok(answer::json(StatusCode::OK, &DrillJson { relay: relay.to_string(), until: drill.until, routes }))
}

/// End a drill.
///
/// Closes the breaker again.
#[utoipa::path(
    delete, path = "/v1/relays/{name}/drill", operation_id = "end_drill", tag = "service",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "The breaker is closed"),
        (status = 409, description = "`refused_by_state`: no drill is under way; it may have ended by itself"),
    ),
)]
pub(crate) async fn end(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(relay): PathId<RelayName>,
) -> Result<StatusCode, Problem> {
    shared.services.dispatching.end_drill(&relay, caller.actor).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Probe a relay.
///
/// Connects as for mail, with its proxy, TLS and login, and says goodbye without sending any. Nothing is learnt of it: the
/// breaker stays as it is.
#[utoipa::path(
    post, path = "/v1/relays/{name}/probe", operation_id = "probe_relay", tag = "service",
    params(("name" = String, Path)),
    responses((status = 200, description = "What it answered", body = ProbeJson<'static>)),
)]
pub(crate) async fn probe(
    State(shared): State<Arc<Shared>>,
    PathId(relay): PathId<RelayName>,
) -> Result<Response<Body>, Problem> {
    let probed = shared.services.dispatching.probe(relay.clone()).await.ok_or_else(Problem::not_found)?;
    let took = probed.as_ref().ok().map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let not_sent = probed.as_ref().err().map(NotSentJson::new);
    let json = ProbeJson { relay: relay.as_str(), ok: probed.is_ok(), took_ms: took, not_sent };
    Ok(answer::json(StatusCode::OK, &json))
}

fn refused(refused: DrillRefused) -> Problem {
    match refused {
        DrillRefused::Unknown => Problem::not_found(),
        DrillRefused::NotClosed | DrillRefused::NoBackup | DrillRefused::NotDrilled => {
            Problem::new(code::REFUSED_BY_STATE, refused.to_string())
        }
    }
}
