//! What may be wrong with an installation: each finding with what was seen and what to do about it.
//!
//! Everything is read beside a running service or without one, and nothing is changed; the disk's speed is measured
//! in a file without a name. Reading order: `finding`, then the checks as `examine` runs them.

mod backups;
mod certificate;
mod clock;
mod configuration;
mod disk;
mod domains;
mod finding;
mod ledger;
mod permissions;
mod relays;

pub use finding::{Check, Finding, State};

use crate::args::Doctor;
use crate::config::Config;
use std::path::Path;

/// Examines everything that can be reached from where the configuration says. `config` is its failure where it cannot
/// be read; `data_dir` is known all the same if it was given.
pub async fn examine(
    args: &Doctor,
    config: Result<Config, Finding>,
    data_dir: Option<&Path>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (config, is_read) = match config {
        Ok(config) => (config, true),
        Err(finding) => {
            findings.push(finding);
            let mut config = Config::default();
            let Some(dir) = data_dir else { return findings };
            config.store.path = dir.to_owned();
            (config, false)
        }
    };
    if is_read {
        findings.extend(configuration::examine(&config));
        findings.extend(certificate::examine(&config));
    }
    findings.extend(permissions::examine(&config));
    findings.extend(disk::examine(&config.store.path).await);
    let (ledger, reader) = ledger::examine(&config).await;
    findings.extend(ledger);
    findings.extend(clock::examine(reader.as_ref()).await);
    findings.extend(backups::examine(args.backups.as_deref(), &config.store.path, reader.as_ref()));
    if !args.offline {
        findings.extend(relays::examine(&config).await);
        findings.extend(domains::examine(args, &config, reader.as_ref()).await);
    }
    if let Some(reader) = reader {
        reader.reader.close().await;
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::Check;

    /// A finding that nobody explains is of little use; an explanation of none is of no use.
    #[test]
    fn every_check_has_its_section_in_the_documentation() {
        let page = include_str!("../../../docs/operations/doctor.md");
        let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let checks: Vec<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(sections, checks);
    }
}
