//! `[[relay]]`: a next hop.

use super::{Findings, Secret, form, schema};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use postledger_core::name::RelayName;
use postledger_dispatcher::{Credentials, RelayConfig, Timeouts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A next hop: a server that takes mail for everybody, such as a provider's or one's own. At least one, at most 32.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Its name in routes, histories, metrics and logs.
    #[serde(with = "form::text")]
    #[schemars(schema_with = "schema::name")]
    pub name: RelayName,
    /// A host name or an IP address. Under TLS its certificate must be valid for it.
    pub host: String,
    /// The TCP port.
    #[schemars(range(min = 1, max = 65535))]
    #[schemars(extend("x-default" = "587 for starttls, 465 for implicit, 25 for off"))]
    pub port: Option<u16>,
    /// How the connection is secured. `starttls` and `implicit` are required, never a wish: without a valid
    /// certificate no login and no mail leaves. `off` is for this machine, or needs `allow_plaintext`.
    #[serde(default)]
    pub tls: TlsMode,
    /// Lets `tls = "off"` leave this machine: mail and passwords cross the network in the clear.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// The login's name; goes with `password_file` or `password`. Without it, nobody logs in.
    #[schemars(example = &"postledger", extend("x-private" = true))]
    pub username: Option<String>,
    /// The login's password. Better in the environment or in `password_file` than in the configuration.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret>,
    /// A file that holds the password and nothing else. It is read again at every reload.
    #[serde(default)]
    #[schemars(schema_with = "schema::path")]
    pub password_file: Option<PathBuf>,
    /// A PEM file with further certificates to trust, beside the system's. It is read again at every reload.
    #[serde(default)]
    #[schemars(schema_with = "schema::path")]
    pub ca_file: Option<PathBuf>,
    /// The name to greet with (EHLO): a domain name, or an address in brackets.
    #[schemars(example = &"mail.shop.example", extend("x-default" = "this machine's name, if it resolves, else `[127.0.0.1]`"))]
    pub hello_name: Option<String>,
    /// Connections at once, each with one attempt at a time.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 1000), extend("x-unit" = "connections"))]
    pub max_connections: usize,
    /// Attempts started per second, at most.
    #[schemars(range(min = 0.001, max = 100_000.0), example = 50.0, extend("x-unit" = "attempts per second", "x-default" = "as fast as it takes them"))]
    pub max_per_second: Option<f64>,
    /// How long each part of the dialogue may take, its reply included.
    #[serde(default)]
    pub timeouts: StageTimeouts,
}

/// How the connection to a relay is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

/// How long each part of the dialogue may take, its reply included.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StageTimeouts {
    /// Resolving the name, and connecting to each address.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub connect: Duration,
    /// The greeting, and every command before DATA, the TLS handshake included.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub command: Duration,
    /// DATA.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub data: Duration,
    /// Each block of the text.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub body: Duration,
    /// The reply to the final dot. Less than ten minutes makes unknown attempts, and so second copies (RFC 5321
    /// 4.5.3.2.6).
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub dot: Duration,
    /// QUIT.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
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

impl TlsMode {
    /// The usual port (RFC 8314 3.3, RFC 6409 3.1, RFC 5321 4.5.4.2).
    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::Off => 25,
        }
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

    /// What does not go together, by key.
    pub(super) fn check(&self, findings: &mut Findings) {
        let mut add = |key: &str, what: String| findings.push((format!("relay.{}.{key}", self.name), what));
        let is_local = self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if self.tls == TlsMode::Off && !is_local && !self.allow_plaintext {
            let what = "\"off\" would send mail and passwords over the network in the clear. \
                        Use \"starttls\" or \"implicit\", or say allow_plaintext = true";
            add("tls", what.to_owned());
        }
        if !is_host(&self.host) {
            add("host", "expected a name such as smtp.example.net, or an address, without a port".to_owned());
        }
        // What EHLO says stands on a line of the dialogue (RFC 5321 4.1.1.1).
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if self.hello_name.as_deref().is_some_and(|hello| !is_word(hello)) {
            add("hello_name", "expected a domain name, or an address in brackets".to_owned());
        }
        if self.password.is_some() && self.password_file.is_some() {
            add("password", "excludes password_file".to_owned());
        }
        let has_password = self.password.is_some() || self.password_file.is_some();
        if self.username.is_some() && !has_password {
            add("username", "goes with password_file or password".to_owned());
        }
        if self.username.is_none() && has_password {
            let key = if self.password.is_some() { "password" } else { "password_file" };
            add(key, "goes with username".to_owned());
        }
    }

    /// The port that is meant.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.tls.port())
    }

    /// The name that EHLO says.
    pub fn hello(&self) -> String {
        self.hello_name.clone().unwrap_or_else(host_name)
    }

    /// The password, from wherever it stands.
    fn password(&self) -> Result<Option<String>, (String, String)> {
        let Some(file) = &self.password_file else {
            return Ok(self.password.as_ref().map(|password| password.expose().to_owned()));
        };
        let text =
            std::fs::read_to_string(file).map_err(|error| self.unreadable("password_file", file, &error))?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            let what = format!("there is no password in {}", file.display());
            return Err((format!("relay.{}.password_file", self.name), what));
        }
        Ok(Some(password.to_owned()))
    }

    fn trusted(&self) -> Result<(), (String, String)> {
        let Some(file) = &self.ca_file else { return Ok(()) };
        std::fs::File::open(file).map(drop).map_err(|error| self.unreadable("ca_file", file, &error))
    }

    fn unreadable(&self, key: &str, file: &Path, error: &std::io::Error) -> (String, String) {
        (format!("relay.{}.{key}", self.name), format!("cannot read {}: {error}", file.display()))
    }

    /// The files that it names and that cannot be read, by key.
    pub fn files(&self) -> Findings {
        [self.password().err(), self.trusted().err()].into_iter().flatten().collect()
    }

    /// What is wrong with the permissions of the password file, if others than its owner can read it.
    pub fn exposed_password(&self) -> Option<String> {
        let file = self.password_file.as_ref()?;
        let is_exposed = std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
        is_exposed.then(|| {
            format!("relay.{}.password_file: others can read {1}: chmod go= {1}", self.name, file.display())
        })
    }

    /// For the dispatcher: reads the password file.
    ///
    /// # Errors
    /// With exit code 2 if a file that it names cannot be read.
    pub fn to_dispatcher(&self) -> Result<RelayConfig> {
        let failure = |(key, what): (String, String)| Failure::new(Exit::Usage, format!("{key}: {what}"));
        let password = self.password().map_err(failure)?;
        self.trusted().map_err(failure)?;
        let credentials = self.username.clone().zip(password);
        let StageTimeouts { connect, command, data, body, dot, quit } = self.timeouts.clone();
        let tls = match self.tls {
            TlsMode::Starttls => postledger_dispatcher::TlsMode::Starttls,
            TlsMode::Implicit => postledger_dispatcher::TlsMode::Implicit,
            TlsMode::Off => postledger_dispatcher::TlsMode::Off,
        };
        Ok(RelayConfig {
            name: self.name.clone(),
            host: self.host.clone(),
            port: self.port(),
            tls,
            credentials: credentials.map(|(username, password)| Credentials { username, password }),
            max_connections: self.max_connections,
            max_per_second: self.max_per_second,
            timeouts: Timeouts { connect, command, data, body, dot, quit },
            ca_file: self.ca_file.clone(),
            hello_name: self.hello(),
        })
    }
}

/// A domain name, or an address without brackets.
pub fn is_host(text: &str) -> bool {
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
