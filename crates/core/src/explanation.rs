//! Why a delivery that has not ended is where it is.

use crate::name::{RelayName, RouteName};
use crate::outcome::closed_set;
use crate::policy::Priority;
use crate::route::RouteReason;
use crate::time::Timestamp;

closed_set! {
    /// The one rule by which a delivery waits now, in the order in which they are asked.
    Rule {
        /// None: it starts with the next look at the queue.
        Next = "next",
        /// It is being sent.
        Sending = "sending",
        /// Its application has not committed it.
        Prepared = "prepared",
        /// Somebody or something holds it.
        Held = "held",
        /// Its time has not come.
        NotDue = "not_due",
        /// It was in flight at a crash; such deliveries are sent one at a time.
        Suspected = "suspected",
        /// Its route is not configured any more.
        Unroutable = "unroutable",
        /// Nothing can be sent at any relay of its route.
        RelaysDown = "relays_down",
        /// The relay's rate allows no start yet.
        RelayRate = "relay_rate",
        /// All connections that its class may use are busy.
        RelayFull = "relay_full",
        /// The recipient's domain asked to be left alone.
        DestinationParked = "destination_parked",
        /// As many as the recipient's domain takes are under way.
        DestinationFull = "destination_full",
        /// The rate of the recipient's domain allows no start yet.
        DestinationRate = "destination_rate",
        /// The ledger cannot take a record just now.
        LedgerBusy = "ledger_busy",
        /// The queue is being read.
        Starting = "starting",
        /// The service is stopping.
        Stopping = "stopping",
        /// Its record cannot be read.
        Damaged = "damaged",
        /// It waits for nothing any more.
        Ended = "ended",
    }
}

/// Where a delivery stands, and what it waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The one rule.
    pub rule: Rule,
    /// When that rule lets go by itself, where that is known.
    pub until: Option<Timestamp>,
    /// Its class.
    pub priority: Priority,
    /// Its route; `None` where it is not known any more.
    pub route: Option<RouteUse>,
    /// The earliest next attempt.
    pub due: Option<Timestamp>,
    /// The end of its lifetime.
    pub expires_at: Timestamp,
    /// The relay it waits for.
    pub relay: Option<RelayUse>,
    /// The recipient's domain at that relay.
    pub destination: Option<DestinationUse>,
}

/// A route, and why it is that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUse {
    /// The route.
    pub name: RouteName,
    /// Why.
    pub reason: RouteReason,
}

/// How busy a relay is for a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUse {
    /// The relay.
    pub name: RelayName,
    /// Attempts that count against the bound of this class.
    pub in_flight: usize,
    /// The bound.
    pub allowed: usize,
}

/// How busy a recipient domain is over one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationUse {
    /// The domain.
    pub domain: String,
    /// Attempts.
    pub in_flight: usize,
    /// At most so many; `None` while nothing but the relay bounds them.
    pub window: Option<usize>,
}

impl Explanation {
    /// In a sentence.
    pub fn in_words(&self) -> String {
        let relay = self.relay.as_ref().map_or("a relay", |relay| relay.name.as_str());
        let domain =
            self.destination.as_ref().map_or("the recipient's domain", |destination| &destination.domain);
        let priority = self.priority;
        let route = self.route.as_ref().map_or("it", |route| route.name.as_str());
        match self.rule {
            Rule::Next => format!("it is about to start at {relay}"),
            Rule::Sending => "an attempt is under way".to_owned(),
            Rule::Prepared => "it waits for its application to commit it".to_owned(),
            Rule::Held => "it is held until somebody releases it".to_owned(),
            Rule::NotDue => "its time has not come".to_owned(),
            Rule::Suspected => {
                "it was in flight at a crash, and another such delivery is sent alone before it".to_owned()
            }
            Rule::Unroutable => format!("no route is named {route}"),
            Rule::RelaysDown => format!("nothing can be sent at any relay of route {route}"),
            Rule::RelayRate => format!("{relay} takes no more per second"),
            Rule::RelayFull => format!("all connections of {relay} that {priority} mail may use are busy"),
            Rule::DestinationParked => format!("{domain} asked for silence at {relay}"),
            Rule::DestinationFull => format!("as much as {domain} takes at {relay} is under way"),
            Rule::DestinationRate => format!("{domain} takes no more per second at {relay}"),
            Rule::LedgerBusy => "the ledger cannot take a record just now".to_owned(),
            Rule::Starting => "the queue is being read".to_owned(),
            Rule::Stopping => "the service is stopping".to_owned(),
            Rule::Damaged => "its record cannot be read".to_owned(),
            Rule::Ended => "it has ended".to_owned(),
        }
    }
}
