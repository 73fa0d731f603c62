//! Who may read and change the service's files.

use super::{Check, Finding};
use crate::config::Config;
use crate::service::control_path;
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bits that nobody but the owner may have.
const PRIVATE: u32 = 0o077;
/// For files of a system's administration: a group may read them, which is how packages let a service do so.
const GROUP_READS: u32 = 0o037;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let dir = &config.store.path;
    let Ok(directory) = fs::metadata(dir) else { return Vec::new() };
    let owner = directory.uid();
    let mut findings = Vec::new();
    let mut looked_at = 0;
    let mut seen = BTreeSet::new();
    let mut look = |path: &Path, forbidden: u32, owners: &[u32]| match fs::metadata(path) {
        // Relays may share a password's file.
        Ok(_) if !seen.insert(path.to_owned()) => {}
        Ok(file) => {
            looked_at += 1;
            findings.extend(of_file(path, &file, forbidden, owners));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => findings.push(Finding::failure(
            Check::Permissions,
            format!("{} cannot be examined: {error}", path.display()),
            "run this as the user that runs the service, or as root",
        )),
    };
    look(dir, PRIVATE, &[owner]);
    for name in ["ledger.db", "ledger.db-wal", "views.db", "secret", "anchor", "lock"] {
        look(&dir.join(name), PRIVATE, &[owner]);
    }
    look(&control_path(dir), PRIVATE, &[owner]);
    if let Some(anchor) = &config.store.anchor_path {
        look(anchor, PRIVATE, &[owner]);
    }
    let administered = [0, owner];
    for relay in &config.relay {
        for file in [&relay.password_file, &relay.proxy_password_file].into_iter().flatten() {
            look(file, GROUP_READS, &administered);
        }
    }
    for dkim in &config.dkim {
        look(&dkim.key_file, GROUP_READS, &administered);
    }
    if let Some(tls) = &config.server.tls {
        look(&tls.key, GROUP_READS, &administered);
    }
    if findings.is_empty() {
        let seen = format!("{looked_at} files, and their owner {owner} alone may change them");
        findings.push(Finding::ok(Check::Permissions, seen).with("files", looked_at).with("owner", owner));
    }
    findings
}

fn of_file(path: &Path, file: &Metadata, forbidden: u32, owners: &[u32]) -> Option<Finding> {
    let (mode, path) = (file.mode() & 0o7777, path.display());
    if !owners.contains(&file.uid()) {
        let expected = owners.last().copied().unwrap_or_default();
        let seen = format!("{path} belongs to user {}, the data directory to user {expected}", file.uid());
        return Some(Finding::warning(Check::Permissions, seen, format!("chown {expected} {path}")));
    }
    if mode & forbidden == 0 {
        return None;
    }
    let who = |everybody: u32, group: u32, what: &str| match mode & forbidden {
        bits if bits & everybody != 0 => Some(format!("everybody may {what} it")),
        bits if bits & group != 0 => Some(format!("its group may {what} it")),
        _ => None,
    };
    let others =
        [who(0o004, 0o040, "read"), who(0o002, 0o020, "change"), who(0o001, 0o010, "enter or execute")];
    let others: Vec<_> = others.into_iter().flatten().collect();
    let seen = format!("{path} has mode {mode:04o}: {}", others.join(", "));
    let right = mode & !forbidden & 0o777;
    Some(Finding::warning(Check::Permissions, seen, format!("chmod {right:o} {path}")).with("mode", mode))
}
