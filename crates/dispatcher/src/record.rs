//! Makes outcomes durable. Never given up while the ledger takes writes: an outcome that is not stored becomes
//! `unknown` at the next start.

use crate::attempt::Flight;
use crate::engine::{Engine, Unsendable};
use postledger_core::delivery::{Command, Phase, decide};
use postledger_core::event::HoldReason;
use postledger_core::ledger::LedgerError;
use postledger_core::name::Actor;
use postledger_core::outcome::Outcome;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Before a decision that was refused is made again.
const REFUSED: Duration = Duration::from_secs(1);

/// Records what a flight came to, and gives its delivery back to the queue.
pub(crate) async fn outcome(engine: Arc<Engine>, mut flight: Flight, outcome: Outcome, another_relay: bool) {
    loop {
        let given = engine.given();
        let Ok(events) = flight.conclude(outcome.clone(), another_relay, &given) else {
            // Its lifetime passed before `Attempted` was recorded: nothing was sent, and the queue lets it expire.
            break;
        };
        match engine.ledger.append(flight.append(events, &given)).await {
            Ok(_) => break,
            Err(LedgerError::Conflict) => match catch_up(&engine, &mut flight).await {
                CaughtUp::Again => {}
                CaughtUp::Overtaken => break,
                CaughtUp::Unreadable(error) => return engine.halt(&error),
            },
            Err(error @ (LedgerError::Busy | LedgerError::Full)) => {
                let wait = engine.suspend(&error);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = engine.abort.cancelled() => return,
                }
            }
            Err(
                error @ (LedgerError::Stopped
                | LedgerError::Undecided
                | LedgerError::Corrupt { .. }
                | LedgerError::Unreadable(_)),
            ) => {
                return engine.halt(&error);
            }
        }
    }
    engine.ended(flight.id, None);
}

/// Waits until a recording has ended. One that failed inside has stored nothing that could be relied on.
pub(crate) async fn done(engine: &Engine, recording: Option<JoinHandle<()>>) {
    if let Some(recording) = recording
        && recording.await.is_err()
    {
        engine.halt(&LedgerError::Stopped);
    }
}

enum CaughtUp {
    Again,
    Overtaken,
    Unreadable(LedgerError),
}

/// Somebody else appended to the message: decides on what stands there now.
async fn catch_up(engine: &Engine, flight: &mut Flight) -> CaughtUp {
    let message = match engine.message(flight.id.message).await {
        Ok(Some(message)) => message,
        Ok(None) | Err(Unsendable::Damaged) => {
            engine.reload(flight.id.message).await;
            return CaughtUp::Overtaken;
        }
        Err(Unsendable::Ledger(error)) => return CaughtUp::Unreadable(error),
    };
    let Some(delivery) = message.delivery(flight.id.ordinal) else { return CaughtUp::Overtaken };
    // The open attempt is this flight's own: nobody else begins one while it has the delivery.
    let is_own = delivery.state.phase == Phase::Sending
        && flight.begun.is_none_or(|attempt| attempt == delivery.state.attempts);
    if !is_own {
        engine.with_queue(|planner, now| planner.handle_loaded(&message, now));
        return CaughtUp::Overtaken;
    }
    flight.begun = Some(delivery.state.attempts);
    flight.state = delivery.state.clone();
    (flight.version, flight.message_version) = (delivery.version, message.version);
    CaughtUp::Again
}

/// Records a decision that needs no attempt, and gives the delivery back to the queue.
pub(crate) async fn decision(engine: Arc<Engine>, flight: Flight, command: Command) {
    let given = engine.given();
    let mut not_before = None;
    match decide(Some(&flight.state), command, &given) {
        Ok(events) if events.is_empty() => {}
        Ok(events) => match engine.ledger.append(flight.append(events, &given)).await {
            Ok(_) => {}
            Err(LedgerError::Conflict) => engine.reload(flight.id.message).await,
            Err(error @ (LedgerError::Busy | LedgerError::Full)) => {
                not_before = Some(given.now.plus(engine.suspend(&error)));
            }
            Err(
                error @ (LedgerError::Stopped
                | LedgerError::Undecided
                | LedgerError::Corrupt { .. }
                | LedgerError::Unreadable(_)),
            ) => {
                return engine.halt(&error);
            }
        },
        // The clock was set back, or it has changed: the queue asks again.
        Err(_) => not_before = Some(given.now.plus(REFUSED)),
    }
    engine.ended(flight.id, not_before);
}

/// What cannot be read cannot be sent: held for an operator, and reported.
pub(crate) async fn quarantine(engine: Arc<Engine>, flight: Flight) {
    tracing::error!(delivery = %flight.id, "its record or content cannot be read; it is held");
    decision(engine, flight, Command::Hold(HoldReason::Quarantined, Actor::system())).await;
}
