//! The queue at a start: the messages that have not ended, in order of acceptance, in pages.

use crate::fault::ReadError;
use crate::read::Reading;
use crate::sql;
use postledger_core::id::{MessageId, Position, Stream};
use postledger_core::ledger::OpenMessage;
use postledger_core::message::Message;
use sqlx::query_as;
use std::collections::{HashMap, HashSet};

/// How many candidates are folded at once, at most.
const CANDIDATES: usize = 1024;
/// Rows that are counted at once.
const TALLIED: i64 = 8192;

/// What the views know of open messages, and how far they had come.
#[derive(Debug, Default)]
pub(crate) struct OpenIndex {
    pub checkpoint: Position,
    pub open: Vec<(Position, MessageId)>,
}

/// One pass over the messages that may be open, by the positions of their beginnings.
///
/// What began before the views' checkpoint comes from their index. What happened after it is counted from the
/// journal's kinds alone, without decoding: deliveries begun less deliveries ended. Whatever may be open is then
/// folded, which decides.
#[derive(Debug)]
pub(crate) struct OpenScan {
    candidates: Vec<(Position, MessageId)>,
}

impl OpenScan {
    pub(crate) async fn begin(reading: &Reading, index: OpenIndex) -> Result<Self, ReadError> {
        let OpenIndex { checkpoint, open } = index;
        let tally = Tally::after(reading, checkpoint).await?;
        let mut candidates = open;
        candidates.extend(tally.open.into_iter().map(|(id, begun)| (begun.position, id)));
        for id in tally.redriven {
            let found: Option<(i64,)> = query_as(sql::BEGINNING)
                .bind(Stream::Message(id).to_string())
                .fetch_optional(&reading.pool)
                .await?;
            candidates.extend(found.map(|(position,)| (Position(position), id)));
        }
        candidates.sort_unstable();
        candidates.dedup();
        Ok(Self { candidates })
    }

    /// Open messages after a position.
    pub(crate) async fn page(
        &self,
        reading: &Reading,
        after: Position,
        limit: usize,
    ) -> Result<Vec<OpenMessage>, ReadError> {
        let start = self.candidates.partition_point(|(position, _)| *position <= after);
        let mut rest = &self.candidates[start..];
        let mut open = Vec::new();
        while open.len() < limit && !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CANDIDATES).min(limit - open.len()));
            rest = later;
            // Decoding takes longer than reading: both halves at once.
            let (first, second) = now.split_at(now.len() / 2);
            let halves = [first, second].map(|half| tokio::spawn(fold_open(reading.clone(), half.to_vec())));
            for half in halves {
                open.extend(half.await.map_err(|error| ReadError::Unreadable(error.to_string()))??);
            }
        }
        Ok(open)
    }
}

/// Counts of the journal's kinds after a position.
#[derive(Default)]
struct Tally {
    open: HashMap<MessageId, Begun>,
    /// Counted twice where they ended again, so they are looked at whatever the count says.
    redriven: HashSet<MessageId>,
}

/// A message whose deliveries have not all ended.
struct Begun {
    position: Position,
    remaining: i64,
}

impl Tally {
    async fn after(reading: &Reading, mut after: Position) -> Result<Self, ReadError> {
        let mut tally = Self::default();
        loop {
            let rows: Vec<(i64, String, String, i64)> =
                query_as(sql::TALLY).bind(after.0).bind(TALLIED).fetch_all(&reading.pool).await?;
            let Some(last) = rows.last() else { return Ok(tally) };
            after = Position(last.0);
            for (position, stream, kind, count) in &rows {
                if let Ok(Stream::Message(id)) = stream.parse() {
                    tally.count(Position(*position), id, kind, *count);
                } else {
                    tracing::error!(position, "an event of mail stands in a stream that is no message's");
                }
            }
        }
    }

    fn count(&mut self, position: Position, id: MessageId, kind: &str, count: i64) {
        match kind {
            "queued" => drop(self.open.insert(id, Begun { position, remaining: count })),
            "redriven" => drop(self.redriven.insert(id)),
            _ => {
                if let Some(begun) = self.open.get_mut(&id) {
                    begun.remaining -= 1;
                    if begun.remaining == 0 {
                        self.open.remove(&id);
                    }
                }
            }
        }
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
