//! The views' file: its tables and its statements. Whatever is in it can be made again from the journal.

use crate::sql::ManyRows;
use std::sync::LazyLock;

/// Raised with every change of the tables or of what stands in them: other revisions are rebuilt.
pub(super) const REVISION: i64 = 1;

pub(super) const SCHEMA: &str = "
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    ledger_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE message (
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    tenant TEXT NOT NULL,
    created_at_us INTEGER NOT NULL,
    priority TEXT NOT NULL,
    status TEXT NOT NULL,
    due_first_us INTEGER,
    due_last_us INTEGER,
    is_open INTEGER NOT NULL
) STRICT;
CREATE INDEX message_by_tenant ON message (tenant, position);
CREATE INDEX message_by_status ON message (status, position);
CREATE INDEX message_open ON message (position) WHERE is_open = 1;

CREATE TABLE recipient (
    address TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (address, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (tag TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (tag, position)) STRICT, WITHOUT ROWID;
";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$($name,)*];
    };
}

statements! {
    CHECKPOINT = "SELECT revision, ledger_id, position, hash FROM checkpoint";
    SET_CHECKPOINT = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?, ?)";
    /// One statement, so that rows and checkpoint belong together.
    OPEN = "SELECT c.revision, c.ledger_id, c.position, c.hash, m.position, m.id FROM checkpoint c \
            LEFT JOIN message m ON m.is_open = 1 ORDER BY m.position";
    FORGET_RECIPIENTS = "DELETE FROM recipient WHERE position = ?";
    FORGET_TAGS = "DELETE FROM tag WHERE position = ?";
    TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)";
    ATTACH = "ATTACH ? AS rebuilt";
}

/// Nine values a row; what is known of the position is replaced where it can change.
pub(super) static PUT_MESSAGES: LazyLock<ManyRows> = LazyLock::new(|| {
    let tail = " ON CONFLICT (position) DO UPDATE SET status = excluded.status, \
                due_first_us = excluded.due_first_us, due_last_us = excluded.due_last_us, \
                is_open = excluded.is_open";
    ManyRows::new("INSERT INTO message VALUES ", "(?, ?, ?, ?, ?, ?, ?, ?, ?)", tail, 7)
});

/// Address and position.
pub(super) static PUT_RECIPIENTS: LazyLock<ManyRows> =
    LazyLock::new(|| ManyRows::new("INSERT OR IGNORE INTO recipient VALUES ", "(?, ?)", "", 7));

/// Tag and position.
pub(super) static PUT_TAGS: LazyLock<ManyRows> =
    LazyLock::new(|| ManyRows::new("INSERT OR IGNORE INTO tag VALUES ", "(?, ?)", "", 7));

macro_rules! comparison {
    ($table:literal, $position:literal, $columns:literal) => {
        [
            concat!("SELECT COUNT(*) FROM main.", $table),
            concat!(
                "SELECT ",
                $position,
                " FROM (SELECT ",
                $columns,
                " FROM main.",
                $table,
                " EXCEPT SELECT ",
                $columns,
                " FROM rebuilt.",
                $table,
                ")"
            ),
            concat!(
                "SELECT ",
                $position,
                " FROM (SELECT ",
                $columns,
                " FROM rebuilt.",
                $table,
                " EXCEPT SELECT ",
                $columns,
                " FROM main.",
                $table,
                ")"
            ),
        ]
    };
}

/// For each table: its rows, those that only the views have, those that only the rebuild has.
pub(super) const COMPARISONS: [[&str; 3]; 3] = [
    comparison!("message", "position", "*"),
    comparison!("recipient", "position", "*"),
    comparison!("tag", "position", "*"),
];
