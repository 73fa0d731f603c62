//! Every statement that is sent to the ledger's file, and its schema. The views have their own.

use std::fmt::Write;
use std::sync::LazyLock;

/// The format of ledger files that this program writes, and the newest that it reads.
pub(crate) use crate::migration::FORMAT;

/// The number of the one journal of a ledger in SQLite.
pub(crate) const JOURNAL: i64 = 1;

/// Format 1, for ever: what came later is in `migration`. The triggers make the journal append-only for whoever opens the file, this program included; the
/// one exception is the removal of personal parts by an erasure, whose event is appended first.
pub(crate) const SCHEMA: &str = "
CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ledger_id TEXT NOT NULL,
    journal INTEGER NOT NULL,
    created_at_us INTEGER NOT NULL,
    format INTEGER NOT NULL,
    base_position INTEGER NOT NULL,
    base_hash BLOB NOT NULL,
    secret_fingerprint BLOB NOT NULL
) STRICT;

CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    delivery INTEGER NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    schema INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    data TEXT NOT NULL,
    personal BLOB,
    personal_digest BLOB,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_stream ON event (stream, delivery, version);

CREATE TRIGGER event_is_appended_once BEFORE INSERT ON event
WHEN NEW.position <= (SELECT MAX(position) FROM event)
  OR EXISTS (SELECT 1 FROM event WHERE (stream, delivery, version) = (NEW.stream, NEW.delivery, NEW.version))
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: this event exists'); END;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
WHEN NEW.personal IS NOT NULL OR OLD.personal IS NULL
  OR NOT EXISTS (
    SELECT 1 FROM event WHERE stream = OLD.stream AND delivery = 0 AND kind = 'erased')
  OR (NEW.position, NEW.stream, NEW.delivery, NEW.version, NEW.epoch, NEW.tenant, NEW.kind, NEW.schema,
      NEW.at_us, NEW.data, NEW.personal_digest, NEW.hash)
    IS NOT (OLD.position, OLD.stream, OLD.delivery, OLD.version, OLD.epoch, OLD.tenant, OLD.kind, OLD.schema,
      OLD.at_us, OLD.data, OLD.personal_digest, OLD.hash)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: only an erasure removes personal parts'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE content (
    position INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB
) STRICT;

CREATE TABLE content_chunk (
    stream TEXT NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (stream, number)
) STRICT;

CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key BLOB NOT NULL,
    request BLOB NOT NULL,
    position INTEGER NOT NULL,
    keep_until_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_end ON idempotency (keep_until_us);
";

macro_rules! event_columns {
    () => {
        "position, stream, delivery, version, epoch, tenant, kind, schema, at_us, data, personal, \
         personal_digest, hash"
    };
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = $sql;)*
        /// Every statement but the multi-row ones.
        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$($name,)*];
    };
}

statements! {
    HAS_LEDGER = "SELECT COUNT(*), COUNT(*) FILTER (WHERE name = 'ledger') FROM sqlite_schema";
    FORMAT_OF = "SELECT format FROM ledger";
    LEDGER = "SELECT ledger_id, journal, created_at_us, base_position, base_hash, secret_fingerprint FROM ledger";
    SET_FORMAT = "UPDATE ledger SET format = ?";
    INSERT_LEDGER = "INSERT INTO ledger VALUES (1, ?, ?, ?, 1, ?, ?, ?)";
    LAST = concat!("SELECT ", event_columns!(), " FROM event ORDER BY position DESC LIMIT 1");
    EVENT_AT = concat!("SELECT ", event_columns!(), " FROM event WHERE position = ?");
    /// The journal, page by page.
    PAGE = concat!("SELECT ", event_columns!(), " FROM event WHERE position > ? ORDER BY position LIMIT ?");
    /// What a fold of deliveries needs of it: the columns keep their places, the rest is empty.
    PAGE_PLAIN = "SELECT position, stream, delivery, version, epoch, tenant, kind, schema, at_us, data, \
                  NULL, personal_digest, hash FROM event WHERE position > ? ORDER BY position LIMIT ?";
    STREAM = concat!("SELECT ", event_columns!(), " FROM event WHERE stream = ? ORDER BY position");
    KEYS = concat!("SELECT ", event_columns!(),
        " FROM event WHERE stream >= 'key_' AND stream < 'key`' ORDER BY position");
    NODE_VERSION = "SELECT MAX(version) FROM event WHERE stream = 'node' AND delivery = 0";
    /// Erasures of a stream, or with another word than `erased` removals of its content of either kind.
    REMOVALS = "SELECT COUNT(*) FROM event WHERE stream = ? AND delivery = 0 AND \
                (kind = 'erased' OR (kind = 'content_removed' AND ? <> 'erased'))";
    /// A delivery, or a stream itself, whose versions are not 1 to their number.
    VERSION_GAP = "SELECT stream, MAX(position) FROM event GROUP BY stream, delivery \
                   HAVING MIN(version) <> 1 OR MAX(version) <> COUNT(*) LIMIT 1";
    CONTENTS = "SELECT position, salt, bytes FROM content WHERE position > ? AND position <= ? \
                ORDER BY position LIMIT ?";
    ERASE = "UPDATE event SET personal = NULL WHERE stream = ? AND personal IS NOT NULL";
    CONTENT = "SELECT salt, size, bytes FROM content WHERE position = \
               (SELECT position FROM event WHERE stream = ? AND delivery = 0 AND version = 1)";
    DELETE_CONTENT = "DELETE FROM content WHERE position = \
                      (SELECT position FROM event WHERE stream = ? AND delivery = 0 AND version = 1)";
    CHUNK = "SELECT bytes FROM content_chunk WHERE stream = ? AND number = ?";
    INSERT_CHUNK = "INSERT OR REPLACE INTO content_chunk (stream, number, bytes) VALUES (?, ?, ?)";
    DELETE_CHUNKS = "DELETE FROM content_chunk WHERE stream = ?";
    /// Chunks whose message was never accepted.
    SWEEP_CHUNKS = "DELETE FROM content_chunk WHERE NOT EXISTS (SELECT 1 FROM event WHERE \
                    stream = content_chunk.stream AND delivery = 0 AND version = 1)";
    SWEEP_IDEMPOTENCY = "DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency \
                         WHERE keep_until_us < ? ORDER BY keep_until_us LIMIT 1000)";
    EMPTY_IDEMPOTENCY = "DELETE FROM idempotency";
    /// A key that was used again after its time belongs to the later message.
    INSERT_IDEMPOTENCY_ROW = "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)";
    /// Beginnings of messages.
    /// Messages that an operator put back in the queue, with the places of their beginnings.
    /// Beginnings with the number of their deliveries (a damaged one counts as open), and what ends a delivery.
    TALLY = "SELECT position, stream, kind, \
        CASE WHEN kind = 'queued' AND json_valid(data) THEN json_array_length(data, '$.kinds') ELSE 1 END \
        FROM event WHERE position > ? AND kind IN ('queued', 'delivered', 'failed', 'cancelled', 'redriven') \
        ORDER BY position LIMIT ?";
    BEGINNING = "SELECT position FROM event WHERE stream = ? AND delivery = 0 AND version = 1";
    BEGIN = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)";
    TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)";
    INTEGRITY = "PRAGMA integrity_check(1)";
    VACUUM_INTO = "VACUUM INTO ?";
    DO_NOT_WAIT = "PRAGMA busy_timeout = 10";
    VERSION = "SELECT sqlite_version()";
    SYNCHRONOUS = "PRAGMA synchronous";
    JOURNAL_MODE = "PRAGMA journal_mode";
}

/// A statement over many rows, in sizes that are powers of two, so that the statement cache knows each.
#[derive(Debug)]
pub(crate) struct ManyRows(Vec<String>);

impl ManyRows {
    /// `head`, then up to `2^log2` times `row`, then `tail`.
    pub(crate) fn new(head: &str, row: &str, tail: &str, log2: u32) -> Self {
        let statement = |power: u32| {
            let mut sql = String::from(head);
            for n in 0..1u32 << power {
                let _ = write!(sql, "{}{row}", if n == 0 { "" } else { ", " });
            }
            sql + tail
        };
        Self((0..=log2).map(statement).collect())
    }

    /// The largest size that `rows` fill, for inserts.
    pub(crate) fn filled_by(&'static self, rows: usize) -> (usize, &'static str) {
        self.sized(rows.max(1).ilog2())
    }

    /// The smallest size that holds `rows`, for look-ups; parameters that are not bound are NULL and match nothing.
    pub(crate) fn holding(&'static self, rows: usize) -> (usize, &'static str) {
        self.sized(rows.max(1).next_power_of_two().ilog2())
    }

    fn sized(&'static self, power: u32) -> (usize, &'static str) {
        let power = usize::try_from(power).unwrap_or(0).min(self.0.len() - 1);
        (1 << power, &self.0[power])
    }

    #[cfg(test)]
    pub(crate) fn all(&'static self) -> &'static [String] {
        &self.0
    }
}

/// Thirteen values a row.
pub(crate) static INSERT_EVENTS: LazyLock<ManyRows> = LazyLock::new(|| {
    let head = concat!("INSERT INTO event (", event_columns!(), ") VALUES ");
    ManyRows::new(head, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "", 7)
});

/// Position, salt, size, bytes.
pub(crate) static INSERT_CONTENT: LazyLock<ManyRows> = LazyLock::new(|| {
    ManyRows::new("INSERT INTO content (position, salt, size, bytes) VALUES ", "(?, ?, ?, ?)", "", 6)
});

/// Tenant, key, request, position, keep_until_us.
pub(crate) static INSERT_IDEMPOTENCY: LazyLock<ManyRows> = LazyLock::new(|| {
    let head = "INSERT INTO idempotency (tenant, key, request, position, keep_until_us) VALUES ";
    ManyRows::new(head, "(?, ?, ?, ?, ?)", "", 7)
});

/// Stream and delivery in; stream, delivery and present version out.
pub(crate) static VERSIONS: LazyLock<ManyRows> = LazyLock::new(|| {
    let tail = ") SELECT s, d, (SELECT MAX(version) FROM event WHERE stream = s AND delivery = d) \
                FROM wanted WHERE s IS NOT NULL";
    ManyRows::new("WITH wanted (s, d) AS (VALUES ", "(?, ?)", tail, 9)
});

/// Tenant and key in; tenant, key, request and the message's stream out, for those that are known.
pub(crate) static KNOWN_KEYS: LazyLock<ManyRows> = LazyLock::new(|| {
    let tail = ") SELECT i.tenant, i.key, i.request, e.stream FROM wanted \
                JOIN idempotency i ON i.tenant = t AND i.key = k JOIN event e ON e.position = i.position";
    ManyRows::new("WITH wanted (t, k) AS (VALUES ", "(?, ?)", tail, 9)
});

/// Streams and a last position in; their events up to there out, in order of position within each stream.
pub(crate) static HISTORIES: LazyLock<ManyRows> = LazyLock::new(|| {
    let head = concat!("SELECT ", event_columns!(), " FROM event WHERE position <= ? AND stream IN (");
    ManyRows::new(head, "?", ") ORDER BY position", 6)
});
