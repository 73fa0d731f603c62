//! Commands on what is already accepted: on a message, to each delivery whose state allows it, or on one delivery.

pub(crate) mod calls;

use crate::api::Shared;
use crate::caller::Caller;
use crate::history;
use crate::problem::{FieldError, MAX_ERRORS, Problem, code};
use axum::http::StatusCode;
use postledger_core::delivery::{Command, Given, Refusal, decide};
use postledger_core::event::Event;
use postledger_core::id::{DeliveryId, MessageId, Ordinal, Stream};
use postledger_core::ledger::{Append, Change, LedgerError};
use postledger_core::message::Message;

/// What a command acts on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Message(MessageId),
    Delivery(DeliveryId),
}

/// An operator meets at most a few attempts in flight; more than this is somebody else's loop.
const TRIES: usize = 5;

impl Target {
    fn message(self) -> MessageId {
        match self {
            Self::Message(id) => id,
            Self::Delivery(id) => id.message,
        }
    }

    fn includes(self, ordinal: Ordinal) -> bool {
        match self {
            Self::Message(_) => true,
            Self::Delivery(id) => id.ordinal == ordinal,
        }
    }
}

/// Decides `command` for each delivery of the target and appends what was decided, all or none. Answers with the
/// message as it is then. Deliveries where it is already so count as allowed.
///
/// # Errors
/// 404; 409 `refused_by_state` or `content_gone` where no delivery's state allows it; the ledger's.
pub(crate) async fn carry_out(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    command: &Command,
) -> Result<Message, Problem> {
    for _ in 0..TRIES {
        let (mut message, _) = history::seen_by(shared, caller, target.message()).await?;
        let append = decided(shared, &message, target, command)?;
        if append.changes.is_empty() {
            return Ok(message);
        }
        match shared.services.ledger.append(append).await {
            Ok(recorded) => {
                for event in &recorded {
                    message.apply(event).map_err(|broken| history::broken(&broken))?;
                }
                return Ok(message);
            }
            // The dispatcher was there first: decide again on what it left.
            Err(LedgerError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(LedgerError::Conflict.into())
}

fn decided(shared: &Shared, message: &Message, target: Target, command: &Command) -> Result<Append, Problem> {
    let services = &shared.services;
    let given = Given { now: services.clock.now(), jitter: services.entropy.unit() };
    let mut changes = Vec::new();
    let mut refusals = Vec::new();
    let mut is_allowed = false;
    for delivery in message.deliveries.iter().filter(|delivery| target.includes(delivery.id.ordinal)) {
        match decide(Some(&delivery.state), command.clone(), &given) {
            Ok(events) => {
                is_allowed = true;
                let events = events.into_iter().map(Event::Mail);
                changes.extend(Change::run(delivery.id.ordinal, delivery.version, events));
            }
            Err(refusal) => refusals.push((delivery.id, refusal)),
        }
    }
    match &refusals[..] {
        [] if !is_allowed => return Err(Problem::not_found()),
        refusals if !is_allowed => return Err(refused(refusals)),
        _ => {}
    }
    Ok(Append {
        stream: Stream::Message(message.id),
        tenant: message.tenant.clone(),
        at: given.now,
        message_version: Some(message.version),
        changes,
    })
}

fn refused(refusals: &[(DeliveryId, Refusal)]) -> Problem {
    if refusals.iter().all(|(_, refusal)| *refusal == Refusal::ContentGone) {
        return Problem::content_gone().with_status(StatusCode::CONFLICT);
    }
    let why = |(id, refusal): &(DeliveryId, Refusal)| FieldError {
        field: id.to_string(),
        code: code(*refusal),
        detail: refusal.to_string(),
    };
    let detail = match refusals {
        [(_, one)] => one.to_string(),
        many => format!("none of {} deliveries allows it; see errors", many.len()),
    };
    let mut problem = Problem::new(code::REFUSED_BY_STATE, detail);
    problem.errors = refusals.iter().take(MAX_ERRORS).map(why).collect();
    problem
}

fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => "missing",
        Refusal::Final(_) => "final",
        Refusal::InFlight => "in_flight",
        Refusal::Held => "held",
        Refusal::Prepared => "prepared",
        Refusal::NotDue => "not_due",
        Refusal::Expired => "expired",
        Refusal::NotOpen => "not_open",
        Refusal::NotUnknown => "not_unknown",
        Refusal::ContentGone => "content_gone",
        Refusal::Committed => "committed",
    }
}
