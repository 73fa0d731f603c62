//! A ledger whose appends can be held back, refused, or stopped at a chosen kind of event.

use postledger_core::content::Content;
use postledger_core::event::Recorded;
use postledger_core::id::{MessageId, Position};
use postledger_core::ledger::{
    Append, BoxFuture, Ledger, LedgerError, LedgerHead, OpenMessage, Submission, Submitted, Subscriber,
};
use postledger_core::memory::MemoryLedger;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What to do with an append that holds an event of `kind`.
#[derive(Clone)]
pub enum Gate {
    /// Wait until told, then append.
    Wait(Arc<Notify>),
    /// Refuse so many times.
    Busy(usize),
    /// As after a failed sync, from then on.
    Stop,
    /// Fail inside, once.
    Panic,
}

pub struct GatedLedger {
    pub inner: Arc<MemoryLedger>,
    pub gate: Mutex<Option<(&'static str, Gate)>>,
    pub reached: Notify,
}

impl GatedLedger {
    pub fn new(inner: Arc<MemoryLedger>, kind: &'static str, gate: Gate) -> Arc<Self> {
        Arc::new(Self { inner, gate: Mutex::new(Some((kind, gate))), reached: Notify::new() })
    }

    fn gate(&self, append: &Append) -> Option<Gate> {
        let mut gate = self.gate.lock().expect("no test has failed");
        let (kind, present) = gate.clone()?;
        if !append.changes.iter().any(|change| change.event.kind() == kind) {
            return None;
        }
        self.reached.notify_one();
        *gate = match &present {
            Gate::Busy(left) if *left > 1 => Some((kind, Gate::Busy(left - 1))),
            Gate::Stop => Some((kind, Gate::Stop)),
            Gate::Wait(_) | Gate::Busy(_) | Gate::Panic => None,
        };
        Some(present)
    }
}

impl Ledger for GatedLedger {
    fn submit(&self, submissions: Vec<Submission>) -> BoxFuture<'_, Result<Vec<Submitted>, LedgerError>> {
        self.inner.submit(submissions)
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        match self.gate(&append) {
            None => self.inner.append(append),
            Some(Gate::Wait(told)) => Box::pin(async move {
                told.notified().await;
                self.inner.append(append).await
            }),
            Some(Gate::Busy(_)) => Box::pin(std::future::ready(Err(LedgerError::Busy))),
            Some(Gate::Panic) => unreachable!("as a fault inside an attempt would"),
            Some(Gate::Stop) => {
                self.inner.stop();
                self.inner.append(append)
            }
        }
    }

    fn histories(&self, ids: Vec<MessageId>) -> BoxFuture<'_, Result<Vec<Vec<Recorded>>, LedgerError>> {
        self.inner.histories(ids)
    }

    fn content(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, LedgerError>> {
        let reached = self.gate.lock().expect("no test has failed").take_if(|(kind, _)| *kind == "content");
        match reached {
            None => self.inner.content(id),
            Some((_, Gate::Panic)) => unreachable!("as a fault inside an attempt would"),
            Some((_, Gate::Wait(_) | Gate::Busy(_) | Gate::Stop)) => Box::pin(std::future::ready(Ok(None))),
        }
    }

    fn key_events(&self) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        self.inner.key_events()
    }

    fn open_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OpenMessage>, LedgerError>> {
        self.inner.open_messages(after, limit)
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.inner.subscribe(subscriber);
    }

    fn head(&self) -> LedgerHead {
        self.inner.head()
    }
}
