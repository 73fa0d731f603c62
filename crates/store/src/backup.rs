//! Backups: a verified copy of the ledger and a manifest, made beside a running service.
//!
//! A backup is a directory with `ledger.db` and `manifest.json`. The manifest is written last and whole, so that
//! a directory without one is no backup, however far the copy had come. The secret is not part of it.

mod manifest;
mod restore;

pub use manifest::Manifest;
pub use restore::{RestoreOptions, Restored, restore};

use crate::connect;
use crate::fault::OpenError;
use crate::filesystem::{DataDirectory, partial, sync_parent, write_whole};
use crate::reader::{Reader, Verified, VerifyError};
use crate::sql;
use postledger_core::clock::Clock;
use postledger_core::id::Position;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A backup or a restore did not come about.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something stands where the result would go; nothing was changed.
    #[error("{0} exists already and is never overwritten")]
    Exists(PathBuf),
    /// There is no whole backup.
    #[error("{path} is not a backup: {detail}")]
    NotABackup {
        /// The directory.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The copy is not what its manifest says.
    #[error("the backup differs from its manifest: {0}")]
    Differs(String),
    /// The copy does not verify.
    #[error("the backup does not verify: {0}")]
    Verify(#[from] VerifyError),
    /// The ledger, its secret, or a file of either.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A copy of the ledger would not fit; nothing was written.
    #[error("{path} has {free_bytes} bytes free, and a copy of the ledger needs {needed_bytes}")]
    NoRoom {
        /// Where it would be made.
        path: PathBuf,
        /// What it needs.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// The deliveries that were open could not be held.
    #[error("the open deliveries could not be held: {0}")]
    Hold(String),
}

impl BackupError {
    /// Whether it says that what is stored is not what was stored: exit code 5.
    pub const fn is_verification(&self) -> bool {
        match self {
            Self::Differs(_) | Self::Verify(_) | Self::NotABackup { .. } => true,
            Self::Open(error) => error.is_verification(),
            Self::Exists(_) | Self::Hold(_) | Self::NoRoom { .. } => false,
        }
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Open(error.into())
    }
}

/// Is told the position up to which a copy has been verified, and the one where it ends. Copying itself is silent.
pub type Progress<'p> = &'p mut dyn FnMut(Position, Position);

/// Copies the ledger of a data directory into `target`, verifies the copy, and writes its manifest. The service
/// may run, be stopped, or have been killed. Durable on return.
///
/// # Errors
/// [`BackupError`]; `target` then holds no manifest, and a later try into it starts anew.
pub async fn create(
    data_dir: &Path,
    target: &Path,
    program_version: &str,
    clock: &dyn Clock,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    let source = DataDirectory(data_dir.to_owned()).ledger();
    if !source.try_exists().map_err(OpenError::io("cannot examine", &source))? {
        return Err(OpenError::Missing(source).into());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(target);
    made.map_err(OpenError::io("cannot create", target))?;
    let backup = DataDirectory(target.to_owned());
    let (copy, manifest_path) = (backup.ledger(), manifest::path(target));
    if manifest_path.exists() {
        return Err(BackupError::Exists(manifest_path));
    }
    let half = partial(&copy);
    remove_database(&half)?;
    self::copy(&source, &half).await?;
    sync_file(&half)?;
    let verified = verified(&half, sql::FORMAT, progress).await?;
    fs::rename(&half, &copy).map_err(OpenError::io("cannot rename", &half))?;
    sync_parent(&copy)?;
    let manifest = Manifest::of(&copy, &verified, program_version, clock.now()).await?;
    write_whole(&manifest_path, manifest.to_json().as_bytes(), 0o600)?;
    Ok(manifest)
}

/// Verifies a backup: that it is whole, that it is what its manifest says, and everything that the ledger in it
/// says of itself.
///
/// # Errors
/// [`BackupError`] names the first thing that is wrong.
pub async fn verify(backup: &Path, progress: Progress<'_>) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(backup)?;
    let copy = DataDirectory(backup.to_owned()).ledger();
    manifest.check_file(&copy).await?;
    manifest.check_journal(&verified(&copy, sql::FORMAT, progress).await?)?;
    Ok(manifest)
}

/// Every directory in `target` that holds a whole backup, by name.
///
/// # Errors
/// [`BackupError::Open`] if `target` cannot be read.
pub fn list(target: &Path) -> Result<Vec<(PathBuf, Manifest)>, BackupError> {
    let entries = fs::read_dir(target).map_err(OpenError::io("cannot read", target))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths.into_iter().filter_map(|path| Some((path.clone(), Manifest::read(&path).ok()?))).collect())
}

/// A copy in one file, of the state at one instant; not yet synced.
pub(crate) async fn copy(source: &Path, target: &Path) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&connect::for_reading(source)).await?;
    let vacuum = query(sql::VACUUM_INTO).bind(target.to_string_lossy().into_owned());
    vacuum.execute(&mut connection).await?;
    connection.close().await
}

/// Verifies a ledger file, of a format up to `known`.
pub(crate) async fn verified(
    ledger: &Path,
    known: i64,
    progress: Progress<'_>,
) -> Result<Verified, BackupError> {
    let reader = Reader::open_knowing(ledger, known).await?;
    let end = reader.head().await.map_or(Position(0), |head| head.position);
    let verified = reader.verify(&mut |position| progress(position, end)).await;
    reader.close().await;
    Ok(verified?)
}

/// Also what an interrupted write left beside it: SQLite would undo, in the new file, what the old one had not finished.
fn remove_database(path: &Path) -> Result<(), OpenError> {
    remove(path)?;
    remove_beside(path)
}

/// The files that SQLite keeps beside a database. Of one that was closed in order, nothing is in them.
fn remove_beside(path: &Path) -> Result<(), OpenError> {
    ["-journal", "-wal", "-shm"].iter().try_for_each(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        remove(Path::new(&name))
    })
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::io("cannot remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_file(path: &Path) -> Result<(), OpenError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(OpenError::io("cannot sync", path))
}
