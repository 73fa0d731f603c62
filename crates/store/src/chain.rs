//! The hash chain: each event's hash covers the one before it, its header, its stored data and the digest of its
//! personal part. Whoever has the file can recompute it; docs/events.md describes the bytes.

use postledger_core::id::LedgerId;
use postledger_core::time::Timestamp;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// The columns that are hashed before the data, as stored.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// From 1, without a gap.
    pub position: i64,
    /// Such as `msg_…`.
    pub stream: &'a str,
    /// The delivery's ordinal, or 0.
    pub delivery: i64,
    /// Inside stream and delivery, from 1.
    pub version: i64,
    /// The epoch it was written in.
    pub epoch: i64,
    /// Whose data it is.
    pub tenant: &'a str,
    /// The event's kind.
    pub kind: &'a str,
    /// The schema of that kind.
    pub schema: i64,
    /// Microseconds since 1970.
    pub at_us: i64,
}

/// What stands before the first event: it binds the chain to its ledger.
pub fn genesis(ledger: LedgerId, journal: i64, created_at: Timestamp) -> Hash {
    let mut chain = Fields::default();
    chain.bytes(&ledger.0).integer(journal).integer(created_at.as_micros());
    chain.hash()
}

/// The hash of an event that follows `previous`.
pub fn next(previous: &Hash, header: &Header<'_>, data: &[u8], personal_digest: Option<&[u8]>) -> Hash {
    let mut chain = Fields(Vec::with_capacity(320 + data.len()));
    chain.bytes(previous).integer(header.position).bytes(header.stream.as_bytes());
    chain.integer(header.delivery).integer(header.version).integer(header.epoch);
    chain.bytes(header.tenant.as_bytes()).bytes(header.kind.as_bytes()).integer(header.schema);
    chain.integer(header.at_us).bytes(data).bytes(personal_digest.unwrap_or_default());
    chain.hash()
}

/// The digest of a personal part: its salt and its bytes.
pub fn personal_digest(personal: &[u8]) -> Hash {
    *blake3::hash(personal).as_bytes()
}

/// Fields, each after its length (8 bytes, little endian), so that no two rows have the same bytes.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn integer(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn hash(&self) -> Hash {
        *blake3::hash(&self.0).as_bytes()
    }
}
