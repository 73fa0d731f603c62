//! Folding the journal page by page, with only those messages in memory that have not ended.
//!
//! A message that ended is let go. Should something follow (a bounce, a redrive, the removal of its content), it
//! is recalled from its history: all that a page needs at once, before the page is applied.

use crate::fault::{CorruptRecord, ReadError};
use crate::read::Reading;
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::{MessageId, Position, Stream};
use postledger_core::message::Message;
use std::collections::{HashMap, HashSet};

/// The messages in memory, each with the position of its beginning.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    held: HashMap<MessageId, Held>,
    /// Their histories cannot be folded; what follows in them is passed over.
    damaged: HashSet<MessageId>,
}

/// A message in memory.
#[derive(Debug)]
pub(crate) struct Held {
    /// Where it begins.
    pub position: Position,
    /// As folded so far.
    pub message: Message,
}

impl Folding {
    /// Brings back what the page's events belong to and is not in memory. Answers with what was brought back.
    pub(crate) async fn recall(
        &mut self,
        reading: &Reading,
        page: &[Recorded],
    ) -> Result<Vec<MessageId>, ReadError> {
        let Some(first) = page.first() else { return Ok(Vec::new()) };
        let mut wanted = Vec::new();
        let mut seen = HashSet::new();
        for recorded in page {
            if let Stream::Message(id) = recorded.stream
                && seen.insert(id)
                && !is_beginning(recorded)
                && !self.held.contains_key(&id)
                && !self.damaged.contains(&id)
            {
                wanted.push(id);
            }
        }
        let mut histories = reading.histories(&wanted, Position(first.position.0 - 1)).await?;
        for id in &wanted {
            let folded = match histories.remove(id) {
                Some(Ok(history)) => self.refold(&history),
                Some(Err(corrupt)) => Err(corrupt),
                None => Ok(()),
            };
            if let Err(corrupt) = folded {
                self.quarantine(*id, &corrupt);
            }
        }
        wanted.retain(|id| self.held.contains_key(id));
        Ok(wanted)
    }

    fn refold(&mut self, history: &[Recorded]) -> Result<(), CorruptRecord> {
        history.iter().try_for_each(|recorded| self.apply(recorded).map(drop))
    }

    /// Applies one event. Answers with the message after it; `None` if it is of no message, or of a damaged one.
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Result<Option<&Held>, CorruptRecord> {
        let Stream::Message(id) = recorded.stream else { return Ok(None) };
        if self.damaged.contains(&id) {
            return Ok(None);
        }
        let corrupt = |detail: String| CorruptRecord {
            position: recorded.position,
            stream: recorded.stream.to_string(),
            detail,
        };
        if let Some(held) = self.held.get_mut(&id) {
            held.message.apply(recorded).map_err(|broken| corrupt(broken.to_string()))?;
        } else {
            let message = Message::begin(recorded).map_err(|broken| corrupt(broken.to_string()))?;
            self.held.insert(id, Held { position: recorded.position, message });
        }
        Ok(self.held.get(&id))
    }

    /// Passes over a message from here on, and says so once: the others go on.
    pub(crate) fn quarantine(&mut self, id: MessageId, corrupt: &CorruptRecord) {
        self.held.remove(&id);
        self.damaged.insert(id);
        let CorruptRecord { position, detail, .. } = corrupt;
        tracing::error!(message = %id, %position, detail, "a message's history is damaged");
    }

    /// A message in memory.
    pub(crate) fn get(&self, id: MessageId) -> Option<&Held> {
        self.held.get(&id)
    }

    /// Lets a message go.
    pub(crate) fn release(&mut self, id: MessageId) -> Option<Held> {
        self.held.remove(&id)
    }

    /// Lets all go beyond a bound, so that memory stays flat; they are recalled when needed.
    pub(crate) fn trim(&mut self, bound: usize) {
        if self.held.len() > bound {
            self.held = HashMap::new();
        }
    }

    /// All in memory.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }
}

fn is_beginning(recorded: &Recorded) -> bool {
    matches!(recorded.event, Event::Mail(MailEvent::Queued(_)))
}
