//! One message: as it is, its events, its bytes.

use crate::answer::{self, Data};
use crate::api::Shared;
use crate::caller::Caller;
use crate::event_json::EventJson;
use crate::history;
use crate::message_json::MessageJson;
use crate::path_id::PathId;
use crate::problem::{Problem, code};
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Response, StatusCode};
use bytes::{Bytes, BytesMut};
use postledger_core::id::{DeliveryId, MessageId};
use postledger_core::key::Scope;
use std::sync::Arc;

const RFC822: &str = "message/rfc822";

/// Read a message.
///
/// From the ledger: never behind a 202.
#[utoipa::path(
    get, path = "/v1/messages/{id}", operation_id = "show_message", tag = "messages", params(("id" = String, Path, description = "`msg_…`")),
    responses((status = 200, description = "The message as it is now", body = MessageJson<'static>)),
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
) -> Result<Response<Body>, Problem> {
    let (message, _) = history::seen_by(&shared, &caller, id).await?;
    Ok(answer::json(StatusCode::OK, &MessageJson::new(&message, shared.services.clock.now())))
}

/// Read everything that happened to a message.
///
/// Every event of the message and its deliveries, in order.
#[utoipa::path(
    get, path = "/v1/messages/{id}/events", operation_id = "list_message_events", tag = "messages", params(("id" = String, Path, description = "`msg_…`")),
    responses((status = 200, description = "The whole history", body = Data<EventJson<'static>>)),
)]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
) -> Result<Response<Body>, Problem> {
    let (_, history) = history::seen_by(&shared, &caller, id).await?;
    let with_hash = caller.may(Scope::Admin);
    let data = history.iter().map(|recorded| EventJson::new(recorded, with_hash)).collect();
    Ok(answer::json(StatusCode::OK, &Data { data }))
}

/// Read the content of a message.
///
/// What all deliveries share: header fields and body, without what is each delivery's own (Date and the like).
#[utoipa::path(
    get, path = "/v1/messages/{id}/content", operation_id = "read_message_content", tag = "messages", params(("id" = String, Path, description = "`msg_…`")),
    responses(
        (status = 200, description = "The rendered bytes", body = Vec<u8>, content_type = "message/rfc822"),
        (status = 410, description = "`content_gone`: its retention has passed, or it was erased"),
    ),
)]
pub(crate) async fn content(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
) -> Result<Response<Body>, Problem> {
    let (message, _) = history::seen_by(&shared, &caller, id).await?;
    let bytes = stored(&shared, message.id).await?;
    Ok(answer::bytes(StatusCode::OK, RFC822, bytes))
}

/// Read the bytes of a delivery.
///
/// Exactly what every attempt of this delivery sends, before dot-stuffing.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}/content", operation_id = "read_delivery_content", tag = "deliveries",
    params(("id" = String, Path, description = "`dlv_…_<ordinal>`")),
    responses(
        (status = 200, description = "The exact bytes", body = Vec<u8>, content_type = "message/rfc822"),
        (status = 409, description = "`not_attempted`: they are fixed by the first attempt"),
        (status = 410, description = "`content_gone`: its retention has passed, or it was erased"),
    ),
)]
pub(crate) async fn delivery_content(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<DeliveryId>,
) -> Result<Response<Body>, Problem> {
    let (message, _) = history::seen_by(&shared, &caller, id.message).await?;
    let delivery = message.delivery(id.ordinal).ok_or_else(Problem::not_found)?;
    let Some(head) = &delivery.head else {
        if message.erased_at.is_some() {
            return Err(Problem::content_gone());
        }
        let detail = "its bytes are fixed by its first attempt, and there was none yet";
        return Err(Problem::new(code::NOT_ATTEMPTED, detail));
    };
    let content = stored(&shared, message.id).await?;
    let mut whole = BytesMut::with_capacity(head.fields.len() + content.len());
    whole.extend_from_slice(head.fields.as_bytes());
    whole.extend_from_slice(&content);
    Ok(answer::bytes(StatusCode::OK, RFC822, whole.freeze()))
}

async fn stored(shared: &Shared, id: MessageId) -> Result<Bytes, Problem> {
    let content = shared.services.ledger.content(id).await?;
    content.map(|content| content.bytes).ok_or_else(Problem::content_gone)
}
