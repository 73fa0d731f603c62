//! The durable mirror: what would be left of a directory if power went now.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory and its shadow, which holds only what was synced.
#[derive(Debug)]
pub struct Mirror {
    root: PathBuf,
    shadow: TempDir,
}

impl Mirror {
    /// Of a directory that nobody writes to just now: what is in it counts as durable.
    ///
    /// # Errors
    /// When it can not be copied.
    pub fn of(root: &Path) -> Result<Self> {
        let root = fs::canonicalize(root).with_context(|| root.display().to_string())?;
        let shadow = TempDir::with_prefix("postledger-shadow-")?;
        copy(&root, shadow.path())?;
        Ok(Self { root, shadow })
    }

    /// Puts the shadow in place of the directory. The process that wrote to it must be dead: a power cut is SIGKILL
    /// and this.
    ///
    /// # Errors
    /// When files can not be removed or copied.
    pub fn power_cut(&self) -> Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        copy(self.shadow.path(), &self.root)
    }

    /// The directory, resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its shadow.
    #[must_use]
    pub fn shadow(&self) -> &Path {
        self.shadow.path()
    }
}

/// Files and directories; sockets are of no use to another process, and SQLite's shared memory is rebuilt.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
            copy(&entry.path(), &target)?;
        } else if kind.is_file() && !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}
