//! The metrics of docs/contract: names and labels from closed sets only.

use crate::planner::{Finished, Planner, STATES};
use metrics::{counter, gauge, histogram};
use postledger_core::delivery::Phase;
use postledger_core::name::RelayName;
use postledger_core::outcome::Outcome;
use postledger_core::policy::Priority;
use postledger_core::time::Timestamp;

/// Counts an attempt that has ended.
pub(crate) fn attempt(relay: &RelayName, outcome: &Outcome) {
    let outcome = match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Transient(_) => "transient",
        Outcome::Permanent(_) => "permanent",
        Outcome::NotSent(_) => "not_sent",
        Outcome::Unknown(_) => "unknown",
    };
    counter!("postledger_attempts_total", "outcome" => outcome, "relay" => relay.to_string()).increment(1);
}

/// Counts a delivery that has ended.
pub(crate) fn delivery(finished: &Finished) {
    let outcome = match finished.state.phase {
        Phase::Delivered => "delivered",
        Phase::Failed { .. } => "failed",
        Phase::Unknown { .. } => "unknown",
        Phase::Cancelled => "cancelled",
        Phase::Prepared
        | Phase::Queued { .. }
        | Phase::Sending
        | Phase::Deferred { .. }
        | Phase::Held { .. } => return,
    };
    let priority = finished.state.policy.priority.as_str();
    let relay = finished.state.relay.as_ref().map_or("none".to_owned(), ToString::to_string);
    counter!("postledger_deliveries_total", "outcome" => outcome, "relay" => relay, "priority" => priority)
        .increment(1);
    histogram!("postledger_delivery_latency_seconds", "priority" => priority)
        .record(finished.latency.as_secs_f64());
}

/// Shows how the queue stands.
pub(crate) fn queue(planner: &Planner, now: Timestamp) {
    let oldest = planner.oldest_ready();
    for ((priority, depths), oldest) in Priority::ALL.iter().zip(planner.depth()).zip(oldest) {
        for (state, depth) in STATES.iter().zip(depths) {
            gauge!("postledger_queue_depth", "priority" => priority.as_str(), "state" => *state)
                .set(as_f64(*depth));
        }
        let waiting = oldest.map_or(0.0, |due| now.since(due).as_secs_f64());
        gauge!("postledger_queue_oldest_ready_seconds", "priority" => priority.as_str()).set(waiting);
    }
    for (_, name, relay) in planner.relays() {
        let is_up = if relay.is_up() { 1.0 } else { 0.0 };
        gauge!("postledger_relay_up", "relay" => name.to_string()).set(is_up);
    }
    gauge!("postledger_unknown_deliveries").set(as_f64(planner.unresolved()));
}

/// A relay that is configured no longer is neither up nor down.
pub(crate) fn removed(relay: &RelayName) {
    gauge!("postledger_relay_up", "relay" => relay.to_string()).set(f64::NAN);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge may round what lies beyond 2^53")]
const fn as_f64(count: i64) -> f64 {
    count as f64
}
