//! Arguments of `postledger dkim`.

use clap::{Subcommand, ValueEnum};
use postledger_core::name::DkimName;
use postledger_dispatcher::KeyKind;
use std::path::PathBuf;

/// Verbs on DKIM keys.
#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// The DNS record of each configured key, as a zone file has it
    #[command(after_help = "Example:\n  postledger dkim record shop_s2026")]
    Record {
        /// The key's name in the configuration; all without it
        name: Option<DkimName>,
    },
    /// Make a private key, for its owner alone to read, and show the DNS record that goes with it
    #[command(after_help = "Example:
  postledger dkim generate --domain shop.example --selector s2026 --to /etc/postledger/shop-s2026.pem")]
    Generate {
        /// Whose mail it will sign
        #[arg(long)]
        domain: String,
        /// Names the key among the domain's, such as s2026
        #[arg(long)]
        selector: String,
        /// Every receiver knows rsa (2048 bits); ed25519 is shorter, and for use beside it
        #[arg(long = "type", value_name = "TYPE", default_value = "rsa")]
        kind: KeyType,
        /// The file to make; one that exists is left alone
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// The algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// rsa-sha256
    Rsa,
    /// ed25519-sha256
    Ed25519,
}

impl From<KeyType> for KeyKind {
    fn from(kind: KeyType) -> Self {
        match kind {
            KeyType::Rsa => Self::Rsa,
            KeyType::Ed25519 => Self::Ed25519,
        }
    }
}
