//! The port through which others see what the dispatcher is doing.

use crate::explanation::Explanation;
use crate::id::DeliveryId;
use crate::name::RelayName;
use crate::outcome::NotSent;
use crate::time::Timestamp;

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
    /// When it will be tried again, while it is not up.
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
