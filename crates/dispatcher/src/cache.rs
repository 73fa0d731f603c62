//! What was just accepted and will be sent in a moment, so that it need not be read back. Bounded in bytes: a
//! backlog is read from the ledger when its turn comes.

use postledger_core::content::Content;
use postledger_core::event::{Head, Queued};
use postledger_core::id::{MessageId, Ordinal};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Bytes of content held at most.
pub(crate) const CAPACITY: usize = 32 * 1024 * 1024;
/// What an entry costs beside its content, roughly.
const OVERHEAD: usize = 512;
/// Entries looked at to make room for one.
const MAX_LOOKS: usize = 8;

/// What a worker needs to send a delivery.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub queued: Arc<Queued>,
    pub content: Content,
    /// Frozen by the first attempt, by ordinal.
    pub heads: Vec<(Ordinal, Arc<Head>)>,
}

#[derive(Debug)]
pub(crate) struct Cache {
    mails: HashMap<MessageId, Mail>,
    /// In order of arrival; may name what is gone.
    arrivals: VecDeque<MessageId>,
    bytes: usize,
    capacity: usize,
}

impl Mail {
    pub(crate) fn head(&self, ordinal: Ordinal) -> Option<Arc<Head>> {
        self.heads.iter().find(|(of, _)| *of == ordinal).map(|(_, head)| head.clone())
    }

    fn size(&self) -> usize {
        let heads: usize = self.heads.iter().map(|(_, head)| head.fields.len()).sum();
        self.content.bytes.len() + heads + OVERHEAD
    }
}

impl Cache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { mails: HashMap::new(), arrivals: VecDeque::new(), bytes: 0, capacity }
    }

    /// Admits a mail if there is room, or if room can be made of what nobody wants now. The older ones stay:
    /// in a backlog they are the next to be sent.
    pub(crate) fn admit(&mut self, id: MessageId, mail: Mail, is_wanted: impl Fn(MessageId) -> bool) {
        let size = mail.size();
        if size > self.capacity || self.mails.contains_key(&id) {
            return;
        }
        for _ in 0..MAX_LOOKS {
            if self.bytes + size <= self.capacity {
                break;
            }
            let Some(oldest) = self.arrivals.pop_front() else { break };
            if is_wanted(oldest) {
                self.arrivals.push_back(oldest);
            } else {
                self.remove(oldest);
            }
        }
        if self.bytes + size <= self.capacity {
            self.bytes += size;
            self.mails.insert(id, mail);
            self.arrivals.push_back(id);
        }
        if self.arrivals.len() > 2 * self.mails.len() + 64 {
            self.arrivals.retain(|id| self.mails.contains_key(id));
        }
    }

    pub(crate) fn mail(&self, id: MessageId) -> Option<&Mail> {
        self.mails.get(&id)
    }

    pub(crate) fn add_head(&mut self, id: MessageId, ordinal: Ordinal, head: &Arc<Head>) {
        if let Some(mail) = self.mails.get_mut(&id) {
            mail.heads.push((ordinal, head.clone()));
            // Signatures are as long as a short mail.
            self.bytes += head.fields.len();
        }
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        if let Some(mail) = self.mails.remove(&id) {
            self.bytes -= mail.size();
        }
    }
}

#[cfg(test)]
mod tests;
