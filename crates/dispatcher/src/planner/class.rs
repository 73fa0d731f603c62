//! What is due in one lane and class: tenants take turns, and of a tenant's mail the earliest due goes first.
//!
//! A *bin* is the mail of one tenant for one domain. Only the earliest due of a bin competes, and a bin whose
//! domain takes nothing more just now is closed until that changes; so a start costs O(log n), whatever waits.

use super::slab::{Slab, Slot};
use super::tree::{ByAge, ByBin, ByTenant, Tree};
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
    all: Tree<ByBin>,
    /// The earliest due of each open bin.
    open: Tree<ByTenant>,
    /// The same, the longest-waiting first.
    open_by_age: Tree<ByAge>,
    /// The earliest due of each closed bin.
    closed: BTreeSet<(Timestamp, Bin)>,
    /// Tenants with an open bin, in the order of their turns; a turn that was taken elsewhere shows late.
    queue: BTreeSet<(u64, TenantIndex)>,
    queued: HashMap<TenantIndex, u64>,
}

const FIRST: Timestamp = Timestamp::from_micros(i64::MIN);

/// The first delivery of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    due: Timestamp,
    slot: Slot,
}

impl Class {
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn insert(&mut self, slot: Slot, entries: &mut Slab, turns: &Turns) {
        let Some((bin, due)) = entries.entry(slot).map(|entry| (entry.bin(), entry.due)) else { return };
        let (before, new) = (self.head(bin, entries), Head { due, slot });
        self.all.insert(entries, slot);
        if before.is_none_or(|before| new < before) {
            self.reseat(bin, before, Some(new), entries, turns);
        }
    }

    /// False if its bin has nothing left.
    pub(crate) fn remove(&mut self, slot: Slot, entries: &mut Slab, turns: &Turns) -> bool {
        let Some(bin) = entries.entry(slot).map(|entry| entry.bin()) else { return true };
        let before = self.head(bin, entries);
        self.all.remove(entries, slot);
        if before.is_none_or(|before| before.slot != slot) {
            return true;
        }
        let after = self.head(bin, entries);
        self.reseat(bin, before, after, entries, turns);
        after.is_some()
    }

    /// The next of all open bins.
    pub(crate) fn next(&mut self, entries: &Slab, turns: &Turns) -> Option<Next> {
        loop {
            let &(known, tenant) = self.queue.first()?;
            let turn = turns.of(tenant);
            if known < turn {
                self.queue.remove(&(known, tenant));
                self.queue.insert((turn, tenant));
                self.queued.insert(tenant, turn);
                continue;
            }
            let slot = self.open.first_from(entries, (tenant, FIRST, 0))?;
            let entry = entries.entry(slot)?;
            return Some(Next { turn, due: entry.due, slot, bin: entry.bin() });
        }
    }

    /// Its domain takes nothing more for now. `slot` is the first of an open bin.
    pub(crate) fn close(&mut self, slot: Slot, entries: &mut Slab) {
        let Some((bin, due)) = entries.entry(slot).map(|entry| (entry.bin(), entry.due)) else { return };
        self.take_out(slot, entries);
        self.closed.insert((due, bin));
        self.leave(bin.tenant, entries);
    }

    /// True if it was closed.
    pub(crate) fn open(&mut self, bin: Bin, entries: &mut Slab, turns: &Turns) -> bool {
        let head = self.head(bin, entries);
        let Some(head) = head.filter(|head| self.closed.remove(&(head.due, bin))) else { return false };
        self.put_in(head.slot, entries);
        self.enter(bin.tenant, turns);
        true
    }

    /// The longest-waiting of all open bins, and since when.
    pub(crate) fn oldest_open(&self, entries: &Slab) -> Option<(Timestamp, Slot, Bin)> {
        let slot = self.open_by_age.first(entries)?;
        entries.entry(slot).map(|entry| (entry.due, slot, entry.bin()))
    }

    /// Since when the longest-waiting delivery has been due.
    pub(crate) fn oldest(&self, entries: &Slab) -> Option<Timestamp> {
        let closed = self.closed.first().map(|(due, _)| *due);
        self.oldest_open(entries).map(|(due, ..)| due).into_iter().chain(closed).min()
    }

    fn head(&self, bin: Bin, entries: &Slab) -> Option<Head> {
        let slot = self.all.first_from(entries, (bin, FIRST, 0))?;
        let entry = entries.entry(slot).filter(|entry| entry.bin() == bin)?;
        Some(Head { due: entry.due, slot })
    }

    /// The bin's first was `before`, and is `after` now.
    fn reseat(
        &mut self,
        bin: Bin,
        before: Option<Head>,
        after: Option<Head>,
        entries: &mut Slab,
        turns: &Turns,
    ) {
        let was_closed = before.is_some_and(|head| self.closed.remove(&(head.due, bin)));
        if let Some(head) = before.filter(|_| !was_closed) {
            self.take_out(head.slot, entries);
        }
        match after {
            Some(head) if was_closed => {
                self.closed.insert((head.due, bin));
            }
            Some(head) => {
                self.put_in(head.slot, entries);
                self.enter(bin.tenant, turns);
            }
            None => self.leave(bin.tenant, entries),
        }
    }

    fn put_in(&mut self, head: Slot, entries: &mut Slab) {
        self.open.insert(entries, head);
        self.open_by_age.insert(entries, head);
    }

    fn take_out(&mut self, head: Slot, entries: &mut Slab) {
        self.open.remove(entries, head);
        self.open_by_age.remove(entries, head);
    }

    /// A tenant stands in the queue while one of its bins is open.
    fn enter(&mut self, tenant: TenantIndex, turns: &Turns) {
        self.queued.entry(tenant).or_insert_with(|| {
            let turn = turns.of(tenant);
            self.queue.insert((turn, tenant));
            turn
        });
    }

    fn leave(&mut self, tenant: TenantIndex, entries: &Slab) {
        let first = self.open.first_from(entries, (tenant, FIRST, 0)).and_then(|slot| entries.entry(slot));
        if first.is_none_or(|entry| entry.tenant != tenant)
            && let Some(turn) = self.queued.remove(&tenant)
        {
            self.queue.remove(&(turn, tenant));
        }
    }
}
