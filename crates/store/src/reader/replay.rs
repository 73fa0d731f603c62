//! Replay: the state that the journal says, from its beginning to any point. Pure reading; no side effect.

use super::Reader;
use crate::chain::Hash;
use crate::fault::{CorruptRecord, ReadError};
use crate::fold::{Folding, Held};
use crate::pages::Pages;
use crate::row::decode_all;
use crate::sql;
use postledger_core::delivery::Status;
use postledger_core::event::Recorded;
use postledger_core::id::{MessageId, Position, Stream};
use postledger_core::message::Message;
use postledger_core::time::Timestamp;
use std::collections::{BTreeMap, HashSet};

/// How far to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the present end.
    End,
    /// Up to and including a position.
    Position(Position),
    /// Up to the first event after a time.
    Time(Timestamp),
}

/// The state at a point of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The last event that was replayed.
    pub position: Position,
    /// Its time; `None` in an empty journal.
    pub at: Option<Timestamp>,
    /// The chain there.
    pub hash: Hash,
    /// Messages that were begun.
    pub messages: u64,
    /// Deliveries that were begun, counted from `queued` alone.
    pub deliveries: u64,
    /// Deliveries by status at that time.
    pub by_status: BTreeMap<Status, u64>,
    /// Deliveries that have not ended, counted from the folded states.
    pub open: u64,
    /// Deliveries that have ended, counted by their last steps.
    pub finals: u64,
    /// `deliveries - finals - open`: must be 0.
    pub balance: i64,
    /// The same for the same journal, wherever and however often it is replayed.
    pub state_digest: [u8; 32],
}

impl Reader {
    /// Folds the journal up to `until`. Memory is that of the messages that have not ended.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] names the first event that cannot be read or cannot follow.
    pub async fn replay(
        &self,
        until: Until,
        progress: &mut dyn FnMut(Position),
    ) -> Result<Replayed, ReadError> {
        let base = self.identity.base_position;
        let end = self.head().await?.position;
        let (end, last_at) = match until {
            Until::End => (end, None),
            Until::Position(position) => (end.min(position), None),
            Until::Time(at) => (end, Some(at)),
        };
        let mut replay = Replay::new(base, self.identity.base_hash);
        let mut pages = Pages::new(self.reading.pool.clone(), sql::PAGE_PLAIN, base, end);
        loop {
            let rows = pages.next().await?;
            let mut page = decode_all(&rows)?;
            let is_over = last_at.is_some_and(|at| page.iter().any(|recorded| recorded.at > at));
            if let Some(at) = last_at {
                let kept = page.iter().take_while(|recorded| recorded.at <= at).count();
                page.truncate(kept);
            }
            replay.page(self, &page).await?;
            progress(replay.position);
            if rows.is_empty() || is_over {
                return Ok(replay.finish());
            }
        }
    }
}

/// What is known of ended messages is only their sums; they are taken out of them again when one is recalled.
struct Replay {
    folding: Folding,
    position: Position,
    at: Option<Timestamp>,
    /// The latest time so far: clocks may have gone back, statuses do not.
    now: Timestamp,
    hash: Hash,
    messages: u64,
    deliveries: u64,
    finals: u64,
    ended: Totals,
}

/// Sums over messages.
#[derive(Default)]
struct Totals {
    by_status: BTreeMap<Status, u64>,
    digest: Sum,
}

/// A sum of hashes modulo 2^256: it does not depend on the order, and a message can be taken out of it again.
#[derive(Default, Clone, Copy)]
struct Sum([u64; 4]);

impl Replay {
    fn new(position: Position, hash: Hash) -> Self {
        Self {
            folding: Folding::default(),
            position,
            at: None,
            now: Timestamp::default(),
            hash,
            messages: 0,
            deliveries: 0,
            finals: 0,
            ended: Totals::default(),
        }
    }

    async fn page(&mut self, reader: &Reader, page: &[Recorded]) -> Result<(), ReadError> {
        for id in self.folding.recall(&reader.reading, page).await? {
            if let Some(held) = self.folding.get(id).filter(|held| held.message.is_final()) {
                self.ended.remove(held);
            }
        }
        let mut touched = HashSet::new();
        for recorded in page {
            self.step(recorded)?;
            if let Stream::Message(id) = recorded.stream {
                touched.insert(id);
            }
        }
        touched.into_iter().for_each(|id| self.let_go(id));
        Ok(())
    }

    fn step(&mut self, recorded: &Recorded) -> Result<(), CorruptRecord> {
        let is_final = |held: &Held| {
            let delivery = held.message.delivery(recorded.ordinal);
            delivery.is_some_and(|delivery| delivery.state.phase.is_final())
        };
        let id = if let Stream::Message(id) = recorded.stream { Some(id) } else { None };
        let before = id.and_then(|id| self.folding.get(id)).map(is_final);
        let after = self.folding.apply(recorded)?;
        if let Some(held) = after {
            match (before, is_final(held)) {
                (None, _) => {
                    self.messages += 1;
                    self.deliveries += held.message.queued.kinds.len() as u64;
                }
                (Some(false), true) => self.finals += 1,
                (Some(true), false) => self.finals -= 1,
                (Some(_), _) => {}
            }
        }
        (self.position, self.hash, self.at) = (recorded.position, recorded.hash, Some(recorded.at));
        self.now = self.now.max(recorded.at);
        Ok(())
    }

    fn let_go(&mut self, id: MessageId) {
        if self.folding.get(id).is_some_and(|held| held.message.is_final())
            && let Some(held) = self.folding.release(id)
        {
            self.ended.add(&held, self.now);
        }
    }

    fn finish(self) -> Replayed {
        let mut all = self.ended;
        let mut open = 0;
        for held in self.folding.iter() {
            let deliveries = &held.message.deliveries;
            open += deliveries.iter().filter(|delivery| !delivery.state.phase.is_final()).count() as u64;
            all.add(held, self.now);
        }
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Replayed {
            position: self.position,
            at: self.at,
            hash: self.hash,
            messages: self.messages,
            deliveries: self.deliveries,
            by_status: all.by_status,
            open,
            finals: self.finals,
            balance: count(self.deliveries) - count(self.finals) - count(open),
            state_digest: all.digest.hash(),
        }
    }
}

impl Totals {
    fn add(&mut self, held: &Held, now: Timestamp) {
        for delivery in &held.message.deliveries {
            *self.by_status.entry(delivery.state.status(now)).or_default() += 1;
        }
        self.digest.add(&digest(&held.message));
    }

    /// Only what has ended is ever taken out, and its status does not depend on the clock.
    fn remove(&mut self, held: &Held) {
        for delivery in &held.message.deliveries {
            let status = delivery.state.status(Timestamp::default());
            if let Some(count) = self.by_status.get_mut(&status) {
                *count -= 1;
            }
        }
        self.by_status.retain(|_, count| *count > 0);
        self.digest.subtract(&digest(&held.message));
    }
}

fn digest(message: &Message) -> Sum {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(message.id.as_bytes());
    bytes.extend_from_slice(&message.version.to_le_bytes());
    for delivery in &message.deliveries {
        bytes.extend_from_slice(&delivery.version.to_le_bytes());
        delivery.state.encode(&mut bytes);
    }
    let hash = blake3::hash(&bytes);
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hash.as_bytes().as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Sum(words)
}

impl Sum {
    fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = word.overflowing_add(other);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over || over_again);
        }
    }

    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (word, other) in self.0.iter_mut().zip(other.0) {
            let (rest, under) = word.overflowing_sub(other);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (rest, under || under_again);
        }
    }

    fn hash(self) -> [u8; 32] {
        *blake3::hash(&self.0.map(u64::to_le_bytes).concat()).as_bytes()
    }
}
