//! The configuration read again while the service runs.

use crate::config::{Change, Config};
use crate::log::Level;
use crate::service::Service;
use crate::supervisor;
use anyhow::Result;

/// Reads the configuration with `read` and puts in force what can be. Each fact is a line of the log: what was
/// applied, what needs a restart, or why all stays as it was.
pub fn run(service: &Service, level: &Level, read: impl FnOnce() -> Result<Config>) {
    supervisor::reloading();
    let reloaded = read().and_then(|config| {
        let changes = service.reload(&config)?;
        level.set(config.log.level);
        Ok(changes)
    });
    match reloaded {
        Ok(changes) => {
            let waiting = changes.iter().filter(|change| change.needs_restart).count();
            let applied = changes.len() - waiting;
            changes.iter().for_each(tell);
            tracing::info!(applied, waiting_for_restart = waiting, "configuration read again");
        }
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "configuration refused; the one before stays in force"
            );
        }
    }
    supervisor::reloaded();
}

fn tell(change: &Change) {
    let Change { key, before, after, needs_restart } = change;
    if *needs_restart {
        tracing::warn!(key, before, after, "configuration changed; it needs a restart");
    } else {
        tracing::info!(key, before, after, "configuration changed and applied");
    }
}
