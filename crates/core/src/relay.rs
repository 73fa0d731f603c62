//! The port through which others see what the dispatcher is doing.

use crate::explanation::Explanation;
use crate::id::DeliveryId;
use crate::ledger::BoxFuture;
use crate::name::{Actor, RelayName, RouteName};
use crate::outcome::{NotSent, closed_set};
use crate::time::Timestamp;
use std::time::Duration;

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

/// A drill that has begun: the breaker of a relay is open on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// It closes by itself then.
    pub until: Timestamp,
    /// Each route that has the relay, with the relay by which its mail goes meanwhile; `None`: it waits.
    pub routes: Vec<(RouteName, Option<RelayName>)>,
}

/// Why a drill does not begin, or does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DrillRefused {
    /// There is no such relay.
    #[error("there is no such relay")]
    Unknown,
    /// Nothing goes there now.
    #[error("its breaker is not closed: no mail goes there as it is")]
    NotClosed,
    /// All its mail would wait.
    #[error("no route has another relay that is up: all its mail would wait")]
    NoBackup,
    /// There is none to end.
    #[error("no drill of it is under way")]
    NotDrilled,
}

/// Sees and steers the dispatcher. All but a probe is cheap: it answers from memory.
pub trait Dispatching: Send + Sync {
    /// Every relay, in configured order.
    fn relays(&self) -> Vec<RelayStatus>;

    /// Deliveries that have not ended, as the planner really holds them: one of the three counts whose
    /// difference must be zero.
    fn open_deliveries(&self) -> u64;

    /// Why a delivery is where it is; `None` for one that is not pending.
    fn explain(&self, delivery: DeliveryId) -> Option<Explanation>;

    /// Opens a relay's breaker on purpose: no new mail goes there, until [`Dispatching::end_drill`] or for `span` at most.
    /// Attempts in flight end there.
    ///
    /// # Errors
    /// [`DrillRefused`]; nothing was changed.
    fn begin_drill(&self, relay: &RelayName, span: Duration, by: Actor) -> Result<Drill, DrillRefused>;

    /// Closes the breaker that a drill has opened.
    ///
    /// # Errors
    /// [`DrillRefused::Unknown`] and [`DrillRefused::NotDrilled`].
    fn end_drill(&self, relay: &RelayName, by: Actor) -> Result<(), DrillRefused>;

    /// Connects as for mail, as far as to a session that could take some. Answers how long it took; `None` for a relay that
    /// is not configured.
    fn probe(&self, relay: RelayName) -> BoxFuture<'_, Option<Result<Duration, NotSent>>>;
}
