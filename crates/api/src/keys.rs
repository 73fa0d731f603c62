//! The keys that are good now, in memory, and kept so.

use postledger_core::event::Recorded;
use postledger_core::id::{Position, Stream};
use postledger_core::key::KeyRing;
use postledger_core::ledger::{Committed, Ledger, LedgerError, Subscriber};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Follows the key streams of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Keys(RwLock<Following>);

#[derive(Debug, Default)]
struct Following {
    ring: KeyRing,
    /// The last key event that the ring has.
    position: Position,
    /// Commits seen while the past was being read; `None` once it has been.
    early: Option<Vec<Recorded>>,
}

impl Following {
    fn apply(&mut self, recorded: &Recorded) {
        // What was committed while the past was being read may stand in both.
        if recorded.position > self.position {
            self.ring.apply(recorded);
            self.position = recorded.position;
        }
    }
}

impl Keys {
    /// Reads the past of all keys and follows what is committed from now on.
    pub async fn follow(ledger: &dyn Ledger) -> Result<Arc<Self>, LedgerError> {
        let following = Following { early: Some(Vec::new()), ..Following::default() };
        let keys = Arc::new(Self(RwLock::new(following)));
        ledger.subscribe(keys.clone());
        let past = ledger.key_events().await?;
        let mut following = keys.write();
        let early = following.early.take().unwrap_or_default();
        past.iter().chain(&early).for_each(|recorded| following.apply(recorded));
        drop(following);
        Ok(keys)
    }

    /// The ring as it is. Hold it briefly: commits wait for it.
    pub fn ring(&self) -> impl std::ops::Deref<Target = KeyRing> + '_ {
        Ring(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Following> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ring<'a>(RwLockReadGuard<'a, Following>);

impl std::ops::Deref for Ring<'_> {
    type Target = KeyRing;

    fn deref(&self) -> &KeyRing {
        &self.0.ring
    }
}

impl Subscriber for Keys {
    fn committed(&self, committed: &Arc<Committed>) {
        let mut of_keys =
            committed.events.iter().filter(|event| matches!(event.stream, Stream::Key(_))).peekable();
        if of_keys.peek().is_none() {
            return;
        }
        let mut following = self.write();
        for recorded in of_keys {
            match &mut following.early {
                Some(early) => early.push(recorded.clone()),
                None => following.apply(recorded),
            }
        }
    }
}
