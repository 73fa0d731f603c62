//! The port through which others see what the dispatcher is doing.

use crate::explanation::Explanation;
use crate::id::DeliveryId;
use crate::name::{Actor, RelayName};
use crate::outcome::{NotSent, closed_set};
use crate::time::Timestamp;

closed_set! {
    /// Whether a relay gets mail.
    Breaker {
        /// It does.
        Closed = "closed",
        /// Not for a while.
        Open = "open",
        /// A connection without mail, then one delivery, shows whether it can be used again.
        Probing = "probing",
    }
}

/// What a relay is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct RelayStatus {
    /// Its name.
    pub name: RelayName,
    /// Its host, as configured.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// False while it is left alone because nothing could be sent there.
    pub is_up: bool,
    /// Whether it gets mail.
    pub breaker: Breaker,
    /// Since when; `None`: since it was configured, or the service started.
    pub since: Option<Timestamp>,
    /// Who opened the breaker on purpose, while it is open for that.
    pub drilled_by: Option<Actor>,
    /// When it will be tried again, or the drill ends, while it is open.
    pub retry_at: Option<Timestamp>,
    /// Open connections.
    pub connections: usize,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Why nothing could be sent the last time that was so.
    pub last_trouble: Option<(Timestamp, NotSent)>,
}

/// Sees the dispatcher. Cheap: answers from memory.
pub trait Dispatching: Send + Sync {
    /// Every relay, in configured order.
    fn relays(&self) -> Vec<RelayStatus>;

    /// Deliveries that have not ended, as the planner really holds them: one of the three counts whose
    /// difference must be zero.
    fn open_deliveries(&self) -> u64;

    /// Why a delivery is where it is; `None` for one that is not pending.
    fn explain(&self, delivery: DeliveryId) -> Option<Explanation>;
}
