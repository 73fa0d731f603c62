//! Python programs that judge what the service wrote, by libraries that share nothing with it: `tests/python`.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A script that answers each line of JSON with another.
#[derive(Debug)]
pub struct Python {
    script: &'static str,
    child: Child,
    /// Closed first, which ends the script.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts `tests/python/SCRIPT.py` with the packages of `tests/python/requirements.txt`.
    ///
    /// # Errors
    /// When `cargo xtask test --install` has not put them in their place.
    pub fn start(script: &'static str) -> Result<Self> {
        let python = interpreter();
        if !python.exists() {
            bail!("{} is missing: cargo xtask test --install makes it", python.display());
        }
        let mut child = Command::new(&python)
            // Nothing of the tester's own Python reaches it.
            .arg("-I")
            .arg(directory().join(format!("{script}.py")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("stdout is a pipe")?);
        Ok(Self { script, child, requests, answers })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When the script has ended, which it does at what it cannot read; it says why on stderr.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        self.send(&serde_json::to_string(request)?)?;
        let answer = self.receive()?;
        serde_json::from_str(&answer).with_context(|| format!("{}.py: {answer}", self.script))
    }

    /// Sends one line. The script may read no further while nobody takes its answers.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn send(&mut self, line: &str) -> Result<()> {
        let requests = self.requests.as_mut().context("the script still runs")?;
        writeln!(requests, "{line}").with_context(|| format!("{}.py has ended", self.script))
    }

    /// Takes one line.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn receive(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("{}.py has ended", self.script);
        }
        Ok(line)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.requests.take());
        // A child that cannot be waited for is gone already.
        let _gone = self.child.wait();
    }
}

/// The private interpreter; `xtask/src/test.rs` knows the same place.
fn interpreter() -> PathBuf {
    directory().join("../../target/python/bin/python")
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}
