//! Verification: everything that the ledger says of itself, recomputed.

use super::Reader;
use crate::anchor::Mark;
use crate::chain::{self, Hash};
use crate::fault::{CorruptRecord, OpenError, ReadError};
use crate::pages::Pages;
use crate::row::EventRow;
use crate::sql;
use postledger_core::content::{Content, ContentRef};
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::{Epoch, Hex, LedgerId, Position, Stream};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query, query_as, query_scalar};
use std::collections::HashSet;

/// Contents read at once.
const CONTENTS: i64 = 64;

/// A ledger that is what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub ledger: LedgerId,
    /// The last position.
    pub position: Position,
    /// The chain there.
    pub hash: Hash,
    /// The epoch of the last event.
    pub epoch: Epoch,
    /// Messages that were begun.
    pub messages: u64,
    /// Contents whose digests were recomputed.
    pub contents: u64,
    /// Personal parts that were erased.
    pub erased: u64,
    /// The position that the anchor vouches for, where there is one.
    pub anchored: Option<Position>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A record is not what was recorded.
    #[error("position {position} of {stream}: {detail}")]
    Damaged {
        /// Where.
        position: Position,
        /// Whose.
        stream: String,
        /// What is wrong, without personal data.
        detail: String,
    },
    /// The journal is not the one that the anchor saw.
    #[error("{0}")]
    Anchor(String),
    /// The file's own structure is damaged.
    #[error("the database file is damaged: {0}")]
    File(String),
    /// It cannot be read.
    #[error("the ledger cannot be read after position {after}: {detail}")]
    Unreadable {
        /// What had been verified.
        after: Position,
        /// Why.
        detail: String,
    },
}

impl From<CorruptRecord> for VerifyError {
    fn from(CorruptRecord { position, stream, detail }: CorruptRecord) -> Self {
        Self::Damaged { position, stream, detail }
    }
}

impl Reader {
    /// Verifies the chain, positions, versions, every personal part and content that is there, that what is not
    /// there was removed by an event, the anchor, and the file's structure. `progress` is told the positions.
    ///
    /// # Errors
    /// [`VerifyError`] names the first thing that is wrong.
    pub async fn verify(&self, progress: &mut dyn FnMut(Position)) -> Result<Verified, VerifyError> {
        // Read first: the journal is always at least as long as an anchor read before it.
        let mark = self.mark().map_err(|error: OpenError| VerifyError::Anchor(error.to_string()))?;
        let base = self.identity.base_position;
        let end = self.head().await.map_err(|error| at(base, error))?.position;
        let mut pass = Pass::new(self, mark);
        pass.check_genesis()?;
        let mut pages = Pages::new(self.reading.pool.clone(), sql::PAGE, base, end);
        loop {
            let rows = pages.next().await.map_err(|error| at(pass.verified.position, error))?;
            if rows.is_empty() {
                break;
            }
            pass.page(&rows).await?;
            progress(pass.verified.position);
        }
        pass.finish(end).await
    }
}

fn at(after: Position, error: impl Into<ReadError>) -> VerifyError {
    match error.into() {
        ReadError::Corrupt { position, stream, detail } => VerifyError::Damaged { position, stream, detail },
        ReadError::Unreadable(detail) => VerifyError::Unreadable { after, detail },
    }
}

/// One pass over the journal.
struct Pass<'r> {
    reader: &'r Reader,
    mark: Option<Mark>,
    verified: Verified,
    /// Streams with a personal part gone for which no `erased` was seen yet.
    unexplained: HashSet<Stream>,
    /// Messages without content for which no removal was seen yet.
    without_content: HashSet<Stream>,
}

impl<'r> Pass<'r> {
    fn new(reader: &'r Reader, mark: Option<Mark>) -> Self {
        let identity = &reader.identity;
        let verified = Verified {
            ledger: identity.ledger,
            position: identity.base_position,
            hash: identity.base_hash,
            epoch: Epoch(0),
            messages: 0,
            contents: 0,
            erased: 0,
            anchored: None,
        };
        let mut pass =
            Self { reader, mark, verified, unexplained: HashSet::new(), without_content: HashSet::new() };
        pass.meet_anchor();
        pass
    }

    /// The first hash binds the chain to the ledger's name and date, as long as the file holds its beginning.
    fn check_genesis(&self) -> Result<(), VerifyError> {
        let identity = &self.reader.identity;
        let genesis = chain::genesis(identity.ledger, sql::JOURNAL, identity.created_at);
        if identity.base_position == Position(0) && identity.base_hash != genesis {
            return Err(VerifyError::File(
                "the chain does not begin with this ledger's name and date".into(),
            ));
        }
        match &self.mark {
            Some(mark) if mark.ledger != identity.ledger => Err(VerifyError::Anchor(format!(
                "the anchor belongs to ledger {}, and this is ledger {}",
                mark.ledger, identity.ledger
            ))),
            _ => Ok(()),
        }
    }

    fn meet_anchor(&mut self) {
        let Verified { position, hash, .. } = self.verified;
        if self.mark.as_ref().is_some_and(|mark| mark.position == position && mark.hash == hash) {
            self.verified.anchored = Some(position);
        }
    }

    async fn page(&mut self, rows: &[SqliteRow]) -> Result<(), VerifyError> {
        let before = self.verified.position;
        let mut queued = Vec::new();
        for row in rows {
            let row = EventRow::read(row)?;
            self.chain(&row)?;
            self.personal(&row)?;
            let recorded = row.decode()?;
            match &recorded.event {
                Event::Mail(MailEvent::Queued(event)) => {
                    self.verified.messages += 1;
                    queued.push((recorded.position, recorded.stream, event.content));
                }
                Event::Mail(MailEvent::ContentRemoved | MailEvent::Erased) => self.removal(&recorded),
                Event::Mail(_) | Event::Key(_) | Event::Node(_) => {}
            }
        }
        self.contents(before, queued).await
    }

    fn chain(&mut self, row: &EventRow<'_>) -> Result<(), VerifyError> {
        let expected = self.verified.position.0 + 1;
        if row.header.position != expected {
            return Err(row.corrupt(format!("the event at position {expected} is missing")).into());
        }
        if row.hash_after(&self.verified.hash) != row.hash {
            return Err(row
                .corrupt("its hash is not that of its bytes and of the event before it".into())
                .into());
        }
        self.verified.position = Position(row.header.position);
        self.verified.hash = row.hash;
        self.verified.epoch = Epoch(row.header.epoch);
        self.meet_anchor();
        Ok(())
    }

    fn personal(&mut self, row: &EventRow<'_>) -> Result<(), VerifyError> {
        match (row.personal, row.personal_digest) {
            (Some(personal), Some(digest)) if chain::personal_digest(personal) == digest => {}
            (Some(_), _) => return Err(row.corrupt("its personal part has another digest".into()).into()),
            (None, Some(_)) => {
                self.verified.erased += 1;
                self.unexplained.extend(row.header.stream.parse::<Stream>());
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn removal(&mut self, recorded: &Recorded) {
        self.without_content.remove(&recorded.stream);
        if recorded.event == Event::Mail(MailEvent::Erased) {
            self.unexplained.remove(&recorded.stream);
        }
    }

    /// Compares the contents of the page's messages with the digests in their events.
    async fn contents(
        &mut self,
        after: Position,
        queued: Vec<(Position, Stream, ContentRef)>,
    ) -> Result<(), VerifyError> {
        let last = self.verified.position;
        let mut present = Vec::new();
        let mut from = after;
        while !queued.is_empty() {
            let wanted = query(sql::CONTENTS).bind(from.0).bind(last.0).bind(CONTENTS);
            let rows = wanted.fetch_all(&self.reader.reading.pool).await.map_err(|error| at(after, error))?;
            for row in &rows {
                present.push(self.digest(row, &queued).await?);
            }
            match present.last() {
                Some((position, _)) if !rows.is_empty() => from = *position,
                _ => break,
            }
        }
        let mut present = present.into_iter().peekable();
        for (position, stream, expected) in queued {
            match present.next_if(|(at, _)| *at == position) {
                Some((_, found)) if found == expected => self.verified.contents += 1,
                Some(_) => {
                    let detail = "its content has another digest or size".to_owned();
                    return Err(VerifyError::Damaged { position, stream: stream.to_string(), detail });
                }
                None => drop(self.without_content.insert(stream)),
            }
        }
        match present.next() {
            None => Ok(()),
            Some((position, _)) => {
                let detail = "a content stands where no message begins".to_owned();
                Err(VerifyError::Damaged { position, stream: String::new(), detail })
            }
        }
    }

    async fn digest(
        &self,
        row: &SqliteRow,
        queued: &[(Position, Stream, ContentRef)],
    ) -> Result<(Position, ContentRef), VerifyError> {
        let after = self.verified.position;
        let position = Position(row.try_get(0).map_err(|error| at(after, error))?);
        let salt: Vec<u8> = row.try_get(1).map_err(|error| at(after, error))?;
        let bytes: Option<Vec<u8>> = row.try_get(2).map_err(|error| at(after, error))?;
        let stream = queued.iter().find(|(at, ..)| *at == position).map(|(_, stream, _)| *stream);
        let content = match (bytes, salt.try_into(), stream) {
            (Some(bytes), Ok(salt), _) => Some(Content { salt, bytes: bytes.into() }),
            (None, Ok(_), Some(Stream::Message(id))) => {
                self.reader.reading.content(id).await.map_err(|error| at(after, error))?
            }
            _ => None,
        };
        // What is not whole has a digest that no event has.
        Ok((position, content.map_or(ContentRef { digest: [0; 32], size: 0 }, |content| content.reference())))
    }

    async fn finish(mut self, end: Position) -> Result<Verified, VerifyError> {
        let pool = &self.reader.reading.pool;
        let failed = |error: sqlx::Error| at(end, error);
        if self.verified.position != end {
            let detail = format!("the journal breaks off before position {end}");
            return Err(VerifyError::Damaged {
                position: self.verified.position,
                stream: String::new(),
                detail,
            });
        }
        if let Some(mark) = &self.mark
            && self.verified.anchored.is_none()
        {
            return Err(VerifyError::Anchor(if mark.position > end {
                format!(
                    "the journal ends at position {end}, but its anchor has seen position {}",
                    mark.position
                )
            } else {
                let (position, hash) = (mark.position, Hex(&mark.hash[..8]));
                format!(
                    "the journal differs from its anchor, which has seen hash {hash} at position {position}"
                )
            }));
        }
        // An erasure or a removal may have come after the end that was fixed at the beginning.
        for (streams, kind, detail) in [
            (std::mem::take(&mut self.unexplained), "erased", "its personal part is gone without an erasure"),
            (std::mem::take(&mut self.without_content), "", "its content is gone without a removal"),
        ] {
            for stream in streams {
                let removals: i64 = query_scalar(sql::REMOVALS)
                    .bind(stream.to_string())
                    .bind(kind)
                    .fetch_one(pool)
                    .await
                    .map_err(failed)?;
                if removals == 0 {
                    let first = query(sql::STREAM).bind(stream.to_string()).fetch_one(pool).await;
                    let position = first.and_then(|row| row.try_get(0)).map_err(failed)?;
                    let (stream, detail) = (stream.to_string(), detail.to_owned());
                    return Err(VerifyError::Damaged { position: Position(position), stream, detail });
                }
            }
        }
        let gap: Option<(String, i64)> =
            query_as(sql::VERSION_GAP).fetch_optional(pool).await.map_err(failed)?;
        if let Some((stream, position)) = gap {
            let detail = "its versions are not 1, 2, 3 and so on".to_owned();
            return Err(VerifyError::Damaged { position: Position(position), stream, detail });
        }
        let integrity: String = query_scalar(sql::INTEGRITY).fetch_one(pool).await.map_err(failed)?;
        if integrity == "ok" { Ok(self.verified) } else { Err(VerifyError::File(integrity)) }
    }
}
