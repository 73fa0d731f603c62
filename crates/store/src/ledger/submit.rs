//! The way of a submission into the writer's queue.

use crate::writer::{Accepting, Job};
use bytes::Bytes;
use postledger_core::clock::Entropy;
use postledger_core::ledger::{LedgerError, Submission, Submitted};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Contents above go into the ledger in chunks of their own, ahead of the message.
const LARGE: usize = 256 << 10;
/// The length of a chunk.
const CHUNK: usize = 1 << 20;
/// How long a submission waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands the submissions in and waits for their commit.
///
/// Until it has a place in the queue it can be withdrawn, and `Busy` is an honest answer; after that it waits.
pub(crate) async fn submit(
    queue: mpsc::Sender<Job>,
    submissions: Vec<Submission>,
    entropy: Arc<dyn Entropy>,
) -> Result<Vec<Submitted>, LedgerError> {
    if submissions.iter().all(|submission| !is_large(submission)) {
        return accept(&queue, submissions, &*entropy).await;
    }
    // A caller that leaves between two chunks must not leave them behind, so it is carried through without it.
    let task = tokio::spawn(async move {
        for submission in submissions.iter().filter(|submission| is_large(submission)) {
            write_chunks(&queue, submission).await?;
        }
        accept(&queue, submissions, &*entropy).await
    });
    task.await.map_err(|_| LedgerError::Undecided)?
}

fn is_large(submission: &Submission) -> bool {
    submission.content.bytes.len() > LARGE
}

async fn accept(
    queue: &mpsc::Sender<Job>,
    submissions: Vec<Submission>,
    entropy: &dyn Entropy,
) -> Result<Vec<Submitted>, LedgerError> {
    let accepting = |submission: Submission| {
        let is_chunked = is_large(&submission);
        Accepting::new(submission, is_chunked, entropy)
    };
    let items = submissions.into_iter().map(accepting).collect();
    enqueue(queue, |reply| Job::Submit(items, reply)).await
}

async fn write_chunks(queue: &mpsc::Sender<Job>, submission: &Submission) -> Result<(), LedgerError> {
    let whole = &submission.content.bytes;
    for (number, start) in (0_i64..).zip((0..whole.len()).step_by(CHUNK)) {
        let bytes: Bytes = whole.slice(start..whole.len().min(start + CHUNK));
        let chunk = crate::writer::Chunk { message: submission.id, number, bytes };
        enqueue(queue, |reply| Job::Chunk(chunk, reply)).await?;
    }
    Ok(())
}

async fn enqueue<T>(
    queue: &mpsc::Sender<Job>,
    job: impl FnOnce(oneshot::Sender<Result<T, LedgerError>>) -> Job,
) -> Result<T, LedgerError> {
    let (reply, answer) = oneshot::channel();
    let place = match queue.try_reserve() {
        Ok(place) => place,
        Err(_) => match tokio::time::timeout(PATIENCE, queue.reserve()).await {
            Ok(place) => place.map_err(|_| LedgerError::Stopped)?,
            Err(_) => return Err(LedgerError::Busy),
        },
    };
    place.send(job(reply));
    // The writer is gone, and took the job along.
    answer.await.map_err(|_| LedgerError::Undecided)?
}
