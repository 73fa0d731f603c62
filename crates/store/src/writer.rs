//! The one writer: it drains its queue, commits everything it found in one transaction, and answers after that.
//!
//! No delay is added to make batches larger: while one commit syncs, the next batch gathers by itself.

mod batch;
mod job;
mod store;

pub(crate) use batch::Batch;
pub(crate) use job::{Accepting, Appending, Chunk, Entry, Job};

use crate::anchor::{Anchor, Mark};
use crate::chain::Hash;
use crate::connect;
use crate::fault::WriteFault;
use crate::shared::Shared;
use crate::sql;
use job::Answer;
use postledger_core::id::{Epoch, LedgerId, Position};
use postledger_core::ledger::LedgerError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// Events in one transaction, about.
const BATCH_EVENTS: usize = 4096;
/// Content in one transaction, about.
const BATCH_BYTES: usize = 16 << 20;

/// Where the chain stands, which ledger it is, and the connection that may continue it.
#[derive(Debug)]
pub(crate) struct Journal {
    pub connection: SqliteConnection,
    pub ledger: LedgerId,
    pub epoch: Epoch,
    pub position: Position,
    pub hash: Hash,
}

impl Journal {
    /// Where it stands, for the anchor.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            ledger: self.ledger,
            journal: sql::JOURNAL,
            epoch: self.epoch,
            position: self.position,
            hash: self.hash,
        }
    }

    /// Commits what `jobs` ask for, all in one transaction. Durable on return; on error nothing was stored, or
    /// with [`WriteFault::Broken`] nobody knows.
    pub(crate) async fn commit<'j>(&mut self, jobs: &'j [Job]) -> Result<Batch<'j>, WriteFault> {
        query(sql::BEGIN).execute(&mut self.connection).await?;
        let stored = async {
            let known = store::Known::look_up(&mut self.connection, jobs).await?;
            let batch = Batch::plan(jobs, known, self.epoch, self.position, self.hash);
            store::write(&mut self.connection, &batch).await?;
            query(sql::COMMIT).execute(&mut self.connection).await?;
            Ok::<_, sqlx::Error>(batch)
        };
        match stored.await {
            Ok(batch) => {
                (self.position, self.hash) = (batch.position, batch.hash);
                Ok(batch)
            }
            Err(error) => {
                // SQLite may have rolled back by itself, and then says that there is nothing to roll back.
                let fault = WriteFault::from(error);
                let _ = query(sql::ROLLBACK).execute(&mut self.connection).await;
                Err(fault)
            }
        }
    }

    /// After a write that failed for good: the connection is never closed, for SQLite would copy a log that is not
    /// known to be on the disk, and sync again.
    pub(crate) fn abandon(self) {
        std::mem::forget(self.connection);
    }

    /// Opens the connection that writes, to a new file if `create` allows it.
    pub(crate) async fn connect(path: &Path, create: bool) -> Result<SqliteConnection, sqlx::Error> {
        SqliteConnection::connect_with(&connect::for_writing(path, create)).await
    }
}

/// The writer's task.
#[derive(Debug)]
pub(crate) struct Writer {
    pub journal: Journal,
    pub anchor: Anchor,
    pub queue: mpsc::Receiver<Job>,
    pub shared: Arc<Shared>,
    /// Held during a commit; a checkpoint that must have the file to itself takes it for a moment.
    pub gate: Arc<Mutex<()>>,
}

impl Writer {
    /// Runs until the queue is closed and empty. Returns the journal for the last word, unless a write failed for
    /// good.
    pub(crate) async fn run(mut self) -> Option<(Journal, Anchor)> {
        let mut jobs = Vec::new();
        while self.gather(&mut jobs).await {
            let gate = self.gate.clone();
            let _gate = gate.lock().await;
            self.settle(std::mem::take(&mut jobs)).await;
        }
        if !self.shared.is_writable() {
            self.journal.abandon();
            return None;
        }
        Some((self.journal, self.anchor))
    }

    /// Waits for a job and takes those that stand behind it. False at the end.
    async fn gather(&mut self, jobs: &mut Vec<Job>) -> bool {
        let Some(first) = self.queue.recv().await else { return false };
        let (mut events, mut bytes) = first.size();
        jobs.push(first);
        while events < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Ok(job) = self.queue.try_recv() else { break };
            let size = job.size();
            (events, bytes) = (events + size.0, bytes + size.1);
            jobs.push(job);
        }
        true
    }

    /// Commits the jobs and answers each. What cannot be done together is tried again in smaller parts.
    async fn settle(&mut self, jobs: Vec<Job>) {
        let mut rounds = vec![jobs];
        while let Some(jobs) = rounds.pop() {
            if !self.shared.is_writable() {
                jobs.into_iter().for_each(|job| job.refuse(LedgerError::Stopped));
                continue;
            }
            let started = tokio::time::Instant::now();
            match self.journal.commit(&jobs).await {
                Ok(batch) => {
                    let answers = self.publish(batch, started);
                    jobs.into_iter().zip(answers).for_each(|(job, answer)| job.answer(answer));
                }
                Err(WriteFault::Full) => {
                    // What became of attempts must be recorded even where nothing new can be taken in.
                    let (needed, refused): (Vec<_>, Vec<_>) = jobs.into_iter().partition(Job::is_append);
                    let is_mixed = !refused.is_empty();
                    refused.into_iter().for_each(|job| job.refuse(LedgerError::Full));
                    if is_mixed && !needed.is_empty() {
                        rounds.push(needed);
                    } else {
                        needed.into_iter().for_each(|job| job.refuse(LedgerError::Full));
                    }
                }
                Err(WriteFault::Busy) => jobs.into_iter().for_each(|job| job.refuse(LedgerError::Busy)),
                Err(WriteFault::Exists) if jobs.len() > 1 => {
                    rounds.extend(jobs.into_iter().rev().map(|job| vec![job]));
                }
                Err(WriteFault::Exists) => jobs.into_iter().for_each(|job| job.refuse(LedgerError::Conflict)),
                Err(WriteFault::Broken(reason)) => {
                    self.shared.fail(format!("a write to the ledger failed: {reason}"));
                    jobs.into_iter().for_each(|job| job.refuse(LedgerError::Undecided));
                }
            }
        }
    }

    /// After the commit and before the answers: anchor, head, subscribers.
    fn publish(&mut self, batch: Batch<'_>, started: tokio::time::Instant) -> Vec<Answer> {
        let Batch { committed, answers, bytes, erased, .. } = batch;
        if committed.events.is_empty() {
            return answers;
        }
        if let Err(error) = self.anchor.write(&self.journal.mark()) {
            self.shared.fail(format!("the anchor cannot be written: {error}"));
            return answers.into_iter().map(|_| Answer::Refused(LedgerError::Undecided)).collect();
        }
        metrics::histogram!("postledger_commit_seconds").record(started.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a count of events is small, and a metric is a float")]
        {
            metrics::histogram!("postledger_commit_batch_events").record(committed.events.len() as f64);
            metrics::gauge!("postledger_journal_position").set(self.journal.position.0 as f64);
        }
        self.shared.committed(self.journal.position, self.journal.hash, bytes, committed);
        if !erased.is_empty() {
            self.shared.erasure.notify_one();
        }
        answers
    }
}

#[cfg(test)]
mod tests;
