//! What the disk under a data directory is, and how fast it makes a write durable.

use crate::filesystem::{self, free_space};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Free space in bytes below which nothing new is accepted, unless set otherwise.
pub const RESERVE_BYTES: u64 = 64 << 20;

/// The filesystem of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its type by name, such as `ext4`; `unknown` for one that is not known here.
    pub filesystem: &'static str,
    /// It lies on another machine: its locks and syncs cannot be relied on, and no ledger is opened on it.
    pub is_network: bool,
    /// It lies in memory, and is empty after a restart of the machine.
    pub is_memory: bool,
    /// What an unprivileged process may still write.
    pub free_bytes: u64,
    /// Files that may still be made; `None` where the filesystem does not count them.
    pub free_files: Option<u64>,
}

/// How long writes of 4 KiB took to become durable, shortest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncTimes(Vec<Duration>);

impl Disk {
    /// Of the filesystem that a path lies on.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn of(path: &Path) -> io::Result<Self> {
        let kind = filesystem::kind(path)?;
        let found = rustix::fs::statvfs(path)?;
        Ok(Self {
            filesystem: kind.map_or("unknown", |kind| kind.name),
            is_network: kind.is_some_and(|kind| kind.is_network),
            is_memory: kind.is_some_and(|kind| kind.is_memory),
            free_bytes: free_space(path)?,
            free_files: (found.f_files > 0).then_some(found.f_favail),
        })
    }
}

impl SyncTimes {
    /// Writes 4 KiB and syncs them so many times, as a commit does, in a file without a name in `dir`; ends earlier
    /// where that would take longer than `at_most`, after one at least.
    ///
    /// # Errors
    /// As the system reports them: a full disk, above all.
    pub fn measure(dir: &Path, times: usize, at_most: Duration) -> io::Result<Self> {
        let mut file: File = tempfile::tempfile_in(dir)?;
        let block = [0x5a; 4096];
        let began = Instant::now();
        let mut took = Vec::with_capacity(times);
        while took.len() < times && (took.is_empty() || began.elapsed() < at_most) {
            let at = Instant::now();
            file.write_all(&block)?;
            file.sync_data()?;
            took.push(at.elapsed());
        }
        took.sort_unstable();
        Ok(Self(took))
    }

    /// Half of them were faster.
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The slowest.
    pub fn worst(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}
