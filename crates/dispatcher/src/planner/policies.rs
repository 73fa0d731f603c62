//! Shares what is equal: a backlog of a million has a handful of policies.

use postledger_core::policy::Policy;
use std::collections::HashSet;
use std::sync::Arc;

/// Keeps one copy of equal policies.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    known: HashSet<Arc<Policy>>,
    sweep_at: usize,
}

impl Policies {
    pub(crate) fn intern(&mut self, policy: &Arc<Policy>) -> Arc<Policy> {
        if let Some(known) = self.known.get(&**policy) {
            return known.clone();
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|policy| Arc::strong_count(policy) > 1);
            self.sweep_at = 2 * self.known.len() + 64;
        }
        self.known.insert(policy.clone());
        policy.clone()
    }
}
