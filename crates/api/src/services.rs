//! What the API is given to work with.

use crate::mailbox::Mailbox;
use postledger_core::clock::{Clock, Entropy};
use postledger_core::compose::Composer;
use postledger_core::ledger::{Ledger, Views};
use postledger_core::relay::Dispatching;
use postledger_core::secret::Secret;
use std::fmt;
use std::sync::Arc;

/// The ports that the API stands on; the binary fills them in.
pub struct Services {
    /// Accepts and remembers.
    pub ledger: Arc<dyn Ledger>,
    /// Searches.
    pub views: Arc<dyn Views>,
    /// Renders.
    pub composer: Arc<dyn Composer>,
    /// Tells what the relays are doing.
    pub dispatching: Arc<dyn Dispatching>,
    /// Keys the digests of idempotency keys.
    pub secret: Secret,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids, salts and keys.
    pub entropy: Arc<dyn Entropy>,
    /// Renders the metrics in Prometheus text format.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The development mailbox, where one catches the mail.
    pub mailbox: Option<Arc<Mailbox>>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
