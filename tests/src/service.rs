//! The real binary as a process: private, on a port and in a directory of its own, and gone with its handle.

mod binary;
mod call;
mod process;
mod setup;

pub use binary::{Program, binary};
pub use call::{Answer, Caller};
pub use process::{Exit, Stats};
pub use setup::{Relay, Setup};

use anyhow::{Context as _, Result, bail};
use process::Process;
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::Instant;

/// How a start went.
#[derive(Debug)]
pub enum Started {
    /// It listens.
    Listening,
    /// It ended by itself before it listened.
    Refused(Exit),
}

/// A service that tests own.
///
/// Dropping it kills the process and removes its files. Restarts keep data, key and configuration, not the port.
pub struct Service {
    /// Killed before the files are removed: fields are dropped in order.
    process: Option<Process>,
    files: TempDir,
    program: Program,
    environment: Vec<(String, String)>,
    key: String,
    target: watch::Sender<SocketAddr>,
    client: reqwest::Client,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("addr", &*self.target.borrow()).finish_non_exhaustive()
    }
}

impl Service {
    /// Starts it again on the same data.
    ///
    /// # Errors
    /// When it does not listen within a minute, with what it wrote to stderr.
    pub async fn start(&mut self) -> Result<()> {
        match self.try_start().await? {
            Started::Listening => Ok(()),
            Started::Refused(exit) => bail!("the service did not start: {exit}"),
        }
    }

    /// Starts it again on the same data, where a refusal is an expected answer.
    ///
    /// # Errors
    /// When it neither listens nor ends within a minute.
    pub async fn try_start(&mut self) -> Result<Started> {
        self.kill()?;
        let arguments = ["serve", "--output", "json", "--config"].map(OsStr::new);
        let config = self.config_file();
        let mut command = self.program.command()?;
        command.args(arguments).arg(&config).current_dir(self.files.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::spawn(command, &self.stderr_file())?;
        let Some(line) = process.first_line().await? else {
            return Ok(Started::Refused(process.ended().await?));
        };
        let line: Value =
            serde_json::from_str(&line).with_context(|| format!("the first line is JSON: {line}"))?;
        let addr = line["listening"].as_str().context("the first line says where it listens")?.parse()?;
        self.process = Some(process);
        self.target.send_replace(addr);
        Ok(Started::Listening)
    }

    /// What is added to its environment from the next start on; the faults of [`faults`](crate::faults), say.
    pub fn environment(&mut self, variables: Vec<(String, String)>) {
        self.environment = variables;
    }

    /// SIGKILL, and the process is gone when this returns.
    ///
    /// # Errors
    /// When it can not be waited for.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// When it is not running, or still is after a minute.
    pub async fn terminate(&mut self) -> Result<Exit> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it is not running, or still is after a minute.
    pub async fn ended(&mut self) -> Result<Exit> {
        self.process.take().context("the service is not running")?.ended().await
    }

    /// Sends a signal: STOP and CONT, say.
    ///
    /// # Errors
    /// When it is not running.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.running()?.signal(signal)
    }

    /// CPU time and memory until now.
    ///
    /// # Errors
    /// When it is not running.
    pub fn stats(&self) -> Result<Stats> {
        self.running()?.stats()
    }

    /// Runs the command line beside it or without it: `postledger ARGUMENTS --data-dir D --output json`.
    ///
    /// # Errors
    /// When it can not be run; how it ended is for the caller to judge.
    pub async fn run(&self, arguments: &[&str]) -> Result<Exit> {
        self.run_on(&self.data_dir(), arguments).await
    }

    /// The same on another data directory.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_on(&self, data_dir: &Path, arguments: &[&str]) -> Result<Exit> {
        let mut command = self.program.command()?;
        command.args(arguments).args(["--output", "json"]).arg("--data-dir").arg(data_dir);
        command.current_dir(self.files.path());
        let output = Command::from(command).kill_on_drop(true).output();
        let output =
            tokio::time::timeout(Duration::from_secs(300), output).await.context("five minutes")??;
        Ok(Exit::from(output))
    }

    /// Every event of the ledger, by `postledger audit export`.
    ///
    /// # Errors
    /// When the command fails or prints what is not JSON.
    pub async fn export(&self) -> Result<Vec<Value>> {
        let exit = self.run(&["audit", "export"]).await?;
        if exit.code != Some(0) {
            bail!("audit export: {exit}");
        }
        exit.stdout.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Waits until every delivery has ended, by the ledger's own account (`postledger replay`).
    ///
    /// # Errors
    /// When some are still open at the deadline, with the account.
    pub async fn drained(&self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let exit = self.run(&["replay"]).await?;
            let account: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.to_string())?;
            if account["open"] == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not within {within:?}: {account:#}");
            }
            // Nothing tells from outside when the last delivery ends.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where it listens; follows restarts.
    #[must_use]
    pub fn target(&self) -> watch::Receiver<SocketAddr> {
        self.target.subscribe()
    }

    /// The key that was made before the first start, with all scopes.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// The directory of everything that is removed with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.files.path()
    }

    /// Its configuration; changes take effect at the next start.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.files.path().join("postledger.toml")
    }

    /// What it wrote to stderr over all starts.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn stderr(&self) -> Result<String> {
        let bytes = std::fs::read(self.stderr_file()).context("stderr")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until `holds` is true of what it wrote to stderr, and gives that.
    ///
    /// # Errors
    /// When it does not hold within 30 s, with what it wrote.
    pub async fn stderr_until(&self, mut holds: impl FnMut(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let written = self.stderr()?;
            if holds(&written) {
                return Ok(written);
            }
            if Instant::now() > deadline {
                bail!("not within 30 s: {written}");
            }
            // A file tells nobody that it has grown.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stderr_file(&self) -> PathBuf {
        self.files.path().join("stderr.log")
    }

    fn running(&self) -> Result<&Process> {
        self.process.as_ref().context("the service is not running")
    }
}
