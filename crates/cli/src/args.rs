//! The command line. Options stand before or after the verb.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A transactional e-mail service whose word can be checked.
#[derive(Debug, Parser)]
#[command(name = "postledger", version, propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Where everything is.
    #[command(flatten)]
    pub place: Place,
}

/// Options that every verb takes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Place {
    /// The configuration file [default: postledger.toml, where there is one]
    #[arg(long, global = true, env = "POSTLEDGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory [default: the configuration's store.path, else ./data]
    #[arg(long, global = true, env = "POSTLEDGER_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The service's address, such as http://127.0.0.1:8250 [default: the control socket of the data directory]
    #[arg(long, global = true, env = "POSTLEDGER_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The API key that goes with --url
    #[arg(long, global = true, env = "POSTLEDGER_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Tables for people, JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// The form of what goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs: one JSON document, or one per line for streams.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show everything on this machine alone: sample mail of each kind, its timelines, the balance
    Demo {
        /// End after the samples instead of leaving API and mailbox open
        #[arg(long)]
        exit: bool,
    },
    /// Run the service with a mailbox that catches all mail, and print a ready key
    Dev {
        /// The API's address
        #[arg(long, default_value = "127.0.0.1:8250")]
        listen: std::net::SocketAddr,
    },
    /// Run the service
    Serve,
    /// Submit a message
    Send(Send),
    /// See and steer messages
    #[command(subcommand)]
    Message(Message),
    /// Read the ledger itself, beside a running service or without one
    #[command(subcommand)]
    Audit(Audit),
    /// Fold the whole ledger and say what it comes to
    Replay {
        /// Stop at a position, or at a time such as 2026-12-01T09:00:00Z
        #[arg(long, value_name = "POSITION|TIME")]
        until: Option<String>,
        /// Also verify the chain and compare the views with the ledger
        #[arg(long)]
        check: bool,
    },
    /// List the deliveries that have not ended, from the ledger
    Queue {
        /// At most so many lines
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Issue and revoke API keys
    #[command(subcommand)]
    Key(Key),
    /// See and test relays
    #[command(subcommand)]
    Relay(Relay),
    /// Copy the ledger, verified; a service may be running on it
    #[command(subcommand)]
    Backup(Backup),
    /// Make a data directory of a backup; what was open is held
    Restore(Restore),
    /// Look at the configuration
    #[command(subcommand)]
    Config(Config),
}

/// A message from the command line.
#[derive(Debug, ClapArgs)]
pub struct Send {
    /// The author: an address, or "Name <address>"
    #[arg(long)]
    pub from: String,
    /// A recipient; may be repeated
    #[arg(long, required = true)]
    pub to: Vec<String>,
    /// A recipient of a copy; may be repeated
    #[arg(long)]
    pub cc: Vec<String>,
    /// A hidden recipient; may be repeated
    #[arg(long)]
    pub bcc: Vec<String>,
    /// The subject
    #[arg(long)]
    pub subject: String,
    /// The text; - reads it from standard input
    #[arg(long, required_unless_present = "html")]
    pub text: Option<String>,
    /// The HTML
    #[arg(long)]
    pub html: Option<String>,
    /// A file to attach; may be repeated
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// critical, high, normal or low
    #[arg(long)]
    pub priority: Option<String>,
    /// Not before this time
    #[arg(long, value_name = "TIME")]
    pub send_at: Option<String>,
    /// A label; may be repeated
    #[arg(long)]
    pub tag: Vec<String>,
    /// Send at most one message for this key
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// Verbs on messages.
#[derive(Debug, Subcommand)]
pub enum Message {
    /// A message, its deliveries and its timeline
    Show {
        /// msg_…
        id: String,
    },
    /// Messages, newest first
    List {
        /// Such as delivered, failed, in_progress
        #[arg(long)]
        status: Option<String>,
        /// A recipient's address
        #[arg(long)]
        recipient: Option<String>,
        /// A label
        #[arg(long)]
        tag: Option<String>,
        /// critical, high, normal or low
        #[arg(long)]
        priority: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Where to go on: the next_cursor of the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Every event of a message, in order
    Events {
        /// msg_…
        id: String,
    },
    /// Withdraw what has not been sent
    Cancel {
        /// msg_… or dlv_…
        id: String,
    },
    /// Pause
    Hold {
        /// msg_… or dlv_…
        id: String,
    },
    /// Resume
    Release {
        /// msg_… or dlv_…
        id: String,
    },
    /// Put failed deliveries back in the queue
    Redrive {
        /// msg_… or dlv_…
        id: String,
        /// Their lifetime from now, such as 24h
        #[arg(long)]
        expires_after: Option<String>,
    },
    /// Say what became of an unknown delivery
    Resolve {
        /// dlv_…
        id: String,
        /// delivered or not_delivered
        #[arg(long)]
        outcome: String,
        /// How you know
        #[arg(long)]
        reason: String,
    },
}

/// Verbs on the ledger.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// The timeline of a message, from the ledger
    Show {
        /// msg_… or dlv_…
        id: String,
    },
    /// Verify the hash chain, the personal parts, the contents and the anchor
    Verify,
    /// Every event as a line of JSON
    Export {
        /// Begin after this position
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
}

/// Verbs on API keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Issue a key; it is shown once
    Create {
        /// Whose mail it may touch
        #[arg(long, default_value = "default")]
        tenant: String,
        /// send, read, operate, admin
        #[arg(long, value_delimiter = ',', default_value = "send,read")]
        scope: Vec<String>,
        /// Such as 90d
        #[arg(long)]
        expires: Option<String>,
    },
    /// All keys, without their secrets
    List,
    /// Make a key worthless
    Revoke {
        /// key_…
        id: String,
    },
}

/// Verbs on relays.
#[derive(Debug, Subcommand)]
pub enum Relay {
    /// What each relay is doing, from the running service
    List,
    /// Connect, greet, secure and log in, without sending anything
    Test {
        /// The relay's name; all without it
        name: Option<String>,
    },
}

/// Verbs on backups.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Make one
    Create {
        /// Where its folder is made
        #[arg(long, value_name = "DIR", default_value = "backups")]
        to: PathBuf,
    },
    /// Those in a directory
    List {
        /// The directory
        #[arg(long, value_name = "DIR", default_value = "backups")]
        from: PathBuf,
    },
    /// Check one, down to the hash chain
    Verify {
        /// Its folder
        backup: PathBuf,
    },
}

/// A restore.
#[derive(Debug, ClapArgs)]
pub struct Restore {
    /// A backup's folder
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data directory to make; it must not hold a ledger
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// The secret of the ledger, if it does not lie in the data directory already
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
}

/// Verbs on the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read it and say what is wrong with it
    Check,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_the_verb() {
        for line in [
            "postledger --output json audit verify --data-dir d",
            "postledger audit --data-dir d verify --output json",
        ] {
            let args = Args::try_parse_from(line.split(' ')).expect(line);
            assert_eq!((args.place.output, args.place.data_dir), (Output::Json, Some("d".into())));
        }
    }
}
