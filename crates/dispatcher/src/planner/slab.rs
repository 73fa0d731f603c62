//! Entries by number, found by delivery. Grows in chunks: no entry is ever moved, no growth doubles the memory.

use super::entry::Entry;
use postledger_core::id::{DeliveryId, MessageId};
use std::collections::HashMap;

const CHUNK: usize = 1024;
const NONE: u32 = u32::MAX;

/// An entry's number.
pub(crate) type Slot = u32;

#[derive(Debug, Default)]
pub(crate) struct Slab {
    chunks: Vec<Vec<Option<Entry>>>,
    free: Vec<Slot>,
    len: usize,
    /// The first delivery of each message; the others follow by `next`.
    first: HashMap<MessageId, Slot>,
}

impl Slab {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        let (chunk, place) = split(slot);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    pub(crate) fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        let (chunk, place) = split(slot);
        self.chunks.get_mut(chunk)?.get_mut(place)?.as_mut()
    }

    pub(crate) fn insert(&mut self, mut entry: Entry) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        entry.next = self.first.insert(entry.message, slot).unwrap_or(NONE);
        let (chunk, place) = split(slot);
        self.chunks[chunk][place] = Some(entry);
        self.len += 1;
        slot
    }

    /// Adds one vacant place and answers with its number.
    fn grow(&mut self) -> Slot {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        self.chunks[last].push(None);
        Slot::try_from(last * CHUNK + self.chunks[last].len() - 1)
            .expect("memory ends before 2^32 deliveries")
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let (chunk, place) = split(slot);
        let entry = self.chunks.get_mut(chunk)?.get_mut(place)?.take()?;
        let previous = self.slots(entry.message).find(|&other| self.next(other) == slot);
        if let Some(previous) = previous.and_then(|previous| self.entry_mut(previous)) {
            previous.next = entry.next;
        } else if entry.next == NONE {
            self.first.remove(&entry.message);
        } else {
            self.first.insert(entry.message, entry.next);
        }
        self.free.push(slot);
        self.len -= 1;
        Some(entry)
    }

    /// The slots of a message's pending deliveries.
    pub(crate) fn slots(&self, message: MessageId) -> impl Iterator<Item = Slot> + '_ {
        let first = self.first.get(&message).copied();
        std::iter::successors(first, |&slot| Some(self.next(slot)).filter(|&next| next != NONE))
    }

    pub(crate) fn find(&self, id: DeliveryId) -> Option<Slot> {
        self.slots(id.message).find(|&slot| self.entry(slot).is_some_and(|entry| entry.ordinal == id.ordinal))
    }

    fn next(&self, slot: Slot) -> Slot {
        self.entry(slot).map_or(NONE, |entry| entry.next)
    }
}

const fn split(slot: Slot) -> (usize, usize) {
    let slot = slot as usize;
    (slot / CHUNK, slot % CHUNK)
}
