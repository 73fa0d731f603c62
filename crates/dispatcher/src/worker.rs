//! A task that carries deliveries over one relay slot for as long as there are any.

use crate::attempt::{Abandoned, Flight, attempt};
use crate::engine::{Engine, Unsendable};
use crate::planner::{Job, Lease, Work};
use crate::record;
use futures_util::FutureExt;
use postledger_core::ledger::LedgerError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How long a delivery waits whose mail could not be read or signed just now.
const UNREADABLE: Duration = Duration::from_secs(30);
/// And one that somebody changed: the queue learns of it in a moment, and never spins over one that stays odd.
const OVERTAKEN: Duration = Duration::from_millis(500);

/// Runs until nothing waits for the relay; then the connection is kept for the next.
pub(crate) async fn run(engine: Arc<Engine>, mut lease: Lease, first: Job) {
    let relay = lease.relay;
    let mut slot = engine.relay(relay);
    let mut connection = slot.pool.take();
    let mut previous = None;
    let mut next = Some(first);
    while let Some(job) = next {
        let started = engine.now().monotonic;
        let present = engine.relay(relay);
        if !Arc::ptr_eq(&slot, &present) {
            // Configured anew: the connection was made for what held before.
            if let Some(old) = connection.take() {
                engine.tasks.spawn(old.quit());
            }
            slot = present;
            connection = slot.pool.take();
        }
        let mut flight = Flight::new(&job, slot.name().clone());
        flight.mark = Some(engine.in_flight.begin(job.id));
        // A panic ends this attempt only. Its connection went down with it.
        let attempted = attempt(&engine, &slot, &job, &mut flight, &mut connection, &mut previous);
        let attempted = AssertUnwindSafe(Box::pin(attempted)).catch_unwind().await;
        let ended = attempted.unwrap_or_else(|_| {
            tracing::error!(delivery = %job.id, "the attempt failed inside");
            flight.interrupted()
        });
        let recording = match ended {
            Ok(outcome) => {
                let another_relay = engine.attempted(lease, job.id, &outcome, started);
                engine.tasks.spawn(record::outcome(engine.clone(), flight, outcome, another_relay))
            }
            Err(abandoned) => engine.tasks.spawn(give_back(engine.clone(), flight, abandoned)),
        };
        // At most one recording is behind: what cannot be stored must not pile up.
        record::done(&engine, previous.replace(recording)).await;
        next = engine.next_for(lease);
        if let Some(Job { work: Work::Attempt(next), .. }) = next {
            lease = next;
        }
    }
    // A pool that was closed, by a stop or by other settings, gives it back.
    if let Some(connection) = connection.and_then(|connection| slot.pool.put(connection)) {
        connection.quit().await;
    }
}

async fn give_back(engine: Arc<Engine>, flight: Flight, abandoned: Abandoned) {
    let id = flight.id;
    let not_before = match abandoned {
        Abandoned::Overtaken => {
            engine.reload(id.message).await;
            Some(OVERTAKEN)
        }
        Abandoned::Refused(_) => None,
        Abandoned::Unrecordable(error @ (LedgerError::Busy | LedgerError::Full)) => {
            Some(engine.suspend(&error))
        }
        Abandoned::Unsendable(Unsendable::Damaged) => return record::quarantine(engine, flight).await,
        Abandoned::Unrecordable(error)
        | Abandoned::Unsendable(Unsendable::Ledger(error @ LedgerError::Stopped)) => {
            engine.halt(&error);
            None
        }
        Abandoned::Unsigned => {
            tracing::error!(delivery = %id, "it cannot be signed now");
            Some(UNREADABLE)
        }
        Abandoned::Unsendable(Unsendable::Ledger(error)) => {
            tracing::error!(delivery = %id, %error, "its mail cannot be read now");
            Some(UNREADABLE)
        }
    };
    engine.ended(id, not_before.map(|span| engine.now().wall.plus(span)));
}
