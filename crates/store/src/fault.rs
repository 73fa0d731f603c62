//! What can go wrong, by what the caller does next.

use postledger_core::id::Position;
use postledger_core::ledger::LedgerError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The ledger was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing to read.
    #[error("there is no ledger at {0}")]
    Missing(PathBuf),
    /// Another process has it.
    #[error("another instance is running on {0}")]
    Locked(PathBuf),
    /// It was written by a later version of the program.
    #[error(
        "the ledger has format {found}, and this version knows formats up to {known}: \
         run the version that wrote it, or a later one"
    )]
    NewerFormat {
        /// What it has.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// It was written by an earlier version of the program, and is not written to before it was migrated.
    #[error(
        "the ledger has format {found}, and this version writes format {known}: run `postledger migrate --check` to \
         rehearse the change on a copy, then `postledger migrate`"
    )]
    OlderFormat {
        /// What it has.
        found: i64,
        /// What is written.
        known: i64,
    },
    /// The file is something else, or damaged at its beginning.
    #[error("{path} is not a ledger: {detail}")]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The secret is not the one that this ledger was written with.
    #[error("{0}")]
    Secret(String),
    /// The journal is not the one that the anchor saw: in words for an operator.
    #[error("{0}")]
    Anchor(String),
    /// The record cannot be read, or does not follow from the one before it.
    #[error("corrupt record at position {position} of {stream}: {detail}")]
    Corrupt {
        /// Where.
        position: Position,
        /// Whose.
        stream: String,
        /// What is wrong.
        detail: String,
    },
    /// The directory lies on a network filesystem, whose locks and syncs cannot be relied on.
    #[error("{0} lies on a network filesystem; keep the ledger on a local disk")]
    NetworkFilesystem(PathBuf),
    /// SQLite is too old.
    #[error("SQLite {0} is too old: 3.51.3 is needed")]
    OldSqlite(String),
    /// SQLite would acknowledge what is not synced.
    #[error(
        "commits would not be durable: synchronous is {synchronous} and journal_mode {journal_mode}, not 2 and wal"
    )]
    NotDurable {
        /// As read back.
        synchronous: i64,
        /// As read back.
        journal_mode: String,
    },
    /// The first append failed.
    #[error("the start could not be recorded: {0}")]
    Append(String),
    /// A file operation failed.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database failed.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(String),
}

/// A record that cannot be read: it concerns one stream, and others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CorruptRecord {
    pub position: Position,
    pub stream: String,
    pub detail: String,
}

/// Reading failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A record cannot be read.
    #[error("corrupt record at position {position} of {stream}: {detail}")]
    Corrupt {
        /// Where.
        position: Position,
        /// Whose.
        stream: String,
        /// What is wrong, without personal data.
        detail: String,
    },
    /// The database failed.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(String),
}

impl From<CorruptRecord> for ReadError {
    fn from(CorruptRecord { position, stream, detail }: CorruptRecord) -> Self {
        Self::Corrupt { position, stream, detail }
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<ReadError> for LedgerError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { position, stream, detail } => Self::Corrupt { position, stream, detail },
            ReadError::Unreadable(detail) => Self::Unreadable(detail),
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { position, stream, detail } => Self::Corrupt { position, stream, detail },
            ReadError::Unreadable(detail) => Self::Unreadable(detail),
        }
    }
}

impl From<CorruptRecord> for OpenError {
    fn from(CorruptRecord { position, stream, detail }: CorruptRecord) -> Self {
        Self::Corrupt { position, stream, detail }
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl OpenError {
    /// For `map_err` of a file operation.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { source: owned(&path, source), what, path }
    }

    /// For `map_err` of the first look into a database file: whether it is something else, or only cannot be read now,
    /// as on a disk that is full (SQLite needs room beside it even for reading) or broken.
    pub(crate) fn looking(path: impl Into<PathBuf>) -> impl Fn(sqlx::Error) -> Self {
        let path = path.into();
        move |error| {
            let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse().ok());
            match code.map(|code: i32| code & 0xff) {
                Some(
                    libsqlite3_sys::SQLITE_IOERR
                    | libsqlite3_sys::SQLITE_FULL
                    | libsqlite3_sys::SQLITE_CANTOPEN
                    | libsqlite3_sys::SQLITE_BUSY
                    | libsqlite3_sys::SQLITE_NOMEM,
                ) => Self::Unreadable(error.to_string()),
                _ => Self::NotALedger { path: path.clone(), detail: error.to_string() },
            }
        }
    }

    /// Whether the ledger is whole but of a format that this version does not write: exit code 4.
    pub const fn is_other_format(&self) -> bool {
        matches!(self, Self::NewerFormat { .. } | Self::OlderFormat { .. })
    }

    /// Whether it says that what is stored is not what was stored: exit code 5.
    pub const fn is_verification(&self) -> bool {
        matches!(self, Self::Anchor(_) | Self::Corrupt { .. } | Self::NotALedger { .. })
    }
}

/// Why a write did not happen. All but the last were rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteFault {
    #[error("the disk is full")]
    Full,
    #[error("another process holds the file")]
    Busy,
    #[error("a record of that place exists")]
    Exists,
    /// The state of the file is not known any more.
    #[error("{0}")]
    Broken(String),
}

impl From<sqlx::Error> for WriteFault {
    fn from(error: sqlx::Error) -> Self {
        Self::from_error(&error)
    }
}

impl WriteFault {
    /// By SQLite's primary result code.
    pub(crate) fn from_error(error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            Some(libsqlite3_sys::SQLITE_FULL) => Self::Full,
            Some(libsqlite3_sys::SQLITE_BUSY | libsqlite3_sys::SQLITE_LOCKED) => Self::Busy,
            Some(libsqlite3_sys::SQLITE_CONSTRAINT) => Self::Exists,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// A refusal by the permissions, with whose place it is: who asks is mostly the wrong user.
fn owned(path: &Path, error: io::Error) -> io::Error {
    let place = path.ancestors().find_map(|place| Some((place, fs::metadata(place).ok()?.uid())));
    match place {
        Some((place, owner)) if error.kind() == io::ErrorKind::PermissionDenied => io::Error::new(
            error.kind(),
            format!("permission denied; {} belongs to user {owner}: run this as that user", place.display()),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let owner = fs::metadata(dir.path()).unwrap().uid();
        let opening = |kind: io::ErrorKind| {
            OpenError::io("cannot open", dir.path().join("not/there"))(kind.into()).to_string()
        };
        let denied = opening(io::ErrorKind::PermissionDenied);
        assert!(
            denied.ends_with(&format!(
                "{} belongs to user {owner}: run this as that user",
                dir.path().display()
            )),
            "{denied}"
        );
        assert!(!opening(io::ErrorKind::NotFound).contains("belongs to"));
    }
}
