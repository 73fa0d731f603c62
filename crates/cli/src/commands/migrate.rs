//! `postledger migrate`: from an older format of the ledger to this version's.

use super::backup::{described, failure, folder_name};
use crate::args::Place;
use crate::client::configuration;
use crate::exit::Exit;
use crate::output;
use crate::service::owner;
use crate::system::SystemClock;
use anyhow::Result;
use postledger_core::clock::Clock;
use postledger_store::migration::{self, MigrateOptions, Migrated};
use serde_json::{Value, json};
use std::path::Path;

/// Migrates, after a backup; with `check`, a copy alone.
///
/// # Errors
/// With exit code 4 if the format is newer than this version's, 5 if the ledger does not verify, 2 if root would write into
/// another user's directory.
pub async fn run(place: &Place, check: bool, to: &Path) -> Result<Exit> {
    let store = configuration(place)?.store;
    let folder = to.join(folder_name(SystemClock.now()));
    let done = if check {
        migration::rehearse(&store.path, to).await
    } else {
        owner::check(&store.path)?;
        let options = MigrateOptions {
            dir: &store.path,
            anchor: store.anchor_path,
            backup: &folder,
            program_version: env!("CARGO_PKG_VERSION"),
            clock: &SystemClock,
        };
        migration::migrate(options).await
    };
    let done = done.map_err(failure)?;
    let mut json = json!({
        "check": check, "from": done.from, "to": done.to, "steps": done.steps, "position": done.position.0,
        "took_ms": done.took.as_secs_f64() * 1000.0, "size_bytes": done.size_bytes,
        "extra_bytes": done.extra_bytes, "backup": Value::Null,
    });
    if let Some(manifest) = &done.backup {
        json["backup"] = described(&folder, manifest);
    }
    output::write(place.output, &json, |_| in_words(&done, check, &folder))?;
    Ok(Exit::Ok)
}

fn in_words(done: &Migrated, is_rehearsal: bool, folder: &Path) -> String {
    if done.steps.is_empty() {
        return format!("nothing to do: the ledger has format {}, the newest of this version", done.to);
    }
    let mut lines: Vec<_> =
        (done.from + 1..).zip(&done.steps).map(|(format, what)| format!("format {format}: {what}")).collect();
    let took = done.took.as_secs_f64();
    let Migrated { position, size_bytes, extra_bytes, .. } = done;
    lines.push(if is_rehearsal {
        format!(
            "ok: rehearsed on a copy, which verifies up to position {position}; the steps took {took:.1} s, and need \
             {extra_bytes} bytes beside the ledger and {size_bytes} for the backup. Nothing was changed"
        )
    } else {
        format!(
            "ok: migrated in {took:.1} s and verified up to position {position}; the backup of format {} is {}",
            done.from,
            folder.display()
        )
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use postledger_core::id::Position;
    use std::time::Duration;

    #[test]
    fn what_was_done_is_told_in_words() {
        let mut done = Migrated {
            from: 1,
            to: 1,
            steps: vec![],
            position: Position(17),
            took: Duration::ZERO,
            size_bytes: 5000,
            extra_bytes: 0,
            backup: None,
        };
        let folder = Path::new("backups/x");
        let nothing = "nothing to do: the ledger has format 1, the newest of this version";
        assert_eq!(in_words(&done, true, folder), nothing);
        done.steps = vec!["adds a table of templates", "adds an index"];
        (done.to, done.took, done.extra_bytes) = (3, Duration::from_millis(1250), 900);
        assert_eq!(
            in_words(&done, true, folder),
            "format 2: adds a table of templates\nformat 3: adds an index\n\
             ok: rehearsed on a copy, which verifies up to position 17; the steps took 1.2 s, and need 900 bytes \
             beside the ledger and 5000 for the backup. Nothing was changed"
        );
        let migrated = in_words(&done, false, folder);
        assert!(migrated.ends_with("up to position 17; the backup of format 1 is backups/x"), "{migrated}");
    }
}
