//! Entries by number, found by delivery. Grows in parts: no entry is ever moved, no growth doubles the memory, and
//! none stops the queue for long.

use super::entry::Entry;
use hashbrown::HashTable;
use postledger_core::id::{DeliveryId, MessageId};
use std::hash::{BuildHasher, RandomState};

const CHUNK: usize = 1024;
/// Tables that the messages are spread over. Each grows by itself: with ten million, one table would take seconds to grow.
const TABLES: usize = 1024;
/// An entry's number.
pub(crate) type Slot = u32;
/// No entry's number.
pub(crate) const NONE: Slot = Slot::MAX;

#[derive(Debug)]
pub(crate) struct Slab {
    entries: Chunks,
    free: Vec<Slot>,
    len: usize,
    /// The first delivery of each message; the others follow by `next`. Holds numbers only: the ids stand in
    /// the entries, and a map would keep them twice.
    first: Vec<HashTable<Slot>>,
    hasher: RandomState,
}

impl Default for Slab {
    fn default() -> Self {
        let first = std::iter::repeat_with(HashTable::new).take(TABLES).collect();
        Self { entries: Chunks::default(), free: Vec::new(), len: 0, first, hasher: RandomState::new() }
    }
}

#[derive(Debug, Default)]
struct Chunks(Vec<Vec<Option<Entry>>>);

impl Slab {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.entries.entry(slot)
    }

    pub(crate) fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.place(slot)?.as_mut()
    }

    pub(crate) fn insert(&mut self, mut entry: Entry) -> Slot {
        let Self { entries, free, len, first, hasher } = self;
        let message = entry.message;
        let slot = free.pop().unwrap_or_else(|| entries.grow());
        let hash = hasher.hash_one(message);
        let first = &mut first[table(hash)];
        match first.find_mut(hash, |&slot| entries.is_of(slot, message)) {
            Some(first) => entry.next = std::mem::replace(first, slot),
            None => {
                entry.next = NONE;
                let rehash = |&slot: &Slot| entries.entry(slot).map_or(hash, |e| hasher.hash_one(e.message));
                first.insert_unique(hash, slot, rehash);
            }
        }
        if let Some(place) = entries.place(slot) {
            *place = Some(entry);
        }
        *len += 1;
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let (message, next) = self.entry(slot).map(|entry| (entry.message, entry.next))?;
        let previous = self.slots(message).find(|&other| self.next(other) == slot);
        if let Some(previous) = previous.and_then(|previous| self.entry_mut(previous)) {
            previous.next = next;
        } else {
            let Self { entries, first, hasher, .. } = self;
            let hash = hasher.hash_one(message);
            let known = first[table(hash)].find_entry(hash, |&slot| entries.is_of(slot, message));
            if let Ok(mut known) = known {
                if next == NONE {
                    known.remove();
                } else {
                    *known.get_mut() = next;
                }
            }
        }
        self.free.push(slot);
        self.len -= 1;
        self.entries.place(slot)?.take()
    }

    /// The slots of a message's pending deliveries.
    pub(crate) fn slots(&self, message: MessageId) -> impl Iterator<Item = Slot> + '_ {
        let is_it = |slot: &Slot| self.entries.is_of(*slot, message);
        let hash = self.hasher.hash_one(message);
        let first = self.first[table(hash)].find(hash, is_it).copied();
        std::iter::successors(first, |&slot| Some(self.next(slot)).filter(|&next| next != NONE))
    }

    /// Every slot that holds an entry.
    pub(crate) fn all(&self) -> impl Iterator<Item = Slot> + '_ {
        let chunks = (0..).step_by(CHUNK).zip(&self.entries.0);
        chunks.flat_map(|(first, chunk)| {
            (first..).zip(chunk).filter_map(|(slot, entry)| entry.as_ref().map(|_| slot))
        })
    }

    pub(crate) fn find(&self, id: DeliveryId) -> Option<Slot> {
        self.slots(id.message).find(|&slot| self.entry(slot).is_some_and(|entry| entry.ordinal == id.ordinal))
    }

    fn next(&self, slot: Slot) -> Slot {
        self.entry(slot).map_or(NONE, |entry| entry.next)
    }
}

impl Chunks {
    fn entry(&self, slot: Slot) -> Option<&Entry> {
        let (chunk, place) = split(slot);
        self.0.get(chunk)?.get(place)?.as_ref()
    }

    fn place(&mut self, slot: Slot) -> Option<&mut Option<Entry>> {
        let (chunk, place) = split(slot);
        self.0.get_mut(chunk)?.get_mut(place)
    }

    fn is_of(&self, slot: Slot, message: MessageId) -> bool {
        self.entry(slot).is_some_and(|entry| entry.message == message)
    }

    /// Adds one vacant place and answers with its number.
    fn grow(&mut self) -> Slot {
        if self.0.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.0.push(Vec::with_capacity(CHUNK));
        }
        let last = self.0.len() - 1;
        self.0[last].push(None);
        Slot::try_from(last * CHUNK + self.0[last].len() - 1).expect("memory ends before 2^32 deliveries")
    }
}

/// By bits that a table does not use itself: it takes the lowest and the highest.
const fn table(hash: u64) -> usize {
    (hash >> 32) as usize % TABLES
}

const fn split(slot: Slot) -> (usize, usize) {
    let slot = slot as usize;
    (slot / CHUNK, slot % CHUNK)
}
