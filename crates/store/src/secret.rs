//! The secret's file: 32 bytes, for the owner only, outside the ledger and its backups.

use crate::fault::OpenError;
use crate::filesystem::write_whole;
use postledger_core::clock::Entropy;
use postledger_core::id::Hex;
use postledger_core::secret::Secret;
use std::fs;
use std::io;
use std::path::Path;

/// Reads it; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Secret>, OpenError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("cannot read", path)(error)),
    };
    let wrong = |_| OpenError::Secret(format!("{} is not a secret: it must have 32 bytes", path.display()));
    <[u8; 32]>::try_from(bytes).map(|bytes| Some(Secret::new(bytes))).map_err(wrong)
}

/// Makes one.
pub(crate) fn create(path: &Path, entropy: &dyn Entropy) -> Result<Secret, OpenError> {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    write_whole(path, &bytes, 0o600)?;
    Ok(Secret::new(bytes))
}

/// Refuses a secret that the ledger was not written with.
pub(crate) fn check(path: &Path, secret: Option<&Secret>, fingerprint: &[u8]) -> Result<(), OpenError> {
    let expected = Hex(fingerprint);
    match secret {
        Some(secret) if secret.fingerprint() == fingerprint => Ok(()),
        Some(secret) => Err(OpenError::Secret(format!(
            "{} holds the secret {}, but this ledger was written with {expected}: without the right one no \
             idempotency key is recognised. Put the right secret there",
            path.display(),
            Hex(&secret.fingerprint())
        ))),
        None => Err(OpenError::Secret(format!(
            "{} is missing: this ledger was written with the secret {expected}. Put it there",
            path.display()
        ))),
    }
}
