//! A row of the journal as it stands in the file.

use crate::chain::{self, Hash, Header};
use crate::codec;
use crate::fault::CorruptRecord;
use postledger_core::event::Recorded;
use postledger_core::id::{Epoch, Ordinal, Position};
use postledger_core::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// The thirteen columns, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRow<'r> {
    pub header: Header<'r>,
    pub data: &'r str,
    pub personal: Option<&'r [u8]>,
    pub personal_digest: Option<&'r [u8]>,
    pub hash: Hash,
}

impl<'r> EventRow<'r> {
    /// Reads the columns. Errors name the place, never what stands there.
    pub(crate) fn read(row: &'r SqliteRow) -> Result<Self, CorruptRecord> {
        let position = row.try_get(0).unwrap_or(0);
        let stream = row.try_get(1).unwrap_or("");
        let column = |name: &str| CorruptRecord {
            position: Position(position),
            stream: stream.to_owned(),
            detail: format!("column {name} cannot be read"),
        };
        let integer = |index: usize, name: &str| row.try_get::<i64, _>(index).map_err(|_| column(name));
        let text = |index: usize, name: &str| row.try_get::<&str, _>(index).map_err(|_| column(name));
        let blob =
            |index: usize, name: &str| row.try_get::<Option<&[u8]>, _>(index).map_err(|_| column(name));
        let hash = blob(12, "hash")?.and_then(|hash| hash.try_into().ok()).ok_or_else(|| column("hash"))?;
        Ok(Self {
            header: Header {
                position: integer(0, "position")?,
                stream: text(1, "stream")?,
                delivery: integer(2, "delivery")?,
                version: integer(3, "version")?,
                epoch: integer(4, "epoch")?,
                tenant: text(5, "tenant")?,
                kind: text(6, "kind")?,
                schema: integer(7, "schema")?,
                at_us: integer(8, "at_us")?,
            },
            data: text(9, "data")?,
            personal: blob(10, "personal")?,
            personal_digest: blob(11, "personal_digest")?,
            hash,
        })
    }

    /// The hash that this row should have after `previous`.
    pub(crate) fn hash_after(&self, previous: &Hash) -> Hash {
        chain::next(previous, &self.header, self.data.as_bytes(), self.personal_digest)
    }

    /// The event with its place.
    pub(crate) fn decode(&self) -> Result<Recorded, CorruptRecord> {
        let header = &self.header;
        let corrupt = |detail: String| self.corrupt(detail);
        let number = |what: &str| corrupt(format!("{what} is out of range"));
        let event = codec::decode(header.kind, header.schema, self.data, self.personal)
            .map_err(|error| corrupt(error.to_string()))?;
        Ok(Recorded {
            position: Position(header.position),
            stream: header.stream.parse().map_err(|_| corrupt("the stream has no known form".into()))?,
            ordinal: Ordinal(u16::try_from(header.delivery).map_err(|_| number("delivery"))?),
            version: u32::try_from(header.version).map_err(|_| number("version"))?,
            epoch: Epoch(header.epoch),
            tenant: header.tenant.parse().map_err(|_| corrupt("the tenant is no name".into()))?,
            at: Timestamp::from_micros(header.at_us),
            hash: self.hash,
            event,
        })
    }

    /// Names this row as the corrupt one.
    pub(crate) fn corrupt(&self, detail: String) -> CorruptRecord {
        let position = Position(self.header.position);
        CorruptRecord { position, stream: self.header.stream.to_owned(), detail }
    }
}

/// Decodes rows in order.
pub(crate) fn decode_all(rows: &[SqliteRow]) -> Result<Vec<Recorded>, CorruptRecord> {
    rows.iter().map(|row| EventRow::read(row)?.decode()).collect()
}
