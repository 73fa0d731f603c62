//! `postledger init` on the command line.

use clap::Args as ClapArgs;
use postledger_core::address::Address;
use std::path::PathBuf;

/// What a first configuration says. Without a relay's host it is asked for on the terminal.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Init {
    /// The relay: a host name or an address
    #[arg(long, value_name = "HOST")]
    pub relay_host: Option<String>,
    /// Its TLS: starttls, implicit, or off for one on this machine [default: starttls]
    #[arg(long, value_name = "MODE")]
    pub relay_tls: Option<String>,
    /// Its port [default: 587 for starttls, 465 for implicit, 25 for off]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub relay_port: Option<u16>,
    /// The login's name; none without it
    #[arg(long, value_name = "NAME", requires = "relay_password_file")]
    pub relay_user: Option<String>,
    /// A file with the login's password, used where it lies; - reads it from standard input into a file of its own
    #[arg(long, value_name = "FILE", requires = "relay_user")]
    pub relay_password_file: Option<PathBuf>,
    /// A PEM file with a further root to trust, for a relay with a private certificate authority
    #[arg(long, value_name = "FILE")]
    pub relay_ca: Option<PathBuf>,
    /// Send a real test mail from this address
    #[arg(long, value_name = "ADDRESS")]
    pub test_from: Option<Address>,
    /// Send it to this one [default: the sender]
    #[arg(long, value_name = "ADDRESS", requires = "test_from")]
    pub test_to: Option<Address>,
    /// Write the files without trying the relay
    #[arg(long, conflicts_with = "test_from")]
    pub no_test: bool,
    /// Ask nothing: defaults hold for what is not given
    #[arg(long, short, requires = "relay_host")]
    pub yes: bool,
}
