//! Where commits arrive. The ledger's writer only leaves them here; whoever looks at the queue takes them in.

use postledger_core::ledger::{Committed, Subscriber};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// `None` once closed: the ledger may outlive the dispatcher.
    commits: Mutex<Option<Vec<Arc<Committed>>>>,
    /// Told at every commit, and by whoever else has something for the driver.
    pub wake: Notify,
}

impl Inbox {
    pub(crate) fn open() -> Self {
        Self { commits: Mutex::new(Some(Vec::new())), wake: Notify::new() }
    }

    pub(crate) fn take(&self) -> Vec<Arc<Committed>> {
        self.commits().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn close(&self) {
        *self.commits() = None;
    }

    fn commits(&self) -> MutexGuard<'_, Option<Vec<Arc<Committed>>>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Inbox {
    fn committed(&self, committed: &Arc<Committed>) {
        if let Some(commits) = self.commits().as_mut() {
            commits.push(committed.clone());
        }
        self.wake.notify_one();
    }
}
