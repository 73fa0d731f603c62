//! The queue at a start: the messages that have not ended.

use super::SqliteLedger;
use crate::fault::ReadError;
use crate::read::{Reading, beginning};
use crate::sql;
use postledger_core::id::{MessageId, Position};
use postledger_core::ledger::OpenMessage;
use postledger_core::message::Message;
use sqlx::query_as;
use std::sync::{Arc, PoisonError};

/// How many candidates are folded at once.
const CANDIDATES: usize = 512;

/// One pass over the open messages: what it takes from the views, and where it goes on by itself.
#[derive(Debug)]
pub(super) struct OpenScan {
    /// Where the views stood; 0 if they are of no use.
    checkpoint: Position,
    /// Open at the checkpoint, or put back in the queue after it, in order.
    known: Vec<(Position, MessageId)>,
}

impl OpenScan {
    async fn begin(
        reading: &Reading,
        open: Option<(Position, Vec<(Position, MessageId)>)>,
    ) -> Result<Self, ReadError> {
        let Some((checkpoint, mut known)) = open else {
            return Ok(Self { checkpoint: Position(0), known: Vec::new() });
        };
        let rows: Vec<(i64, String)> =
            query_as(sql::REDRIVEN_AFTER).bind(checkpoint.0).fetch_all(&reading.pool).await?;
        for (position, stream) in rows {
            known.push(beginning(position, &stream)?);
        }
        known.retain(|(position, _)| *position <= checkpoint);
        known.sort_unstable();
        known.dedup();
        Ok(Self { checkpoint, known })
    }

    /// The next candidates after a position, in order.
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

impl SqliteLedger {
    /// A message whose history is damaged is reported and left out: it must not stop the others.
    pub(super) async fn open_page(
        &self,
        mut after: Position,
        limit: usize,
    ) -> Result<Vec<OpenMessage>, ReadError> {
        let scan = self.open_scan(after).await?;
        let mut open = Vec::new();
        loop {
            let candidates = scan.candidates(&self.reading, after).await?;
            let ids: Vec<_> = candidates.iter().map(|(_, id)| *id).collect();
            let mut histories = self.reading.histories(&ids, Position(i64::MAX)).await?;
            for (position, id) in candidates {
                let folded = match histories.remove(&id) {
                    Some(Ok(history)) => Message::fold(&history).map_err(|broken| broken.to_string()),
                    Some(Err(corrupt)) => Err(ReadError::from(corrupt).to_string()),
                    None => Ok(None),
                };
                match folded {
                    Ok(Some(message)) if !message.is_final() => open.push(OpenMessage { position, message }),
                    Ok(_) => {}
                    Err(reason) => {
                        tracing::error!(message = %id, reason, "quarantined: its history is damaged")
                    }
                }
                if open.len() == limit {
                    return Ok(open);
                }
                after = position;
            }
            if ids.is_empty() {
                return Ok(open);
            }
        }
    }

    async fn open_scan(&self, after: Position) -> Result<Arc<OpenScan>, ReadError> {
        let cached = self.open_scan.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(scan) = cached.filter(|_| after > Position(0)) {
            return Ok(scan);
        }
        let scan = Arc::new(OpenScan::begin(&self.reading, None).await?);
        *self.open_scan.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&scan));
        Ok(scan)
    }
}
