//! What a first configuration is made of: from options, or asked for.

use super::ask::Asking;
use crate::args::{Init, Place};
use crate::config::{Secret, TlsMode};
use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use postledger_core::address::Address;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Everything that is decided.
#[derive(Debug)]
pub struct Answers {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The relay's host.
    pub host: String,
    /// Its TLS.
    pub tls: TlsMode,
    /// Its port.
    pub port: u16,
    /// The login.
    pub login: Option<(String, Password)>,
    /// A further root to trust.
    pub ca_file: Option<PathBuf>,
    /// Sender and recipient of a test mail.
    pub trial: Option<(Address, Address)>,
}

/// A password, or where it lies.
#[derive(Debug)]
pub enum Password {
    /// To be written to a file of its own.
    Given(Secret),
    /// A file that is there already.
    In(PathBuf),
}

impl Answers {
    /// Of options alone; defaults hold for the rest.
    ///
    /// # Errors
    /// With exit code 2: an option is wrong, or a file that it names cannot be read.
    pub fn from_options(place: &Place, init: &Init) -> Result<Self> {
        let host = init.relay_host.clone().ok_or_else(|| usage("--relay-host is missing"))?;
        check_host(&host).map_err(|what| usage(format!("--relay-host: {what}")))?;
        let tls = match &init.relay_tls {
            Some(word) => tls(word, &host).map_err(|what| usage(format!("--relay-tls: {what}")))?,
            None => TlsMode::Starttls,
        };
        let password = init.relay_password_file.as_deref().map(password).transpose()?;
        let login = init.relay_user.clone().zip(password);
        Ok(Self {
            data_dir: place.data_dir.clone().unwrap_or_else(|| "data".into()),
            port: init.relay_port.unwrap_or_else(|| tls.port()),
            host,
            tls,
            login,
            ca_file: init.relay_ca.clone(),
            trial: trial(init),
        })
    }

    /// Asks for everything that no option says.
    ///
    /// # Errors
    /// With exit code 2 if the terminal ends.
    pub fn asked(place: &Place, init: &Init, asking: &Asking) -> Result<Self> {
        let data_dir = match &place.data_dir {
            Some(dir) => dir.clone(),
            None => asking.text("Data directory", Some("data"), check_path)?.into(),
        };
        let host = match &init.relay_host {
            Some(host) => host.clone(),
            None => asking.text("Relay: host name or address", None, check_host)?,
        };
        check_host(&host).map_err(usage)?;
        let tls = match &init.relay_tls {
            Some(word) => tls(word, &host).map_err(usage)?,
            None => {
                let word = asking.text("Its TLS (starttls, implicit or off)", Some("starttls"), |word| {
                    tls(word, &host).map(drop)
                })?;
                tls(&word, &host).map_err(usage)?
            }
        };
        let port = match init.relay_port {
            Some(port) => port,
            None => {
                let port = asking
                    .text("Its port", Some(&tls.port().to_string()), |port| check_port(port).map(drop))?;
                check_port(&port).map_err(usage)?
            }
        };
        let login = match (&init.relay_user, &init.relay_password_file) {
            (Some(user), Some(file)) if file == Path::new("-") => {
                Some((user.clone(), Password::Given(asking.secret("Password")?)))
            }
            (Some(user), Some(file)) => Some((user.clone(), password(file)?)),
            _ => {
                let user = asking.text("User name for the login, empty for none", None, |_| Ok(()))?;
                match user.is_empty() {
                    true => None,
                    false => Some((user, Password::Given(asking.secret("Password")?))),
                }
            }
        };
        let trial = match (trial(init), init.no_test) {
            (None, false) => {
                let about = "Send a test mail from which address, empty for none";
                let is_right = |text: &str| if text.is_empty() { Ok(()) } else { check_address(text) };
                let from = asking.text(about, None, is_right)?;
                match from.parse::<Address>() {
                    Ok(from) => {
                        let to = asking.text("To which address", Some(from.as_str()), check_address)?;
                        to.parse().ok().map(|to| (from, to))
                    }
                    Err(_) => None,
                }
            }
            (given, _) => given,
        };
        Ok(Self { data_dir, host, tls, port, login, ca_file: init.relay_ca.clone(), trial })
    }
}

fn usage(what: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Usage, what)
}

fn trial(init: &Init) -> Option<(Address, Address)> {
    let from = init.test_from.clone()?;
    let to = init.test_to.clone().unwrap_or_else(|| from.clone());
    Some((from, to))
}

fn password(file: &Path) -> Result<Password> {
    let is_stdin = file == Path::new("-");
    let text = match is_stdin {
        true => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        false => std::fs::read_to_string(file),
    };
    let text = text
        .with_context(|| format!("cannot read {}", file.display()))
        .map_err(|error| usage(format!("--relay-password-file: {error:#}")))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(usage("--relay-password-file: there is no password in it"));
    }
    match is_stdin {
        true => Ok(Password::Given(Secret::new(text.to_owned()))),
        false => Ok(Password::In(std::path::absolute(file)?)),
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() { Err("expected a path".into()) } else { Ok(()) }
}

fn check_host(host: &str) -> Result<(), String> {
    match crate::config::is_host(host) {
        true => Ok(()),
        false => Err("expected a name such as smtp.example.net, or an address, without a port".into()),
    }
}

fn check_port(port: &str) -> Result<u16, String> {
    port.parse().ok().filter(|port| *port > 0).ok_or_else(|| "expected a number from 1 to 65535".into())
}

fn check_address(text: &str) -> Result<(), String> {
    text.parse::<Address>().map(drop).map_err(|error| error.to_string())
}

fn tls(word: &str, host: &str) -> Result<TlsMode, String> {
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match word {
        "starttls" => Ok(TlsMode::Starttls),
        "implicit" => Ok(TlsMode::Implicit),
        "off" if is_local => Ok(TlsMode::Off),
        "off" => {
            Err("off is for a relay on this machine: mail and passwords would cross the network in the clear"
                .into())
        }
        _ => Err("expected starttls, implicit or off".into()),
    }
}
