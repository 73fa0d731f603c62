//! `[[relay]]`: a next hop.

use super::{Secret, form};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use postledger_core::name::RelayName;
use postledger_dispatcher::{Credentials, RelayConfig, Timeouts};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A next hop.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Its name.
    #[serde(with = "form::text")]
    pub name: RelayName,
    /// A host name or an address.
    pub host: String,
    /// 25, 465 or 587 by the TLS mode, if not given.
    pub port: Option<u16>,
    /// How the connection is secured.
    #[serde(default)]
    pub tls: TlsMode,
    /// Lets `tls = "off"` leave this machine.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// The login's name.
    pub username: Option<String>,
    /// The login's password; better in a file or the environment.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A PEM file with a further trust root.
    pub ca_file: Option<PathBuf>,
    /// What EHLO says; the machine's host name by default.
    pub hello_name: Option<String>,
    /// Connections at once.
    #[serde(default = "default_connections")]
    pub max_connections: usize,
    /// Attempts started per second, at most; without it, as fast as the relay takes them.
    pub max_per_second: Option<f64>,
    /// Deadlines of the stages.
    #[serde(default)]
    pub timeouts: StageTimeouts,
}

/// How the connection to a relay is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// STARTTLS, required, never opportunistic.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// None: on loopback, or with `allow_plaintext = true`.
    Off,
}

/// Deadlines of the stages; RFC 5321 4.5.3.2 gives the long ones.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StageTimeouts {
    #[serde(with = "form::duration")]
    pub connect: Duration,
    #[serde(with = "form::duration")]
    pub command: Duration,
    #[serde(with = "form::duration")]
    pub data: Duration,
    #[serde(with = "form::duration")]
    pub body: Duration,
    #[serde(with = "form::duration")]
    pub dot: Duration,
    #[serde(with = "form::duration")]
    pub quit: Duration,
}

fn default_connections() -> usize {
    20
}

impl Default for StageTimeouts {
    fn default() -> Self {
        let Timeouts { connect, command, data, body, dot, quit } = Timeouts::default();
        Self { connect, command, data, body, dot, quit }
    }
}

impl Relay {
    /// A relay on this machine, without TLS.
    ///
    /// # Errors
    /// `name` is no name.
    pub fn plaintext(name: &str, address: SocketAddr) -> Result<Self> {
        Ok(Self {
            name: name.parse()?,
            host: address.ip().to_string(),
            port: Some(address.port()),
            tls: TlsMode::Off,
            allow_plaintext: false,
            username: None,
            password: None,
            password_file: None,
            ca_file: None,
            hello_name: None,
            max_connections: default_connections(),
            max_per_second: None,
            timeouts: StageTimeouts::default(),
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let is_local = self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if self.tls == TlsMode::Off && !is_local && !self.allow_plaintext {
            return Err(format!(
                "relay {name}: tls = \"off\" would send mail and passwords in the clear to {}. \
                 Use \"starttls\" or \"implicit\", or say allow_plaintext = true",
                self.host
            ));
        }
        if !is_host(&self.host) {
            return Err(format!(
                "relay {name}: host is a name such as smtp.example.net, or an address, without a port"
            ));
        }
        if self.port == Some(0) {
            return Err(format!("relay {name}: port is 1 to 65535"));
        }
        // What EHLO says stands on a line of the dialogue (RFC 5321 4.1.1.1).
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if self.hello_name.as_deref().is_some_and(|hello| !is_word(hello)) {
            return Err(format!("relay {name}: hello_name is a domain name, or an address in brackets"));
        }
        if !(1..=1000).contains(&self.max_connections) {
            return Err(format!("relay {name}: max_connections is 1 to 1000"));
        }
        if self.max_per_second.is_some_and(|rate| !(0.001..=100_000.0).contains(&rate)) {
            return Err(format!("relay {name}: max_per_second is 0.001 to 100000"));
        }
        if self.password.is_some() && self.password_file.is_some() {
            return Err(format!("relay {name}: password and password_file exclude each other"));
        }
        if self.username.is_some() != (self.password.is_some() || self.password_file.is_some()) {
            return Err(format!("relay {name}: username goes with password or password_file"));
        }
        let t = &self.timeouts;
        if [t.connect, t.command, t.data, t.body, t.dot, t.quit].iter().any(Duration::is_zero) {
            return Err(format!("relay {name}: a timeout of zero would fail every attempt"));
        }
        Ok(())
    }

    fn unreadable(&self, key: &str, file: &Path, error: &std::io::Error) -> anyhow::Error {
        let message = format!("relay {}: {key}: cannot read {}: {error}", self.name, file.display());
        Failure::new(Exit::Usage, message)
    }

    /// For the dispatcher: reads the password file.
    ///
    /// # Errors
    /// With exit code 2 if a file that it names cannot be read.
    pub fn to_dispatcher(&self) -> Result<RelayConfig> {
        let password = match &self.password_file {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| self.unreadable("password_file", file, &error))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            None => self.password.as_ref().map(|password| password.expose().to_owned()),
        };
        if let Some(file) = &self.ca_file {
            std::fs::File::open(file).map_err(|error| self.unreadable("ca_file", file, &error))?;
        }
        let credentials = self.username.clone().zip(password);
        let StageTimeouts { connect, command, data, body, dot, quit } = self.timeouts.clone();
        let (tls, port) = match self.tls {
            TlsMode::Starttls => (postledger_dispatcher::TlsMode::Starttls, 587),
            TlsMode::Implicit => (postledger_dispatcher::TlsMode::Implicit, 465),
            TlsMode::Off => (postledger_dispatcher::TlsMode::Off, 25),
        };
        Ok(RelayConfig {
            name: self.name.clone(),
            host: self.host.clone(),
            port: self.port.unwrap_or(port),
            tls,
            credentials: credentials.map(|(username, password)| Credentials { username, password }),
            max_connections: self.max_connections,
            max_per_second: self.max_per_second,
            timeouts: Timeouts { connect, command, data, body, dot, quit },
            ca_file: self.ca_file.clone(),
            hello_name: self.hello_name.clone().unwrap_or_else(host_name),
        })
    }
}

/// A domain name, or an address without brackets.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253 && text.trim_end_matches('.').split('.').all(is_label))
}

/// The machine's name if it can stand in EHLO (RFC 5321 4.1.1.1), else the loopback literal.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let is_domain = name.contains('.') && (name, 25).to_socket_addrs().is_ok();
    if is_domain { name.to_owned() } else { "[127.0.0.1]".to_owned() }
}

/// Without the password.
impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay({} at {})", self.name, self.host)
    }
}
