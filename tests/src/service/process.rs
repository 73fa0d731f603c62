//! A child process: what it says, what it costs, how it ends.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed; empty for a service.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl From<Output> for Exit {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            ..Self::of(output.status, stderr)
        }
    }
}

impl Exit {
    fn of(status: ExitStatus, stderr: String) -> Self {
        Self { code: status.code(), signal: status.signal(), stdout: String::new(), stderr }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}")?,
            (None, signal) => write!(f, "signal {}", signal.unwrap_or_default())?,
        }
        write!(f, "\n{}{}", self.stdout, self.stderr)
    }
}

/// What a process cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// User and system time.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub rss_bytes: u64,
    /// The most resident memory it ever had, in bytes.
    pub peak_rss_bytes: u64,
    /// Open files.
    pub files: usize,
}

/// A running service.
pub(super) struct Process {
    child: Child,
    first_line: Option<oneshot::Receiver<String>>,
    stderr: PathBuf,
    /// Where this process's part of stderr begins.
    stderr_from: u64,
}

impl Process {
    pub(super) fn spawn(mut command: Command, stderr: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(stderr)?;
        let stderr_from = file.metadata()?.len();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().with_context(|| format!("{}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        let (tell, first_line) = oneshot::channel();
        std::thread::Builder::new().name("service-stdout".to_owned()).spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(line) = lines.next() {
                // Nobody listens any more where the start was given up.
                let _gone = tell.send(line);
            }
            // Read to the end, so that the process never blocks on a full pipe.
            lines.for_each(drop);
        })?;
        Ok(Self { child, first_line: Some(first_line), stderr: stderr.to_owned(), stderr_from })
    }

    /// The first line of stdout, or none where it ended without one.
    pub(super) async fn first_line(&mut self) -> Result<Option<String>> {
        let line = self.first_line.take().context("the first line was read before")?;
        match tokio::time::timeout(PATIENCE, line).await {
            Ok(line) => Ok(line.ok()),
            Err(_) => bail!("it said nothing within {PATIENCE:?}:\n{}", self.said()),
        }
    }

    /// Waits for the end.
    pub(super) async fn ended(mut self) -> Result<Exit> {
        let pid = self.pid()?;
        let mut waiting = tokio::task::spawn_blocking(move || (self.child.wait(), self));
        let (status, this) = match tokio::time::timeout(PATIENCE, &mut waiting).await {
            Ok(ended) => ended?,
            Err(_) => {
                kill_process(pid, Signal::KILL)?;
                let (_, this) = waiting.await?;
                bail!("it did not end within {PATIENCE:?}:\n{}", this.said());
            }
        };
        Ok(Exit::of(status?, this.said()))
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    pub(super) fn stats(&self) -> Result<Stats> {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = std::fs::read_to_string(proc.join("stat"))?;
        // Fields 14 and 15 of proc(5); counted from behind the name, which may hold anything, in brackets.
        let behind = stat.rsplit_once(')').context("a process has a name")?.1;
        let ticks: u64 =
            behind.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
        let cpu = Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second());
        let status = std::fs::read_to_string(proc.join("status"))?;
        let bytes = |name: &str| -> Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("a process has memory")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        let files = std::fs::read_dir(proc.join("fd"))?.count();
        Ok(Stats { cpu, rss_bytes: bytes("VmRSS:")?, peak_rss_bytes: bytes("VmHWM:")?, files })
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_child(&self.child))
    }

    fn said(&self) -> String {
        let bytes = std::fs::read(&self.stderr).unwrap_or_default();
        let from = usize::try_from(self.stderr_from).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; what matters is that it has when its files are removed.
        let _ended = self.kill();
    }
}

#[cfg(test)]
mod tests;
