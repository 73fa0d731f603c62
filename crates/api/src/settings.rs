//! What the API is told by the configuration, and may be told anew while it serves.

use crate::limits::Limits;
use postledger_core::address::Address;
use postledger_core::name::RouteName;
use postledger_core::policy::Policy;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Settings that may become others between two requests. Of the [`Limits`], those of the listener (connections,
/// header fields, the grace of a stop) and of the memory for large bodies are read once, when serving begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The routes a message may name.
    pub routes: BTreeSet<RouteName>,
    /// The policy of a message that says nothing about it; shared by all of these.
    pub defaults: Arc<Policy>,
    /// The reverse path of a message that names none; its author's address without one.
    pub bounce_address: Option<Address>,
    /// Bounds on requests.
    pub limits: Limits,
}
