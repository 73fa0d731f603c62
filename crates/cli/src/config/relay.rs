//! `[[relay]]`: a next hop.

use super::{Findings, Secret, form, proxy, schema};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use postledger_core::name::RelayName;
use postledger_dispatcher::{Credentials, Proxy, RelayConfig, Timeouts};
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
    /// The address of this machine to connect from, where it has several.
    #[serde(default)]
    #[schemars(schema_with = "schema::ip", extend("x-default" = "as the system chooses"))]
    pub source_address: Option<String>,
    /// A proxy to connect through: `socks5://HOST:PORT` or `http://HOST:PORT` (CONNECT). It resolves the relay's name.
    #[schemars(example = &"socks5://proxy.shop.example:1080")]
    pub proxy: Option<String>,
    /// The name to log in to the proxy with; goes with `proxy_password_file` or `proxy_password`.
    #[schemars(example = &"postledger", extend("x-private" = true))]
    pub proxy_username: Option<String>,
    /// The proxy's password. Better in the environment or in `proxy_password_file` than in the configuration.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub proxy_password: Option<Secret>,
    /// A file that holds the proxy's password and nothing else. It is read again at every reload.
    #[serde(default)]
    #[schemars(schema_with = "schema::path")]
    pub proxy_password_file: Option<PathBuf>,
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
    /// Resolving the name, connecting to each address, and what a proxy takes for it.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub connect: Duration,
    /// The greeting (under implicit TLS with the handshake before it), while another relay of the route is up: so much later
    /// is mail at the next relay where this one hangs. Where there is no other, `command` holds.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1ms", "x-max" = "1h"))]
    pub banner: Duration,
    /// Every command before DATA, the TLS handshake included; the greeting where no other relay is up.
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
        let Timeouts { connect, banner, command, data, body, dot, quit } = Timeouts::default();
        Self { connect, banner, command, data, body, dot, quit }
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
            source_address: None,
            proxy: None,
            proxy_username: None,
            proxy_password: None,
            proxy_password_file: None,
            timeouts: StageTimeouts::default(),
        })
    }

    /// What does not go together, by key.
    pub(super) fn check(&self, findings: &mut Findings) {
        let mut add = |key: &str, what: String| findings.push((format!("relay.{}.{key}", self.name), what));
        let proxy = self.proxy.as_deref().map(proxy::parse);
        // Behind a proxy, a local name is that of the proxy's machine.
        let is_local = is_loopback(&self.host)
            && proxy.as_ref().is_none_or(|proxy| proxy.as_ref().is_ok_and(|proxy| is_loopback(&proxy.host)));
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
        if self.source_address.as_ref().is_some_and(|address| address.parse::<IpAddr>().is_err()) {
            add("source_address", "expected an IP address".to_owned());
        }
        if let Some(Err(what)) = &proxy {
            add("proxy", (*what).to_owned());
        }
        let given = |key: &'static str, is_given: bool| is_given.then_some(key);
        for prefix in ["", "proxy_"] {
            let login = if prefix.is_empty() { self.login() } else { self.proxy_login() };
            let name = |key: &str| format!("{prefix}{key}");
            let password = given("password", login.password.is_some());
            let password_file = given("password_file", login.file.is_some());
            if password.is_some() && password_file.is_some() {
                add(&name("password"), format!("excludes {}", name("password_file")));
            }
            match (login.username, password.or(password_file)) {
                (Some(_), None) => {
                    let what = format!("goes with {} or {}", name("password_file"), name("password"));
                    add(&name("username"), what);
                }
                (None, Some(key)) => add(&name(key), format!("goes with {}", name("username"))),
                (Some(_), Some(_)) if !prefix.is_empty() && self.proxy.is_none() => {
                    add(&name("username"), "goes with proxy".to_owned());
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    fn login(&self) -> Login<'_> {
        Login {
            prefix: "",
            username: self.username.as_ref(),
            password: self.password.as_ref(),
            file: self.password_file.as_deref(),
        }
    }

    fn proxy_login(&self) -> Login<'_> {
        Login {
            prefix: "proxy_",
            username: self.proxy_username.as_ref(),
            password: self.proxy_password.as_ref(),
            file: self.proxy_password_file.as_deref(),
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

    /// The credentials, the password from wherever it stands.
    fn credentials(&self, login: Login<'_>) -> Result<Option<Credentials>, (String, String)> {
        let key = format!("{}password_file", login.prefix);
        let password = match login.file {
            None => login.password.map(|password| password.expose().to_owned()),
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).map_err(|error| self.unreadable(&key, file, &error))?;
                let password = text.trim_end_matches(['\r', '\n']);
                if password.is_empty() {
                    let what = format!("there is no password in {}", file.display());
                    return Err((format!("relay.{}.{key}", self.name), what));
                }
                Some(password.to_owned())
            }
        };
        let login = login.username.cloned().zip(password);
        Ok(login.map(|(username, password)| Credentials { username, password }))
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
        let logins = [self.login(), self.proxy_login()].map(|login| self.credentials(login).err());
        logins.into_iter().chain([self.trusted().err()]).flatten().collect()
    }

    /// What is wrong with the permissions of its password files, where others than their owner can read them.
    pub fn exposed_passwords(&self) -> Vec<String> {
        let exposed = |login: Login<'_>| {
            let file = login.file?;
            let is_exposed = std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
            let (relay, prefix, file) = (&self.name, login.prefix, file.display());
            is_exposed.then(|| {
                format!("relay.{relay}.{prefix}password_file: others can read {file}: chmod go= {file}")
            })
        };
        [self.login(), self.proxy_login()].into_iter().filter_map(exposed).collect()
    }

    /// For the dispatcher: reads the password files.
    ///
    /// # Errors
    /// With exit code 2 if a file that it names cannot be read.
    pub fn to_dispatcher(&self) -> Result<RelayConfig> {
        let failure = |(key, what): (String, String)| Failure::new(Exit::Usage, format!("{key}: {what}"));
        let credentials = self.credentials(self.login()).map_err(failure)?;
        let proxy_credentials = self.credentials(self.proxy_login()).map_err(failure)?;
        self.trusted().map_err(failure)?;
        let proxy = self.proxy.as_deref().and_then(|proxy| proxy::parse(proxy).ok());
        let StageTimeouts { connect, banner, command, data, body, dot, quit } = self.timeouts.clone();
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
            credentials,
            max_connections: self.max_connections,
            max_per_second: self.max_per_second,
            source_address: self.source_address.as_deref().and_then(|address| address.parse().ok()),
            proxy: proxy.map(|proxy| Proxy { credentials: proxy_credentials, ..proxy }),
            timeouts: Timeouts { connect, banner, command, data, body, dot, quit },
            ca_file: self.ca_file.clone(),
            hello_name: self.hello(),
        })
    }
}

/// Who logs in somewhere, as it is configured.
#[derive(Clone, Copy)]
struct Login<'a> {
    /// Of its keys.
    prefix: &'a str,
    username: Option<&'a String>,
    password: Option<&'a Secret>,
    file: Option<&'a Path>,
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
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
