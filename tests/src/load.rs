//! The application that submits mail: many connections, a ledger of its own, and no opinion about the answers.
//!
//! What it promises to the oracle: of every message an intent is durable before the first byte of its request leaves,
//! and an answer is written down only after it was read in full.

mod http;
mod ledger;
mod mail;
mod report;
mod worker;

pub use ledger::{Answer, Entry, Intent};
pub use mail::Fate;
pub use report::Report;

use anyhow::{Context as _, Result};
use ledger::Ledger;
use mail::Mail;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// When to stop by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After so many messages were submitted, however they were answered.
    Messages(u64),
    /// After this time.
    Elapsed(Duration),
    /// Only when told.
    Stopped,
}

/// What happens to a message whose answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The run ends with an error: for benchmarks.
    Fails,
    /// It stays without an answer, and the next one is submitted.
    Forgotten,
    /// It is submitted again until there is an answer; honest only with idempotency keys.
    Repeated,
}

/// A load to be put on a service.
#[derive(Clone)]
pub struct Load {
    /// Where the service listens; a change is followed, so that a restarted service is found again.
    pub target: watch::Receiver<SocketAddr>,
    /// The API key.
    pub key: String,
    /// Kept connections, each with one request at a time.
    pub connections: usize,
    /// When to stop.
    pub until: Until,
    /// Messages per second over all connections, or as fast as they are answered.
    pub rate: Option<f64>,
    /// Messages per request; more than one makes it `POST /v1/messages/batch`.
    pub batch: usize,
    /// Whether every message carries an idempotency key.
    pub idempotent: bool,
    /// What becomes of unanswered messages.
    pub lost: Lost,
    /// Length of the text, in bytes.
    pub body_bytes: usize,
    /// Recipients per message.
    pub recipients: usize,
    /// The rest of each recipient's local part; see [`Script::addressed`](crate::sink::Script::addressed).
    pub fate: Option<Fate>,
    /// `critical`, `high`, `normal` or `low`.
    pub priority: Option<String>,
    /// More members of each message, as JSON without braces: `"retry":{"schedule":["1s"]}`.
    pub members: Option<String>,
    /// Where the generator's own ledger is written; without one nothing is synced.
    pub ledger: Option<PathBuf>,
    /// Makes the tokens of two runs into the same service differ.
    pub run: String,
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("connections", &self.connections)
            .field("until", &self.until)
            .field("rate", &self.rate)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Load {
    /// The workload of the benchmarks: 4 KiB, one recipient, 64 connections, as fast as answered, nothing kept.
    #[must_use]
    pub fn new(target: watch::Receiver<SocketAddr>, key: &str, until: Until) -> Self {
        Self {
            target,
            key: key.to_owned(),
            connections: 64,
            until,
            rate: None,
            batch: 1,
            idempotent: false,
            lost: Lost::Fails,
            body_bytes: 4096,
            recipients: 1,
            fate: None,
            priority: None,
            members: None,
            ledger: None,
            run: "run".to_owned(),
        }
    }

    /// Starts submitting.
    ///
    /// # Errors
    /// When the ledger file can not be made.
    pub fn start(self) -> Result<Running> {
        let ledger = self.ledger.as_deref().map(Ledger::create).transpose().context("the load's ledger")?;
        let (stop, _) = watch::channel(false);
        let shared = Arc::new(Shared {
            mail: Mail::new(&self),
            start: Instant::now(),
            next: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            progress: Notify::new(),
            ledger,
            stop,
            load: self,
        });
        let mut workers = JoinSet::new();
        for _ in 0..shared.load.connections {
            workers.spawn(worker::work(Arc::clone(&shared)));
        }
        Ok(Running { shared, workers, report: Report::new() })
    }

    /// Starts, and waits for the end.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`Running::finish`].
    pub async fn run(self) -> Result<Report> {
        self.start()?.finish().await
    }
}

/// What the workers of one load share.
struct Shared {
    load: Load,
    mail: Mail,
    start: Instant,
    next: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    progress: Notify,
    ledger: Option<Ledger>,
    stop: watch::Sender<bool>,
}

/// A load that is being put on.
pub struct Running {
    shared: Arc<Shared>,
    workers: JoinSet<Result<Report>>,
    report: Report,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("accepted", &self.accepted()).finish_non_exhaustive()
    }
}

impl Running {
    /// Messages that were answered with 202 so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// Waits until so many messages were answered with 202. Returns whether there were so many before `deadline`.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn reaches(&self, accepted: u64, deadline: Duration) -> bool {
        self.comes_to(|| self.accepted() >= accepted, deadline).await
    }

    /// Messages that were answered with 503 or 507 so far: not now.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Acquire)
    }

    /// As [`reaches`](Self::reaches), of [`refused`](Self::refused).
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn refuses(&self, refused: u64, deadline: Duration) -> bool {
        self.comes_to(|| self.refused() >= refused, deadline).await
    }

    async fn comes_to(&self, holds: impl Fn() -> bool, deadline: Duration) -> bool {
        let reached = async {
            loop {
                let mut progress = std::pin::pin!(self.shared.progress.notified());
                progress.as_mut().enable();
                if holds() {
                    return;
                }
                progress.await;
            }
        };
        tokio::time::timeout(deadline, reached).await.is_ok()
    }

    /// Starts no more requests; those that are under way are waited for by [`finish`](Self::finish).
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// Waits for the end, and for the ledger to be on disk.
    ///
    /// # Errors
    /// When the ledger could not be written, or an answer was missing where [`Lost::Fails`].
    pub async fn finish(mut self) -> Result<Report> {
        self.ended().await?;
        self.report.elapsed = self.shared.start.elapsed();
        Ok(self.report)
    }

    /// Waits until nothing is submitted any more.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn ended(&mut self) -> Result<()> {
        while let Some(worker) = self.workers.join_next().await {
            self.report.add(worker??);
        }
        match &self.shared.ledger {
            Some(ledger) => ledger.settled().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
