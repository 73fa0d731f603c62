//! Whether there is a backup, and how old it is.

use super::ledger::Opened;
use super::{Check, Finding};
use crate::system::SystemClock;
use postledger_core::clock::Clock;
use postledger_store::backup;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Where `backup create` puts them unless told otherwise.
const DEFAULT: &str = "backups";
/// A daily backup is younger, one that failed once too.
const FRESH: Duration = Duration::from_secs(49 * 3600);

pub(super) fn examine(given: Option<&Path>, data_dir: &Path, ledger: Option<&Opened>) -> Vec<Finding> {
    let Some(ledger) = ledger else { return Vec::new() };
    let create =
        "`postledger backup create --to DIR`, daily, on another disk; keep the file `secret` elsewhere";
    let dir = given.unwrap_or(Path::new(DEFAULT));
    if given.is_none() && !dir.is_dir() {
        return vec![
            Finding::note(Check::Backup, "none is known here: name their directory with --backups")
                .advising(create),
        ];
    }
    let found = match backup::list(dir) {
        Ok(found) => found,
        Err(error) => return vec![Finding::warning(Check::Backup, error.to_string(), create)],
    };
    let ours = found.iter().map(|(_, manifest)| manifest).filter(|it| it.ledger == ledger.reader.id());
    let Some(latest) = ours.max_by_key(|manifest| manifest.created_at) else {
        return vec![Finding::warning(
            Check::Backup,
            format!("{} holds no backup of this ledger", dir.display()),
            create,
        )];
    };
    let age = SystemClock.now().since(latest.created_at);
    let behind = ledger.examined.position.0 - latest.position.0;
    let old = humantime::format_duration(Duration::from_secs(age.as_secs() / 60 * 60));
    let seen = format!("the latest is {old} old, and {behind} events behind");
    let finding = if age > FRESH {
        Finding::warning(Check::Backup, seen, create)
    } else {
        Finding::ok(Check::Backup, seen)
    };
    let mut findings = vec![finding.with("age_seconds", age.as_secs()).with("behind_events", behind)];
    let device = |path: &Path| fs::metadata(path).map(|file| file.dev()).ok();
    if device(dir).is_some() && device(dir) == device(data_dir) {
        let seen = format!("{} lies on the same disk as the ledger: its loss takes both", dir.display());
        findings
            .push(Finding::note(Check::Backup, seen).advising("copy the backups to another disk or machine"));
    }
    findings
}
