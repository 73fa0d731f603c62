//! `POST /v1/messages`.

use crate::answer;
use crate::api::Shared;
use crate::body::{self, Received};
use crate::caller::Caller;
use crate::history;
use crate::idempotency::IdempotencyKey;
use crate::intake;
use crate::json;
use crate::message_json::MessageJson;
use crate::problem::{Problem, code};
use crate::request::NewMessage;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use postledger_core::ledger::{LedgerError, Submission, Submitted};
use postledger_core::message::Message;
use std::sync::Arc;

/// Counts messages that were accepted: replays of an earlier acceptance are not.
pub(crate) const ACCEPTED: &str = "postledger_messages_accepted_total";

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Submit a message.
///
/// 202 means durable: event, content and idempotency record are committed. Delivery follows; the answer is the message
/// as it is now. With `Idempotency-Key`, repeating the same request (as it is meant: white space, order of keys and
/// spelled-out defaults do not count) answers with the same message; keys are kept at least 7 days and at least the
/// message's lifetime, and count per tenant.
#[utoipa::path(
    post, path = "/v1/messages", operation_id = "submit_message", tag = "messages",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    request_body = NewMessage,
    responses(
        (status = 202, description = "Accepted and durable", body = MessageJson<'static>, headers(
            ("Location" = String, description = "The message's path"),
            ("Idempotency-Replayed" = Option<bool>, description = "`true` if the key was used before with this request"),
        )),
    ),
)]
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let key = IdempotencyKey::of(request.headers())?;
    let received = body::read(&shared, request, false).await?;
    let (worker, large) = (shared.clone(), received.is_large());
    let submission = rendering(large, move || prepare(&worker, &caller, &received, key.as_ref())).await?;
    let mut submitted = shared.services.ledger.submit(vec![submission]).await?;
    let submitted = submitted.pop().ok_or(LedgerError::Stopped)?;
    let Outcome { message, is_replayed } = outcome(&shared, submitted).await?;
    let mut response =
        answer::json(StatusCode::ACCEPTED, &MessageJson::new(&message, shared.services.clock.now()));
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/messages/{}", message.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn prepare(
    shared: &Shared,
    caller: &Caller,
    received: &Received,
    key: Option<&IdempotencyKey>,
) -> Result<Submission, Problem> {
    let request: NewMessage = json::parse(&received.bytes)?;
    if request.idempotency_key.is_some() {
        let detail = "a single message has its key in the header field Idempotency-Key";
        return Err(Problem::invalid_field("idempotency_key", "unknown_field", detail));
    }
    intake::take_in(shared, caller, request, key)
}

/// Parsing and rendering: here if it is quick, else on a thread that may be busy for a while.
pub(super) async fn rendering<T: Send + 'static>(
    is_large: bool,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if !is_large {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| {
        if failed.is_panic() {
            // To the edge, which answers for every panic alike.
            std::panic::resume_unwind(failed.into_panic());
        }
        Err(LedgerError::Stopped.into())
    })
}

/// A message that stands in the ledger.
#[derive(Debug)]
pub(super) struct Outcome {
    pub message: Message,
    pub is_replayed: bool,
}

/// What the ledger answered: an acceptance is folded as it stands, only a replay is read again.
pub(super) async fn outcome(shared: &Shared, submitted: Submitted) -> Result<Outcome, Problem> {
    match submitted {
        Submitted::Accepted(recorded) => {
            metrics::counter!(ACCEPTED).increment(1);
            let message = Message::begin(&recorded).map_err(|broken| history::broken(&broken))?;
            Ok(Outcome { message, is_replayed: false })
        }
        Submitted::Replayed(id) => {
            let message = history::message(shared, id).await?.ok_or_else(Problem::not_found)?;
            Ok(Outcome { message, is_replayed: true })
        }
        Submitted::KeyReused(_) => Err(key_reused()),
    }
}

fn key_reused() -> Problem {
    let detail = "this key was used before with another request; nothing was stored";
    Problem::new(code::IDEMPOTENCY_KEY_REUSED, detail)
}
