//! Disks that fail: a library that is built with `cc`, preloaded into the real binary and driven by its environment.
//!
//! The fault model stands in `tests/faults/faults.h`. The service stays free of all of it.

mod library;
mod mirror;

pub use library::library;
pub use mirror::Mirror;

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// What went through the library so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Syncs of matching files, failed ones too.
    pub syncs: u64,
    /// Writes to matching files.
    pub writes: u64,
    /// Bytes by which matching files grew.
    pub grown_bytes: u64,
    /// Faults that were injected.
    pub injected: u64,
}

/// Faults for one process. Files and counts are removed with it, so it must outlive the process.
#[derive(Debug)]
pub struct Faults {
    variables: Vec<(String, String)>,
    files: TempDir,
}

impl Faults {
    /// None yet: everything is only counted.
    ///
    /// # Errors
    /// When the library does not build.
    pub fn new() -> Result<Self> {
        let files = TempDir::with_prefix("postledger-faults-")?;
        // Four counters; the library maps the file and the test reads it.
        std::fs::write(files.path().join("counts"), [0; 32])?;
        std::fs::write(files.path().join("log"), [])?;
        let library = library()?.display().to_string();
        let faults = Self { variables: vec![("LD_PRELOAD".to_owned(), library)], files };
        let [counts, log] = [faults.counts_file(), faults.log_file()].map(|it| it.display().to_string());
        Ok(faults.with("COUNTS", &counts).with("LOG", &log))
    }

    /// Only on files whose path contains this; called again, or that.
    #[must_use]
    pub fn on(mut self, part: &str) -> Self {
        match self.variables.iter_mut().find(|(name, _)| name == "POSTLEDGER_FAULT_MATCH") {
            Some((_, parts)) => {
                parts.push(',');
                parts.push_str(part);
                self
            }
            None => self.with("MATCH", part),
        }
    }

    /// The n-th fsync or fdatasync fails with EIO, counted from 1 over all matching files.
    #[must_use]
    pub fn fail_sync(self, nth: u64) -> Self {
        self.with("SYNC", &nth.to_string())
    }

    /// The n-th write fails with EIO.
    #[must_use]
    pub fn fail_write(self, nth: u64) -> Self {
        self.with("WRITE", &nth.to_string())
    }

    /// All syncs or writes after the failed one fail too.
    #[must_use]
    pub fn for_ever(self) -> Self {
        self.with("FOR_EVER", "1")
    }

    /// Syncs say that they succeeded and make nothing durable: the control that shows that a power cut can lose.
    #[must_use]
    pub fn lying(self) -> Self {
        self.with("LYING", "1")
    }

    /// Half of the n-th write reaches the file, and SIGKILL the process.
    #[must_use]
    pub fn cut_write(self, nth: u64) -> Self {
        self.with("SHORT", &nth.to_string())
    }

    /// Files may grow by so many bytes together; then ENOSPC, until [`release`](Self::release).
    #[must_use]
    pub fn space(self, bytes: u64) -> Self {
        self.with("SPACE", &bytes.to_string())
    }

    /// Whoever asks how much space is left is told that it is so little, also where nothing keeps files from growing.
    #[must_use]
    pub fn free(self, bytes: u64) -> Self {
        self.with("FREE", &bytes.to_string())
    }

    /// The wall clock is ahead by so much: the machine was off meanwhile.
    #[must_use]
    pub fn clock_ahead(self, span: Duration) -> Self {
        self.with("CLOCK_AHEAD_MS", &span.as_millis().to_string())
    }

    /// A pause before each write.
    #[must_use]
    pub fn slow_writes(self, each: Duration) -> Self {
        self.with("WRITE_DELAY_US", &each.as_micros().to_string())
    }

    /// A pause before each sync.
    #[must_use]
    pub fn slow_syncs(self, each: Duration) -> Self {
        self.with("SYNC_DELAY_US", &each.as_micros().to_string())
    }

    /// Makes the faults depend on a switch, which is on until [`release`](Self::release) and again after
    /// [`engage`](Self::engage). Counting goes on meanwhile.
    ///
    /// # Errors
    /// When the switch, a file, can not be made.
    pub fn switched(self) -> Result<Self> {
        self.engage()?;
        let switch = self.switch_file().display().to_string();
        Ok(self.with("WHILE", &switch))
    }

    /// Keeps the durable mirror of a directory.
    #[must_use]
    pub fn mirrored(self, mirror: &Mirror) -> Self {
        self.with("ROOT", &mirror.root().display().to_string())
            .with("MIRROR", &mirror.shadow().display().to_string())
    }

    /// Switches the faults off: space is there again, say.
    ///
    /// # Errors
    /// When they were not [`switched`](Self::switched) on.
    pub fn release(&self) -> Result<()> {
        std::fs::remove_file(self.switch_file()).context("the switch is on")
    }

    /// Switches the faults on again.
    ///
    /// # Errors
    /// When the switch, a file, can not be made.
    pub fn engage(&self) -> Result<()> {
        std::fs::write(self.switch_file(), b"").context("the switch can be made")
    }

    /// What the process needs in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// What was counted, also while the process runs and after it was killed. They add up over several processes.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn counts(&self) -> Result<Counts> {
        let bytes = std::fs::read(self.counts_file())?;
        let mut counters = bytes.as_chunks::<8>().0.iter().map(|it| u64::from_ne_bytes(*it));
        let mut next = || counters.next().context("four counters");
        Ok(Counts { syncs: next()?, writes: next()?, grown_bytes: next()?, injected: next()? })
    }

    /// Waits until so many syncs of matching files have begun; with [`slow_syncs`](Self::slow_syncs) the last of them is
    /// then under way.
    ///
    /// # Errors
    /// When there are not so many within a minute.
    pub async fn syncs(&self, count: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.counts()?.syncs < count {
            if Instant::now() > deadline {
                bail!("not {count} syncs within a minute: {:?}", self.counts()?);
            }
            // The library can not wake anybody.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// A line for each fault that was injected: what, on which file, in which thread, when in microseconds.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn injected(&self) -> Result<Vec<String>> {
        Ok(std::fs::read_to_string(self.log_file())?.lines().map(str::to_owned).collect())
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((format!("POSTLEDGER_FAULT_{name}"), value.to_owned()));
        self
    }

    fn counts_file(&self) -> PathBuf {
        self.path().join("counts")
    }

    fn log_file(&self) -> PathBuf {
        self.path().join("log")
    }

    fn switch_file(&self) -> PathBuf {
        self.path().join("switch")
    }

    fn path(&self) -> &Path {
        self.files.path()
    }
}

#[cfg(test)]
mod tests;
