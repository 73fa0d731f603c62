//! What is due in one lane and class: tenants take turns, and of a tenant's mail the earliest due goes first.
//!
//! A *bin* is the mail of one tenant for one domain. Only the earliest due of a bin competes, and a bin whose
//! domain takes nothing more just now is closed until that changes; so a start costs O(log n), whatever waits.

use super::slab::Slot;
use super::turns::Turns;
use postledger_core::time::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// A tenant by the order in which it was met.
pub(crate) type TenantIndex = u32;
/// A recipient domain by its number among those that have mail.
pub(crate) type DomainIndex = u32;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bin {
    pub tenant: TenantIndex,
    pub domain: DomainIndex,
}

impl Bin {
    /// Before all others.
    pub(crate) const FIRST: Self = Self { tenant: 0, domain: 0 };
}

/// The delivery whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Next {
    pub turn: u64,
    pub due: Timestamp,
    pub slot: Slot,
    pub bin: Bin,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Class {
    all: BTreeSet<(Bin, Timestamp, Slot)>,
    /// The earliest due of each open bin.
    open: BTreeSet<(TenantIndex, Timestamp, DomainIndex)>,
    /// The same, the longest-waiting first.
    open_by_age: BTreeSet<(Timestamp, Bin)>,
    /// The earliest due of each closed bin.
    closed: BTreeSet<(Timestamp, Bin)>,
    /// Tenants with an open bin, in the order of their turns; a turn that was taken elsewhere shows late.
    queue: BTreeSet<(u64, TenantIndex)>,
    queued: HashMap<TenantIndex, u64>,
}

const FIRST: Timestamp = Timestamp::from_micros(i64::MIN);

impl Class {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn insert(&mut self, bin: Bin, due: Timestamp, slot: Slot, turns: &Turns) {
        let before = self.head(bin);
        self.all.insert((bin, due, slot));
        self.reseat(bin, before, turns);
    }

    /// False if the bin has nothing left.
    pub(crate) fn remove(&mut self, bin: Bin, due: Timestamp, slot: Slot, turns: &Turns) -> bool {
        let before = self.head(bin);
        self.all.remove(&(bin, due, slot));
        self.reseat(bin, before, turns)
    }

    /// The next of all open bins.
    pub(crate) fn next(&mut self, turns: &Turns) -> Option<Next> {
        loop {
            let &(known, tenant) = self.queue.first()?;
            let turn = turns.of(tenant);
            if known < turn {
                self.queue.remove(&(known, tenant));
                self.queue.insert((turn, tenant));
                self.queued.insert(tenant, turn);
                continue;
            }
            let &(_, due, domain) = self.open.range((tenant, FIRST, 0)..).next()?;
            let bin = Bin { tenant, domain };
            let &(_, _, slot) = self.all.range((bin, due, 0)..).next()?;
            return Some(Next { turn, due, slot, bin });
        }
    }

    /// Its domain takes nothing more for now.
    pub(crate) fn close(&mut self, bin: Bin, turns: &Turns) {
        if let Some(due) = self.head(bin)
            && self.open.remove(&(bin.tenant, due, bin.domain))
        {
            self.open_by_age.remove(&(due, bin));
            self.closed.insert((due, bin));
            self.requeue(bin.tenant, turns);
        }
    }

    /// True if it was closed.
    pub(crate) fn open(&mut self, bin: Bin, turns: &Turns) -> bool {
        let Some(due) = self.head(bin).filter(|due| self.closed.remove(&(*due, bin))) else { return false };
        self.open.insert((bin.tenant, due, bin.domain));
        self.open_by_age.insert((due, bin));
        self.requeue(bin.tenant, turns);
        true
    }

    /// The longest-waiting of all open bins, and since when.
    pub(crate) fn oldest_open(&self) -> Option<(Timestamp, Bin)> {
        self.open_by_age.first().copied()
    }

    /// Since when the longest-waiting delivery has been due.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let closed = self.closed.first().map(|(due, _)| *due);
        self.oldest_open().map(|(due, _)| due).into_iter().chain(closed).min()
    }

    fn head(&self, bin: Bin) -> Option<Timestamp> {
        let first = self.all.range((bin, FIRST, 0)..).next();
        first.filter(|(of, ..)| *of == bin).map(|(_, due, _)| *due)
    }

    /// The bin's earliest due may have changed from `before`.
    fn reseat(&mut self, bin: Bin, before: Option<Timestamp>, turns: &Turns) -> bool {
        let after = self.head(bin);
        if before != after {
            let was_closed = before.is_some_and(|due| self.closed.remove(&(due, bin)));
            if let Some(due) = before.filter(|_| !was_closed) {
                self.open.remove(&(bin.tenant, due, bin.domain));
                self.open_by_age.remove(&(due, bin));
            }
            match after {
                Some(due) if was_closed => _ = self.closed.insert((due, bin)),
                Some(due) => {
                    self.open.insert((bin.tenant, due, bin.domain));
                    self.open_by_age.insert((due, bin));
                }
                None => {}
            }
            self.requeue(bin.tenant, turns);
        }
        after.is_some()
    }

    /// A tenant stands in the queue while one of its bins is open.
    fn requeue(&mut self, tenant: TenantIndex, turns: &Turns) {
        let has_open = self.open.range((tenant, FIRST, 0)..).next().is_some_and(|(of, ..)| *of == tenant);
        match (has_open, self.queued.get(&tenant).copied()) {
            (true, None) => {
                let turn = turns.of(tenant);
                self.queue.insert((turn, tenant));
                self.queued.insert(tenant, turn);
            }
            (false, Some(turn)) => {
                self.queue.remove(&(turn, tenant));
                self.queued.remove(&tenant);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}
