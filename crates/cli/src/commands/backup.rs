//! `postledger backup` and `postledger restore`.

use crate::args::{Backup, Place, Restore};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::output::progress::Progress;
use crate::output::{self, Column, time};
use crate::system::{SystemClock, SystemEntropy};
use anyhow::Result;
use bytesize::ByteSize;
use postledger_core::clock::Clock;
use postledger_core::id::Hex;
use postledger_core::time::Timestamp;
use postledger_store::OpenError;
use postledger_store::backup::{self, BackupError, Manifest, RestoreOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Carries out a verb on backups.
///
/// # Errors
/// With exit code 5 if a backup does not verify.
pub async fn run(place: &Place, verb: Backup) -> Result<Exit> {
    match verb {
        Backup::Create { to } => {
            let data_dir = configuration(place)?.store.path;
            let folder = to.join(folder_name(SystemClock.now()));
            let progress = Progress::new("copying");
            let mut watch = |position, end| progress.goes_on("verifying the copy", position, end);
            let manifest = tokio::select! {
                manifest = backup::create(&data_dir, &folder, VERSION, &SystemClock, &mut watch) => manifest,
                _ = tokio::signal::ctrl_c() => {
                    // Half a copy is worth nothing, and as large as a whole one.
                    std::fs::remove_dir_all(&folder)?;
                    return Err(Failure::new(Exit::Failed, "interrupted: nothing was kept"));
                }
            };
            drop(progress);
            let manifest = manifest.map_err(failure)?;
            output::write(place.output, &described(&folder, &manifest), |_| {
                format!("{}\n{}", folder.display(), summary(&manifest))
            })?;
            output::say(
                "keep the data directory's file `secret` elsewhere: without it the backup cannot be restored",
            );
        }
        Backup::List { from } => {
            let found = backup::list(&from).map_err(failure)?;
            let list: Vec<_> = found.iter().map(|(folder, manifest)| described(folder, manifest)).collect();
            output::write(place.output, &json!({ "data": list }), |_| {
                let now = SystemClock.now();
                let row = |(folder, manifest): &(PathBuf, Manifest)| {
                    vec![
                        folder.display().to_string(),
                        time::from(manifest.created_at, now),
                        manifest.position.to_string(),
                        ByteSize(manifest.size_bytes).to_string(),
                    ]
                };
                let columns = [
                    Column::Text("folder"),
                    Column::Text("made"),
                    Column::Number("position"),
                    Column::Number("size"),
                ];
                output::table(&columns, found.iter().map(row))
            })?;
        }
        Backup::Verify { backup: folder } => {
            let progress = Progress::new("reading");
            let manifest =
                backup::verify(&folder, &mut |at, end| progress.goes_on("verifying", at, end)).await;
            drop(progress);
            let manifest = manifest.map_err(failure)?;
            output::write(place.output, &described(&folder, &manifest), |_| {
                format!("ok: {}", summary(&manifest))
            })?;
        }
    }
    Ok(Exit::Ok)
}

/// Makes a data directory of a backup. What was open is held: nobody knows what the lost machine still sent.
///
/// # Errors
/// With exit code 5 if the backup does not verify.
pub async fn restore(place: &Place, args: Restore) -> Result<Exit> {
    let options = RestoreOptions {
        backup: &args.from,
        into: &args.into,
        secret: args.secret.as_deref(),
        anchor: None,
        program_version: VERSION,
        clock: &SystemClock,
        entropy: &SystemEntropy,
    };
    let progress = Progress::new("reading");
    let restored = backup::restore(options, &mut |at, end| progress.goes_on("verifying", at, end)).await;
    drop(progress);
    let restored = restored.map_err(failure)?;
    let json = json!({
        "into": args.into, "position": restored.position.0, "epoch": restored.epoch.0, "held": restored.held,
        "backup": described(&args.from, &restored.manifest),
    });
    output::write(place.output, &json, |_| {
        format!(
            "{}: position {}, epoch {}; {} open deliveries are held as `restored`: release, resolve or cancel them",
            args.into.display(),
            restored.position,
            restored.epoch,
            restored.held
        )
    })?;
    Ok(Exit::Ok)
}

/// A folder's name: the time without characters that shells and other systems dislike.
pub(super) fn folder_name(at: Timestamp) -> String {
    at.to_string().chars().filter(|c| !"-:.".contains(*c)).collect()
}

/// A backup as JSON.
pub(super) fn described(folder: &Path, manifest: &Manifest) -> Value {
    json!({
        "folder": folder, "ledger_id": manifest.ledger.to_string(), "created_at": manifest.created_at.to_string(),
        "position": manifest.position.0, "epoch": manifest.epoch.0, "hash": Hex(&manifest.head_hash).to_string(),
        "size_bytes": manifest.size_bytes,
    })
}

fn summary(manifest: &Manifest) -> String {
    format!(
        "position {}, epoch {}, {}, verified",
        manifest.position,
        manifest.epoch,
        ByteSize(manifest.size_bytes)
    )
}

/// With its exit code.
pub(super) fn failure(error: BackupError) -> anyhow::Error {
    let exit = match &error {
        BackupError::Exists(_) => Exit::Refused,
        BackupError::Open(OpenError::Missing(_)) => Exit::NotFound,
        BackupError::Open(error) if error.is_other_format() => Exit::Refused,
        error if error.is_verification() => Exit::Verification,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}
