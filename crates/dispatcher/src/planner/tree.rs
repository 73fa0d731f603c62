//! Entries in order, without memory of its own: a treap (Seidel and Aragon 1996) whose links stand in the entries.
//!
//! A tree costs eight bytes an entry, where a B-tree of keys that stand in the entries anyhow costs thirty to fifty.
//! Each step is O(log n) in expectation: an entry's rank is a hash of its slot, so the shape is random, whatever the
//! order of the keys. What an entry's key is made of must not change while it is in the tree.

use super::class::{Bin, DomainIndex, TenantIndex};
use super::entry::Entry;
use super::slab::{NONE, Slab, Slot};
use postledger_core::time::Timestamp;
use std::marker::PhantomData;

/// What a tree is sorted by, and which of an entry's links are its own.
pub(crate) trait Order {
    type Key: Ord + Copy;
    /// Index into [`Entry::links`].
    const LINKS: usize;
    fn key(entry: &Entry, slot: Slot) -> Self::Key;
}

/// So many trees an entry can be in.
pub(crate) const TREES: usize = 4;

/// By when something happens to it without any input.
#[derive(Debug)]
pub(crate) struct ByWake;

/// By bin, then due.
#[derive(Debug)]
pub(crate) struct ByBin;

/// The first of its bin: by tenant, then due.
#[derive(Debug)]
pub(crate) struct ByTenant;

/// The first of its bin: by due alone.
#[derive(Debug)]
pub(crate) struct ByAge;

impl Order for ByWake {
    type Key = (Timestamp, Slot);
    const LINKS: usize = 0;
    fn key(entry: &Entry, slot: Slot) -> Self::Key {
        (entry.wake_at, slot)
    }
}

impl Order for ByBin {
    type Key = (Bin, Timestamp, Slot);
    const LINKS: usize = 1;
    fn key(entry: &Entry, slot: Slot) -> Self::Key {
        (entry.bin(), entry.due, slot)
    }
}

impl Order for ByTenant {
    type Key = (TenantIndex, Timestamp, DomainIndex);
    const LINKS: usize = 2;
    fn key(entry: &Entry, _: Slot) -> Self::Key {
        (entry.tenant, entry.due, entry.domain)
    }
}

impl Order for ByAge {
    type Key = (Timestamp, Bin);
    const LINKS: usize = 3;
    fn key(entry: &Entry, _: Slot) -> Self::Key {
        (entry.due, entry.bin())
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Tree<O> {
    root: Slot,
    order: PhantomData<O>,
}

/// Where the slot of a subtree stands: the root, or a side of an entry.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Below(Slot, usize),
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl<O> Default for Tree<O> {
    fn default() -> Self {
        Self { root: NONE, order: PhantomData }
    }
}

impl<O: Order> Tree<O> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.root == NONE
    }

    /// The least.
    pub(crate) fn first(&self, entries: &Slab) -> Option<Slot> {
        let down = |&slot: &Slot| Some(Self::below(entries, slot, LEFT)).filter(|&slot| slot != NONE);
        std::iter::successors(Some(self.root).filter(|&root| root != NONE), down).last()
    }

    /// The least that is not less than `key`.
    pub(crate) fn first_from(&self, entries: &Slab, key: O::Key) -> Option<Slot> {
        let (mut slot, mut found) = (self.root, None);
        while let Some(entry) = entries.entry(slot) {
            let is_enough = O::key(entry, slot) >= key;
            found = if is_enough { Some(slot) } else { found };
            slot = entry.links[O::LINKS][if is_enough { LEFT } else { RIGHT }];
        }
        found
    }

    /// Takes in an entry that is not in it.
    pub(crate) fn insert(&mut self, entries: &mut Slab, slot: Slot) {
        let Some(key) = entries.entry(slot).map(|entry| O::key(entry, slot)) else { return };
        let (mut place, mut below) = (Place::Root, self.root);
        while let Some(entry) = entries.entry(below).filter(|_| rank(below) > rank(slot)) {
            let side = if key < O::key(entry, below) { LEFT } else { RIGHT };
            (place, below) = (Place::Below(below, side), entry.links[O::LINKS][side]);
        }
        self.set(entries, place, slot);
        // What was there is split by the key.
        let mut ends = [Place::Below(slot, LEFT), Place::Below(slot, RIGHT)];
        while let Some(entry) = entries.entry(below) {
            let side = if O::key(entry, below) < key { LEFT } else { RIGHT };
            let next = entry.links[O::LINKS][1 - side];
            self.set(entries, ends[side], below);
            (ends[side], below) = (Place::Below(below, 1 - side), next);
        }
        ends.into_iter().for_each(|end| self.set(entries, end, NONE));
    }

    /// Takes an entry out. One that is not in it stays where it is.
    pub(crate) fn remove(&mut self, entries: &mut Slab, slot: Slot) {
        let Some(key) = entries.entry(slot).map(|entry| O::key(entry, slot)) else { return };
        let (mut place, mut below) = (Place::Root, self.root);
        while below != slot {
            let Some(entry) = entries.entry(below) else { return };
            let side = if key < O::key(entry, below) { LEFT } else { RIGHT };
            (place, below) = (Place::Below(below, side), entry.links[O::LINKS][side]);
        }
        let [mut left, mut right] = [LEFT, RIGHT].map(|side| Self::below(entries, slot, side));
        while left != NONE && right != NONE {
            if rank(left) > rank(right) {
                self.set(entries, place, left);
                (place, left) = (Place::Below(left, RIGHT), Self::below(entries, left, RIGHT));
            } else {
                self.set(entries, place, right);
                (place, right) = (Place::Below(right, LEFT), Self::below(entries, right, LEFT));
            }
        }
        self.set(entries, place, if left == NONE { right } else { left });
    }

    fn below(entries: &Slab, slot: Slot, side: usize) -> Slot {
        entries.entry(slot).map_or(NONE, |entry| entry.links[O::LINKS][side])
    }

    fn set(&mut self, entries: &mut Slab, place: Place, slot: Slot) {
        match place {
            Place::Root => self.root = slot,
            Place::Below(above, side) => {
                if let Some(entry) = entries.entry_mut(above) {
                    entry.links[O::LINKS][side] = slot;
                }
            }
        }
    }
}

/// A permutation without any order (the finaliser of MurmurHash3): no two slots have the same rank.
const fn rank(slot: Slot) -> u32 {
    let mixed = (slot ^ (slot >> 16)).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    mixed ^ (mixed >> 16)
}

#[cfg(test)]
mod tests;
