//! Whose data directory it is.

use crate::exit::{Exit, Failure};
use anyhow::Result;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses root where the directory is another user's: what root makes there, that user's service could not open. Anyone
/// else is left to the permissions, which may allow it by a group.
///
/// # Errors
/// With exit code 2, and what to do instead.
pub fn check(dir: &Path) -> Result<()> {
    let Ok(owner) = std::fs::metadata(dir).map(|metadata| metadata.uid()) else { return Ok(()) };
    if !is_refused(rustix::process::geteuid().as_raw(), owner) {
        return Ok(());
    }
    let dir = dir.display();
    let message = format!(
        "{dir} belongs to another user (id {owner}), whose service could not open what root writes there: \
         run this as that user, such as `sudo -u postledger postledger …`"
    );
    Err(Failure::new(Exit::Usage, message))
}

fn is_refused(user: u32, owner: u32) -> bool {
    user == 0 && owner != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_writes_into_its_own_directories_only() {
        assert!(is_refused(0, 999));
        assert!(!is_refused(0, 0));
        assert!(!is_refused(999, 999));
        assert!(!is_refused(999, 0), "a group may allow it");
    }
}
