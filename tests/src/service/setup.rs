//! The configuration of a service under test.

use super::{Program, Service};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::sync::watch;

/// A next hop.
#[derive(Debug, Clone)]
pub struct Relay(String);

impl Relay {
    /// In plaintext.
    #[must_use]
    pub fn plain(name: &str, addr: SocketAddr) -> Self {
        Self::with(name, addr, "off")
    }

    /// Under TLS, trusting this root: `mode` is `starttls` or `implicit`.
    #[must_use]
    pub fn tls(name: &str, addr: SocketAddr, mode: &str, ca_file: &Path) -> Self {
        Self::with(name, addr, mode).line(&format!("ca_file = {:?}", ca_file.display().to_string()))
    }

    fn with(name: &str, addr: SocketAddr, mode: &str) -> Self {
        let (host, port) = (addr.ip(), addr.port());
        Self(format!("[[relay]]\nname = \"{name}\"\nhost = \"{host}\"\nport = {port}\ntls = \"{mode}\"\n"))
    }

    /// One more line of its table: `timeouts = { dot = "1s" }`.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.0.push_str(line);
        self.0.push('\n');
        self
    }
}

/// A service to be made.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    server: String,
    store: String,
    rest: String,
    program: Program,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// With nothing but a port and a data directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a next hop. Without routes, messages try them in this order.
    #[must_use]
    pub fn relay(mut self, relay: Relay) -> Self {
        self.rest.push_str(&relay.0);
        self
    }

    /// One more line of `[server]`.
    #[must_use]
    pub fn server(mut self, line: &str) -> Self {
        let _infallible = writeln!(self.server, "{line}");
        self
    }

    /// One more line of `[store]`.
    #[must_use]
    pub fn store(mut self, line: &str) -> Self {
        let _infallible = writeln!(self.store, "{line}");
        self
    }

    /// More tables, as they stand.
    #[must_use]
    pub fn toml(mut self, tables: &str) -> Self {
        let _infallible = writeln!(self.rest, "{tables}");
        self
    }

    /// One more variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another binary than the one that is shipped.
    #[must_use]
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// Makes the data directory and a key, and starts.
    ///
    /// # Errors
    /// When the binary does not build, or the service does not start; with what it said.
    pub async fn start(self) -> Result<Service> {
        let mut service = self.prepare().await?;
        service.start().await?;
        Ok(service)
    }

    /// Makes the data directory and a key.
    ///
    /// # Errors
    /// When the binary does not build, or no key can be made.
    pub async fn prepare(self) -> Result<Service> {
        let files = TempDir::with_prefix("postledger-test-")?;
        let Self { server, store, rest, program, environment } = self;
        let data = files.path().join("data");
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[store]\npath = {:?}\n{store}\n{rest}",
            data.display().to_string()
        );
        std::fs::write(files.path().join("postledger.toml"), config)?;
        let (target, _) = watch::channel(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)));
        // Plain HTTP on loopback, whatever proxy the environment names.
        let client = reqwest::Client::builder().no_proxy().build()?;
        let key = String::new();
        let mut service = Service { process: None, files, program, environment, key, target, client };
        let scopes = "send,read,operate,admin";
        let exit = service.run(&["key", "create", "--tenant", "default", "--scope", scopes]).await?;
        if exit.code != Some(0) {
            bail!("no key could be made: {exit}");
        }
        let made: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.stdout.clone())?;
        made["key"].as_str().context("a key was made")?.clone_into(&mut service.key);
        Ok(service)
    }
}

/// Nothing of the tester's own settings reaches the binary.
pub(super) fn cleared(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTLEDGER_") {
            command.env_remove(name);
        }
    }
}
