//! `POST /v1/messages/batch`: many messages, one commit.

use super::submit::{Outcome, outcome, rendering};
use crate::answer;
use crate::api::Shared;
use crate::body;
use crate::caller::Caller;
use crate::edge::RequestContext;
use crate::idempotency::IdempotencyKey;
use crate::intake;
use crate::json;
use crate::message_json::MessageJson;
use crate::problem::{Problem, ProblemAnswer};
use crate::request::{Few, NewMessage};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Response, StatusCode};
use postledger_core::ledger::{LedgerError, Submission};
use postledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;

/// Messages to submit together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBatch<'a> {
    /// 1 to 500 messages as for `POST /v1/messages`, each with an `idempotency_key` of its own if it shall have one.
    #[serde(borrow)]
    #[schema(value_type = Vec<NewMessage>)]
    messages: Few<&'a RawValue>,
}

/// What became of each message of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResults<'a> {
    /// In the order of the request.
    results: Vec<BatchResult<'a>>,
}

/// What became of one message of a batch: `message` if it was accepted, `problem` if not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult<'a> {
    /// The status that it would have had alone.
    status: u16,
    /// As it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageJson<'a>>,
    /// True if its key was used before with this request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    idempotency_replayed: bool,
    /// Why it was refused; its fields are relative to the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemAnswer<'a>>,
}

/// Submit messages in a batch.
///
/// What can be accepted is accepted, all in one commit; what cannot is told message by message.
#[utoipa::path(
    post, path = "/v1/messages/batch", operation_id = "submit_batch", tag = "messages", request_body = NewBatch<'static>,
    responses(
        (status = 202, description = "All were accepted and are durable", body = BatchResults<'static>),
        (status = 207, description = "Some were refused; the others are accepted and durable", body = BatchResults<'static>),
    ),
)]
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    if request.headers().contains_key("idempotency-key") {
        let detail = "in a batch each message has its own: the field idempotency_key";
        return Err(Problem::invalid_field("Idempotency-Key", "not_supported", detail));
    }
    let received = body::read(&shared, request, false).await?;
    let (worker, large) = (shared.clone(), received.is_large());
    let taken = rendering(large, move || take_in(&worker, &caller, &received.bytes)).await?;

    let mut accepted = Vec::with_capacity(taken.len());
    let refused: Vec<Option<Problem>> =
        taken.into_iter().map(|each| each.map(|submission| accepted.push(submission)).err()).collect();
    let submitted =
        if accepted.is_empty() { Vec::new() } else { shared.services.ledger.submit(accepted).await? };
    let mut submitted = submitted.into_iter();
    let mut outcomes = Vec::with_capacity(refused.len());
    for problem in refused {
        outcomes.push(match problem {
            Some(problem) => Err(problem),
            None => outcome(&shared, submitted.next().ok_or(LedgerError::Stopped)?).await,
        });
    }

    let now = shared.services.clock.now();
    let status =
        if outcomes.iter().all(Result::is_ok) { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    let results = outcomes.iter().map(|outcome| BatchResult::new(outcome, now, &context)).collect();
    Ok(answer::json(status, &BatchResults { results }))
}

impl<'a> BatchResult<'a> {
    fn new(outcome: &'a Result<Outcome, Problem>, now: Timestamp, context: &'a RequestContext) -> Self {
        match outcome {
            Ok(Outcome { message, is_replayed }) => Self {
                status: StatusCode::ACCEPTED.as_u16(),
                message: Some(MessageJson::new(message, now)),
                idempotency_replayed: *is_replayed,
                problem: None,
            },
            Err(problem) => Self {
                status: problem.status.as_u16(),
                message: None,
                idempotency_replayed: false,
                problem: Some(problem.answer(context.uri.path(), &context.id)),
            },
        }
    }
}

fn take_in(
    shared: &Shared,
    caller: &Caller,
    body: &[u8],
) -> Result<Vec<Result<Submission, Problem>>, Problem> {
    let batch: NewBatch<'_> = json::parse(body)?;
    let most = shared.settings().limits.batch.min(Few::<&RawValue>::KEPT);
    if batch.messages.count == 0 || batch.messages.count > most {
        let detail = format!("a batch has 1 to {most} messages");
        return Err(Problem::invalid_field("messages", "out_of_range", detail));
    }
    Ok(batch.messages.kept.iter().map(|message| one(shared, caller, message.get().as_bytes())).collect())
}

fn one(shared: &Shared, caller: &Caller, message: &[u8]) -> Result<Submission, Problem> {
    let request: NewMessage = json::parse(message)?;
    let key =
        request.idempotency_key.as_ref().map(|key| IdempotencyKey::parse("idempotency_key", key.as_bytes()));
    intake::take_in(shared, caller, request, key.transpose()?.as_ref())
}
