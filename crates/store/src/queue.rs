//! The queue at a start: the messages that have not ended, in order of acceptance, in pages.

use crate::fault::ReadError;
use crate::read::{Reading, beginning};
use crate::sql;
use postledger_core::id::{MessageId, Position};
use postledger_core::ledger::OpenMessage;
use postledger_core::message::Message;
use sqlx::query_as;

/// How many candidates are folded at once, at most.
const CANDIDATES: usize = 1024;

/// What the views know of open messages, and how far they had come.
#[derive(Debug, Default)]
pub(crate) struct OpenIndex {
    pub checkpoint: Position,
    pub open: Vec<(Position, MessageId)>,
}

/// One pass over the open messages. What began before the views' checkpoint comes from their index, what began
/// after it from the journal; without views everything does.
#[derive(Debug)]
pub(crate) struct OpenScan {
    checkpoint: Position,
    /// Open at the checkpoint, or put back in the queue after it.
    known: Vec<(Position, MessageId)>,
}

impl OpenScan {
    pub(crate) async fn begin(reading: &Reading, index: OpenIndex) -> Result<Self, ReadError> {
        let OpenIndex { checkpoint, open: mut known } = index;
        if checkpoint > Position(0) {
            let rows: Vec<(i64, String)> =
                query_as(sql::REDRIVEN_AFTER).bind(checkpoint.0).fetch_all(&reading.pool).await?;
            for (position, stream) in rows {
                known.push(beginning(position, &stream)?);
            }
        }
        known.retain(|(position, _)| *position <= checkpoint);
        known.sort_unstable();
        known.dedup();
        Ok(Self { checkpoint, known })
    }

    /// Open messages after a position.
    pub(crate) async fn page(
        &self,
        reading: &Reading,
        mut after: Position,
        limit: usize,
    ) -> Result<Vec<OpenMessage>, ReadError> {
        let mut open = Vec::new();
        while open.len() < limit {
            let candidates = self.candidates(reading, after, limit - open.len()).await?;
            let Some((last, _)) = candidates.last() else { break };
            after = *last;
            // Decoding takes longer than reading: both halves at once.
            let (first, second) = candidates.split_at(candidates.len() / 2);
            let halves = [first, second].map(|half| tokio::spawn(fold_open(reading.clone(), half.to_vec())));
            for half in halves {
                open.extend(half.await.map_err(|error| ReadError::Unreadable(error.to_string()))??);
            }
        }
        Ok(open)
    }

    async fn candidates(
        &self,
        reading: &Reading,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, MessageId)>, ReadError> {
        let limit = limit.min(CANDIDATES);
        let start = self.known.partition_point(|(position, _)| *position <= after);
        let known = &self.known[start..];
        if !known.is_empty() {
            return Ok(known[..known.len().min(limit)].to_vec());
        }
        reading.queued(after.max(self.checkpoint), limit).await
    }
}

/// Those of the candidates that have not ended. One whose history is damaged is reported and left out: it must
/// not stop the others.
async fn fold_open(
    reading: Reading,
    candidates: Vec<(Position, MessageId)>,
) -> Result<Vec<OpenMessage>, ReadError> {
    let ids: Vec<_> = candidates.iter().map(|(_, id)| *id).collect();
    let mut histories = reading.histories(&ids, Position(i64::MAX)).await?;
    let mut open = Vec::new();
    for (position, id) in candidates {
        let folded = match histories.remove(&id) {
            Some(Ok(history)) => Message::fold(&history).map_err(|broken| broken.to_string()),
            Some(Err(corrupt)) => Err(ReadError::from(corrupt).to_string()),
            None => Ok(None),
        };
        match folded {
            Ok(Some(message)) if !message.is_final() => open.push(OpenMessage { position, message }),
            Ok(_) => {}
            Err(detail) => tracing::error!(message = %id, detail, "a message's history is damaged"),
        }
    }
    Ok(open)
}
