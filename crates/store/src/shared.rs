//! What the writer tells everybody else: where the journal stands, whether it may be written, what was committed.

use crate::chain::Hash;
use crate::disk::RESERVE_BYTES;
use postledger_core::id::{Epoch, Position};
use postledger_core::ledger::{Committed, LedgerHead, Subscriber};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Notify, watch};

/// Shared by the ledger, its writer and its other tasks.
pub(crate) struct Shared {
    head: watch::Sender<LedgerHead>,
    failure: watch::Sender<Option<String>>,
    is_ending: watch::Sender<bool>,
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
    /// Bytes of log since the last checkpoint, about.
    unchecked: AtomicU64,
    /// Woken when a checkpoint is due.
    pub checkpoint: Notify,
    /// Woken when personal parts were erased, which the log must not keep.
    pub erasure: Notify,
    /// Set by each commit, cleared by each sync of the anchor.
    pub is_anchor_ahead: AtomicBool,
    /// Free space below which nothing new is accepted.
    pub reserve_bytes: AtomicU64,
    /// The free space is below the reserve.
    pub is_low: AtomicBool,
}

/// Bytes of log after which a checkpoint is worth its syncs.
const CHECKPOINT_BYTES: u64 = 16 << 20;

impl Shared {
    pub(crate) fn new(position: Position, hash: Hash, epoch: Epoch) -> Self {
        Self {
            head: watch::Sender::new(LedgerHead { position, hash, epoch, is_writable: true }),
            failure: watch::Sender::new(None),
            is_ending: watch::Sender::new(false),
            subscribers: RwLock::default(),
            unchecked: AtomicU64::new(0),
            checkpoint: Notify::new(),
            erasure: Notify::new(),
            is_anchor_ahead: AtomicBool::new(true),
            reserve_bytes: AtomicU64::new(RESERVE_BYTES),
            is_low: AtomicBool::new(false),
        }
    }

    pub(crate) fn head(&self) -> LedgerHead {
        *self.head.borrow()
    }

    pub(crate) fn watch_head(&self) -> watch::Receiver<LedgerHead> {
        self.head.subscribe()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.head.borrow().is_writable
    }

    pub(crate) fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    /// Moves the head and tells the subscribers, in this order, before the writer answers.
    pub(crate) fn committed(&self, position: Position, hash: Hash, bytes: usize, committed: Committed) {
        self.is_anchor_ahead.store(true, Ordering::Release);
        self.head.send_modify(|head| (head.position, head.hash) = (position, hash));
        let committed = Arc::new(committed);
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        subscribers.iter().for_each(|subscriber| subscriber.committed(&committed));
        let bytes = bytes as u64;
        if self.unchecked.fetch_add(bytes, Ordering::Relaxed) + bytes >= CHECKPOINT_BYTES {
            self.unchecked.store(0, Ordering::Relaxed);
            self.checkpoint.notify_one();
        }
    }

    /// Nothing more is acknowledged from here on. Only the first reason counts; it is logged by who stops.
    pub(crate) fn fail(&self, reason: String) {
        self.head.send_modify(|head| head.is_writable = false);
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(reason);
            is_first
        });
    }

    /// The orderly end: refuses further writes without a failure, and ends the tasks.
    pub(crate) fn end(&self) {
        self.head.send_modify(|head| head.is_writable = false);
        self.is_ending.send_replace(true);
    }

    /// Resolves at the orderly end.
    pub(crate) async fn ended(&self) {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.is_ending.subscribe().wait_for(|is_ending| *is_ending).await;
    }

    /// Resolves once [`Shared::fail`] was called.
    pub(crate) async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender lives in `self`, so it cannot be gone.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({:?})", self.head())
    }
}
