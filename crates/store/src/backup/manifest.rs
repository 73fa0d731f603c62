//! What a backup says of itself.

use super::BackupError;
use crate::fault::OpenError;
use crate::reader::{Reader, Verified};
use crate::sql;
use postledger_core::id::{Epoch, Hex, LedgerId, Position, unhex};
use postledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Of which ledger.
    pub ledger: LedgerId,
    /// The format of the ledger file.
    pub format: i64,
    /// The last position in it.
    pub position: Position,
    /// The epoch of the last event.
    pub epoch: Epoch,
    /// The chain at the last position.
    pub head_hash: [u8; 32],
    /// The length of `ledger.db`.
    pub size_bytes: u64,
    /// BLAKE3 of `ledger.db`.
    pub digest: [u8; 32],
    /// Which secret a restore needs.
    pub secret_fingerprint: [u8; 8],
    /// Who made it.
    pub program_version: String,
    /// When.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    ledger_id: String,
    format: i64,
    position: i64,
    epoch: i64,
    head_hash: String,
    size_bytes: u64,
    blake3: String,
    secret_fingerprint: String,
    program_version: String,
    created_at: String,
}

/// Where it lies in a backup's directory.
pub(super) fn path(backup: &Path) -> PathBuf {
    backup.join("manifest.json")
}

impl Manifest {
    /// Of a verified copy.
    pub(super) async fn of(
        copy: &Path,
        verified: &Verified,
        program_version: &str,
        created_at: Timestamp,
    ) -> Result<Self, BackupError> {
        let reader = Reader::open(copy).await?;
        let (fingerprint, format) = (reader.secret_fingerprint().try_into(), reader.format());
        reader.close().await;
        let (size_bytes, digest) = digest(copy).await?;
        Ok(Self {
            ledger: verified.ledger,
            format,
            position: verified.position,
            epoch: verified.epoch,
            head_hash: verified.hash,
            size_bytes,
            digest,
            secret_fingerprint: fingerprint
                .map_err(|_| BackupError::Differs("the ledger names no secret".into()))?,
            program_version: program_version.to_owned(),
            created_at,
        })
    }

    /// Reads the manifest of a backup's directory.
    ///
    /// # Errors
    /// [`BackupError::NotABackup`] where there is none, or none that can be read.
    pub fn read(backup: &Path) -> Result<Self, BackupError> {
        let wrong =
            |detail: &str| BackupError::NotABackup { path: backup.to_owned(), detail: detail.to_owned() };
        let json = fs::read(path(backup)).map_err(|_| wrong("it has no manifest.json that can be read"))?;
        let stored: Stored =
            serde_json::from_slice(&json).map_err(|_| wrong("its manifest.json is not whole"))?;
        if stored.format > sql::FORMAT {
            return Err(OpenError::NewerFormat { found: stored.format, known: sql::FORMAT }.into());
        }
        let parse = || {
            Some(Self {
                ledger: stored.ledger_id.parse().ok()?,
                format: stored.format,
                position: Position(stored.position),
                epoch: Epoch(stored.epoch),
                head_hash: unhex(&stored.head_hash)?,
                size_bytes: stored.size_bytes,
                digest: unhex(&stored.blake3)?,
                secret_fingerprint: unhex(&stored.secret_fingerprint)?,
                program_version: stored.program_version.clone(),
                created_at: stored.created_at.parse().ok()?,
            })
        };
        parse().ok_or_else(|| wrong("its manifest.json says what cannot be"))
    }

    /// As it is written: one JSON object.
    pub fn to_json(&self) -> String {
        let hex = |bytes: &[u8]| Hex(bytes).to_string();
        let stored = Stored {
            ledger_id: self.ledger.to_string(),
            format: self.format,
            position: self.position.0,
            epoch: self.epoch.0,
            head_hash: hex(&self.head_hash),
            size_bytes: self.size_bytes,
            blake3: hex(&self.digest),
            secret_fingerprint: hex(&self.secret_fingerprint),
            program_version: self.program_version.clone(),
            created_at: self.created_at.to_string(),
        };
        serde_json::to_string_pretty(&stored).expect("texts and numbers are JSON")
    }

    /// Compares the file with what the manifest says of it.
    pub(super) async fn check_file(&self, copy: &Path) -> Result<(), BackupError> {
        let (size_bytes, digest) = digest(copy).await?;
        if size_bytes != self.size_bytes {
            let differs = format!("ledger.db has {size_bytes} bytes, not {}", self.size_bytes);
            return Err(BackupError::Differs(differs));
        }
        if digest != self.digest {
            return Err(BackupError::Differs("ledger.db has another digest".into()));
        }
        Ok(())
    }

    /// Compares the journal with what the manifest says of it.
    pub(crate) fn check_journal(&self, verified: &Verified) -> Result<(), BackupError> {
        let found = (verified.ledger, verified.position, verified.hash, verified.epoch);
        if found == (self.ledger, self.position, self.head_hash, self.epoch) {
            Ok(())
        } else {
            Err(BackupError::Differs("the journal ends elsewhere, or is another one".into()))
        }
    }
}

/// Size and BLAKE3 of a file, read in pieces.
async fn digest(path: &Path) -> Result<(u64, [u8; 32]), OpenError> {
    let file = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        let size = std::io::copy(&mut File::open(file)?, &mut hasher)?;
        Ok((size, *hasher.finalize().as_bytes()))
    });
    let hashed = hashing.await.map_err(std::io::Error::other).and_then(|hashed| hashed);
    hashed.map_err(OpenError::io("cannot read", path))
}
