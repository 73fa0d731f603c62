//! The calls that carry a command: `/v1/messages/{id}/…` and `/v1/deliveries/{id}/…`.

use super::{Target, carry_out};
use crate::answer;
use crate::api::Shared;
use crate::body;
use crate::caller::Caller;
use crate::intake::{self, Findings};
use crate::json;
use crate::message_json::MessageJson;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::request::{Parsed, Span};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Response, StatusCode};
use postledger_core::delivery::Command;
use postledger_core::event::{HoldReason, Resolution};
use postledger_core::id::{DeliveryId, MessageId};
use postledger_core::name::Actor;
use postledger_core::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use utoipa::ToSchema;

/// Nothing: the call says it all. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFields {}

/// How to put failed deliveries back in the queue. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redrive {
    /// The lifetime from now: `1m` to `30d`. Default: as before.
    #[schema(value_type = Option<String>, example = "24h")]
    expires_after: Option<Span>,
}

/// A new time for what was not sent yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reschedule {
    /// At most one year ahead, at most one day past; the past means now.
    #[schema(value_type = String, format = DateTime)]
    send_at: Parsed<Timestamp>,
}

/// What became of the unknown attempts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolve {
    /// `delivered` or `not_delivered`.
    #[schema(value_type = String, example = "delivered")]
    outcome: Parsed<Resolution>,
    /// How you know: 1 to 500 characters; stands in the history.
    #[schema(max_length = 500)]
    reason: String,
}

macro_rules! command_calls {
    ($($(#[doc = $doc:literal])* $name:ident on $noun:literal at $path:literal, $body:ident, $target:path, $id:ty, $command:expr;)*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(
            post, path = $path, tag = $noun, params(("id" = String, Path)), request_body = $body,
            responses(
                (status = 200, description = "The message as it is now", body = MessageJson<'static>),
                (status = 409, description = "`refused_by_state`: no delivery allows it; errors say why, delivery by delivery"),
            ),
        )]
        pub(crate) async fn $name(
            State(shared): State<Arc<Shared>>,
            Extension(caller): Extension<Caller>,
            PathId(id): PathId<$id>,
            request: Request,
        ) -> Result<Response<Body>, Problem> {
            let target = $target(id);
            let fields: $body = fields(&shared, request).await?;
            let command: fn($body, Actor) -> Result<Command, Problem> = $command;
            act(&shared, &caller, target, command(fields, caller.actor.clone())?).await
        }
    )*};
}

command_calls! {
    /// Cancel a message.
    ///
    /// Deliveries that wait end as `cancelled`; what is in flight or has ended stays as it is.
    cancel_message on "messages" at "/v1/messages/{id}/cancel", NoFields, Target::Message, MessageId, cancel;
    /// Hold a message.
    ///
    /// Deliveries that wait are paused until they are released; what is held does not expire.
    hold_message on "messages" at "/v1/messages/{id}/hold", NoFields, Target::Message, MessageId, hold;
    /// Release a message.
    ///
    /// Held deliveries return to the queue; their lifetime counts from now.
    release_message on "messages" at "/v1/messages/{id}/release", NoFields, Target::Message, MessageId, release;
    /// Redrive a message.
    ///
    /// Failed and unknown deliveries return to the queue with a fresh budget of attempts. 409 `content_gone` once the
    /// content was removed.
    redrive_message on "messages" at "/v1/messages/{id}/redrive", Redrive, Target::Message, MessageId, redrive;
    /// Cancel a delivery.
    cancel_delivery on "deliveries" at "/v1/deliveries/{id}/cancel", NoFields, Target::Delivery, DeliveryId, cancel;
    /// Hold a delivery.
    hold_delivery on "deliveries" at "/v1/deliveries/{id}/hold", NoFields, Target::Delivery, DeliveryId, hold;
    /// Release a delivery.
    release_delivery on "deliveries" at "/v1/deliveries/{id}/release", NoFields, Target::Delivery, DeliveryId, release;
    /// Redrive a delivery.
    redrive_delivery on "deliveries" at "/v1/deliveries/{id}/redrive", Redrive, Target::Delivery, DeliveryId, redrive;
    /// Resolve an unknown delivery.
    ///
    /// Says what became of attempts whose result was not known: `delivered` ends the delivery as delivered,
    /// `not_delivered` ends an unknown one as failed and lets a waiting one go on.
    resolve_delivery on "deliveries" at "/v1/deliveries/{id}/resolve", Resolve, Target::Delivery, DeliveryId, resolve;
}

/// Reschedule a message.
///
/// Gives its waiting deliveries another time to be sent at.
#[utoipa::path(
    patch, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path)), request_body = Reschedule,
    responses(
        (status = 200, description = "The message as it is now", body = MessageJson<'static>),
        (status = 409, description = "`refused_by_state`: no delivery allows it; errors say why, delivery by delivery"),
    ),
)]
pub(crate) async fn reschedule_message(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let target = Target::Message(id);
    let received = body::read(&shared, request, false).await?;
    let fields: Reschedule = json::parse(&received.bytes)?;
    let mut findings = Findings::default();
    let now = shared.services.clock.now();
    let Some(send_at) = intake::send_at(fields.send_at, now, &mut findings) else {
        return Err(Problem::invalid(findings.0));
    };
    act(&shared, &caller, target, Command::Reschedule(send_at, caller.actor.clone())).await
}

async fn act(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    command: Command,
) -> Result<Response<Body>, Problem> {
    let message = carry_out(shared, caller, target, &command).await?;
    Ok(answer::json(StatusCode::OK, &MessageJson::new(&message, shared.services.clock.now())))
}

/// The body; an empty one is an empty object.
async fn fields<T: DeserializeOwned>(shared: &Shared, request: Request) -> Result<T, Problem> {
    let received = body::read(shared, request, true).await?;
    json::parse(if received.bytes.is_empty() { b"{}" } else { &received.bytes })
}

fn cancel(_: NoFields, by: Actor) -> Result<Command, Problem> {
    Ok(Command::Cancel(by))
}

fn hold(_: NoFields, by: Actor) -> Result<Command, Problem> {
    Ok(Command::Hold(HoldReason::Operator, by))
}

fn release(_: NoFields, by: Actor) -> Result<Command, Problem> {
    Ok(Command::Release(by))
}

fn redrive(fields: Redrive, by: Actor) -> Result<Command, Problem> {
    let mut findings = Findings::default();
    let span = fields.expires_after.and_then(|span| intake::lifetime("expires_after", span, &mut findings));
    if findings.0.is_empty() { Ok(Command::Redrive(span, by)) } else { Err(Problem::invalid(findings.0)) }
}

fn resolve(fields: Resolve, by: Actor) -> Result<Command, Problem> {
    let mut findings = Findings::default();
    findings.line("reason", &fields.reason, 1..=500);
    if fields.outcome.0.is_err() {
        findings.add("outcome", "unknown_value", "one of: delivered, not_delivered");
    }
    match (fields.outcome.0, &findings.0[..]) {
        (Ok(resolution), []) => Ok(Command::Resolve(resolution, fields.reason, by)),
        _ => Err(Problem::invalid(findings.0)),
    }
}
