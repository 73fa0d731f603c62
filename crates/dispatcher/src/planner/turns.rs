//! Whose turn it is: start-time fair queueing (Goyal, Vin, Cheng 1996) over tenants, one start a turn.
//!
//! A tenant's turn is one more than that of its last start, and never lies behind the present one: who was away
//! has saved nothing up, and who has a million in the queue waits for everybody else after each start.

use super::class::TenantIndex;

/// The turns of all tenants in one class, over all relays.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    next: Vec<u64>,
    present: u64,
}

impl Turns {
    /// The tenant's next turn.
    pub(crate) fn of(&self, tenant: TenantIndex) -> u64 {
        self.next.get(tenant as usize).copied().unwrap_or_default().max(self.present)
    }

    /// One of its deliveries starts.
    pub(crate) fn take(&mut self, tenant: TenantIndex) {
        let turn = self.of(tenant);
        let index = tenant as usize;
        if self.next.len() <= index {
            self.next.resize(index + 1, 0);
        }
        self.next[index] = turn + 1;
        self.present = turn;
    }
}
