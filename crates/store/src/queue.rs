//! The queue at a start: the messages that have not ended, in order of acceptance, in pages.

use crate::fault::ReadError;
use crate::read::{Reading, beginning};
use crate::sql;
use postledger_core::id::{MessageId, Position};
use postledger_core::ledger::OpenMessage;
use postledger_core::message::Message;
use sqlx::query_as;

/// How many candidates are folded at once.
const CANDIDATES: usize = 512;

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

    /// Open messages after a position. One whose history is damaged is reported and left out: it must not stop
    /// the others.
    pub(crate) async fn page(
        &self,
        reading: &Reading,
        mut after: Position,
        limit: usize,
    ) -> Result<Vec<OpenMessage>, ReadError> {
        let mut open = Vec::new();
        loop {
            let candidates = self.candidates(reading, after).await?;
            if candidates.is_empty() {
                return Ok(open);
            }
            let ids: Vec<_> = candidates.iter().map(|(_, id)| *id).collect();
            let mut histories = reading.histories(&ids, Position(i64::MAX)).await?;
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
                if open.len() == limit {
                    return Ok(open);
                }
                after = position;
            }
        }
    }

    async fn candidates(
        &self,
        reading: &Reading,
        after: Position,
    ) -> Result<Vec<(Position, MessageId)>, ReadError> {
        let start = self.known.partition_point(|(position, _)| *position <= after);
        let known = &self.known[start..];
        if !known.is_empty() {
            return Ok(known[..known.len().min(CANDIDATES)].to_vec());
        }
        reading.queued(after.max(self.checkpoint), CANDIDATES).await
    }
}
