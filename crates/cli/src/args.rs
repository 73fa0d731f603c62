//! The command line. Options stand before or after the verb; what has a form is checked before anything is done.

mod dkim;
mod init;
mod message;
mod subject;
mod value;

pub use dkim::{Dkim, KeyType};
pub use init::Init;
pub use message::{Message, MessageFilter, Send};
pub use subject::Subject;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use postledger_core::id::KeyId;
use postledger_core::key::Scope;
use postledger_core::name::{RelayName, RouteName, Tenant};
use postledger_store::Until;
use std::path::PathBuf;
use std::time::Duration;

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
#[command(next_help_heading = "Options of every verb")]
pub struct Place {
    /// The configuration file [default: postledger.toml, where there is one]
    #[arg(long, global = true, env = "POSTLEDGER_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// The data directory [default: the configuration's store.path, else ./data]
    #[arg(long, global = true, env = "POSTLEDGER_DATA_DIR", value_name = "DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
    /// The service's address, such as http://127.0.0.1:8250 [default: the data directory's control socket]
    #[arg(long, global = true, env = "POSTLEDGER_URL", hide_env_values = true, value_parser = value::url)]
    pub url: Option<reqwest::Url>,
    /// The API key that goes with --url
    #[arg(long, global = true, env = "POSTLEDGER_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// A PEM file with a further root to trust at --url, for a private certificate authority
    #[arg(long, global = true, env = "POSTLEDGER_CA", value_name = "FILE", hide_env_values = true)]
    pub ca: Option<PathBuf>,
    /// Tables for people; for programs one JSON document, or one per line of an export
    #[arg(
        long,
        global = true,
        value_name = "table|json",
        hide_possible_values = true,
        default_value = "table"
    )]
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
    /// Send sample mail of each kind on this machine alone, and show its timelines and the balance
    #[command(after_help = "Example:\n  postledger demo --exit")]
    Demo {
        /// End after the samples instead of leaving API and mailbox open
        #[arg(long)]
        exit: bool,
    },
    /// Run the service with a mailbox that catches all mail, and print a ready key
    #[command(after_help = "Examples:
  postledger dev
  postledger dev --listen 127.0.0.1:0 --output json")]
    Dev {
        /// The API's address [default: the configuration's server.listen if it is on loopback, else 127.0.0.1:8250]
        #[arg(long)]
        listen: Option<std::net::SocketAddr>,
    },
    /// Write a first configuration, try the relay, create the first key
    #[command(after_help = "Examples:
  postledger init
  postledger init --config /etc/postledger/postledger.toml --data-dir /var/lib/postledger
  postledger init --yes --relay-host smtp.example.net --test-from shop@shop.example
  postledger init --yes --relay-host smtp.example.net --relay-user me \\
    --relay-password-file - < password")]
    Init(Init),
    /// Run the service
    #[command(after_help = "Example:\n  postledger serve --config /etc/postledger.toml")]
    Serve,
    /// Submit a message
    #[command(after_help = "Examples:
  postledger send --from shop@shop.example --to ann@example.net --subject Hello --text 'It works.'
  report | postledger send --from ops@shop.example --to ann@example.net --subject Report --text - --attach report.pdf")]
    Send(Box<Send>),
    /// See and steer messages
    #[command(subcommand)]
    Message(Message),
    /// Read the ledger itself, beside a running service or without one
    #[command(subcommand)]
    Audit(Audit),
    /// Fold the whole ledger and say what it comes to
    #[command(after_help = "Examples:
  postledger replay --check
  postledger replay --until 2026-12-01T09:00:00Z")]
    Replay {
        /// Stop at a position, or at a time such as 2026-12-01T09:00:00Z
        #[arg(long, value_name = "POSITION|TIME", value_parser = value::until)]
        until: Option<Until>,
        /// Also verify the chain and compare the views with the ledger
        #[arg(long)]
        check: bool,
    },
    /// List the deliveries that have not ended, from the ledger
    #[command(after_help = "Examples:
  postledger queue
  postledger queue --output json | jq .counts")]
    Queue {
        /// At most so many deliveries; the counts are of all
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Issue and revoke API keys
    #[command(subcommand)]
    Key(Key),
    /// See and test relays
    #[command(subcommand)]
    Relay(Relay),
    /// Make keys that sign mail, and see what DNS must say
    #[command(subcommand)]
    Dkim(Dkim),
    /// Copy the ledger, verified; a service may be running on it
    #[command(subcommand)]
    Backup(Backup),
    /// Make a data directory of a backup; what was open is held
    #[command(after_help = "Example:
  postledger restore --from backups/20261201T090000000000Z --into /var/lib/postledger --secret /safe/secret")]
    Restore(Restore),
    /// Bring a ledger of an earlier version to the format of this one
    #[command(after_help = "Examples:
  postledger migrate --check              rehearse on a copy; the service may be running
  postledger migrate --to /backup         make a backup there, then migrate; the service is stopped")]
    Migrate {
        /// Rehearse on a copy, and say what would be done, how long it takes and how much space it needs
        #[arg(long)]
        check: bool,
        /// Where the backup's folder is made, or the copy of a rehearsal
        #[arg(long, value_name = "DIR", default_value = "backups")]
        to: PathBuf,
    },
    /// Say what is wrong with an installation, and what to do about it
    #[command(after_help = "Examples:
  postledger doctor
  postledger doctor --backups /backup --domain shop.example --dkim mail
  postledger doctor --output json | jq '.findings[] | select(.state != \"ok\")'

Exit code 0 if nothing needs to be done, 1 with a warning or a failure, 5 if the ledger is not what it was.")]
    Doctor(Doctor),
    /// Look at the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print a script that makes a shell complete the command line
    #[command(after_help = "Examples:
  source <(postledger completions bash)
  postledger completions bash > /usr/share/bash-completion/completions/postledger
  postledger completions zsh > /usr/share/zsh/vendor-completions/_postledger
  postledger completions fish > /usr/share/fish/vendor_completions.d/postledger.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    #[command(after_help = "Example:\n  postledger manual --to /usr/local/share/man/man1")]
    Manual {
        /// Where they go
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

/// Verbs on the ledger.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// The timeline of a message, from the ledger
    #[command(after_help = "Examples:
  postledger audit show msg_…
  postledger audit show dlv_…_1 --data-dir /backup/20261201T090000000000Z")]
    Show {
        /// msg_…, or dlv_… for the timeline of one delivery
        id: Subject,
    },
    /// What happened to the service itself: starts, stops, and what the breakers of relays did
    #[command(after_help = "Examples:
  postledger audit node
  postledger audit node --relay primary --output json | jq '.data[].kind'")]
    Node {
        /// Of this relay alone
        #[arg(long, value_name = "NAME")]
        relay: Option<RelayName>,
        /// At most so many, the last ones
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// Verify the hash chain, the personal parts, the contents and the anchor
    #[command(after_help = "Examples:
  postledger audit verify
  postledger audit verify --data-dir /backup/20261201T090000000000Z")]
    Verify,
    /// Every event as a line of JSON
    #[command(after_help = "Example:\n  postledger audit export | jq 'select(.kind == \"failed\")'")]
    Export {
        /// Begin after this position
        #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
}

/// Verbs on API keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Issue a key; it is shown once
    #[command(after_help = "Example:\n  postledger key create --tenant shop --scope send,read --expires 90d")]
    Create {
        /// Whose mail it may touch
        #[arg(long, default_value = "default")]
        tenant: Tenant,
        /// What it may do: send, read, operate, admin
        #[arg(long, value_delimiter = ',', default_value = "send,read", value_parser = value::scope)]
        scope: Vec<Scope>,
        /// Its lifetime from now, such as 90d
        #[arg(long, value_name = "DURATION", value_parser = value::duration)]
        expires: Option<Duration>,
    },
    /// All keys, without their secrets
    #[command(after_help = "Example:\n  postledger key list")]
    List,
    /// Make a key worthless
    #[command(after_help = "Example:\n  postledger key revoke key_…")]
    Revoke {
        /// key_…
        id: KeyId,
    },
}

/// Verbs on relays.
#[derive(Debug, Subcommand)]
pub enum Relay {
    /// What each relay is doing, from the running service
    #[command(after_help = "Example:\n  postledger relay list")]
    List,
    /// Take a relay out of use for a moment, and prove that mail goes by the backup
    #[command(after_help = "Examples:
  postledger relay drill primary --to ops@shop.example
  postledger relay drill primary --to ops@shop.example --route bulk --limit 30s

Without --to no mail is sent: the service connects to the backup and logs in. The breaker closes
again at the end, also if this is interrupted, and in any case after --limit. Exit code 0 if the
backup has the mail, 1 if not, 3 if there is no such relay, 4 if it is out of use as it is or no
route has another relay that is up.")]
    Drill(Drill),
    /// Connect, greet, secure and log in, without sending anything
    #[command(after_help = "Examples:
  postledger relay test
  postledger relay test primary")]
    Test {
        /// The relay's name; all without it
        name: Option<RelayName>,
    },
}

/// A drill.
#[derive(Debug, ClapArgs)]
pub struct Drill {
    /// The relay's name
    pub name: RelayName,
    /// Send a message to this address
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// The message's sender [default: the same address]
    #[arg(long, value_name = "ADDRESS", requires = "to")]
    pub from: Option<String>,
    /// By which route [default: `default`, if it has the relay and another one]
    #[arg(long, value_name = "NAME")]
    pub route: Option<RouteName>,
    /// For so long at most, such as 30s; up to 10m
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "60s")]
    pub limit: Duration,
}

/// Verbs on backups.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Make one
    #[command(after_help = "Example:\n  postledger backup create --to /backup")]
    Create {
        /// Where its folder is made
        #[arg(long, value_name = "DIR", default_value = "backups")]
        to: PathBuf,
    },
    /// Those in a directory
    #[command(after_help = "Example:\n  postledger backup list --from /backup")]
    List {
        /// The directory
        #[arg(long, value_name = "DIR", default_value = "backups")]
        from: PathBuf,
    },
    /// Check one, down to the hash chain
    #[command(after_help = "Example:\n  postledger backup verify /backup/20261201T090000000000Z")]
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

/// What is examined beside what the configuration names.
#[derive(Debug, ClapArgs)]
pub struct Doctor {
    /// A domain that mail is sent from; may be repeated [default: those of recent messages]
    #[arg(long, value_name = "NAME")]
    pub domain: Vec<String>,
    /// A DKIM selector of those domains; may be repeated
    #[arg(long, value_name = "SELECTOR")]
    pub dkim: Vec<String>,
    /// The DNS server to ask, such as 192.0.2.53 or 127.0.0.1:5353 [default: the system's]
    #[arg(long, value_name = "ADDR", value_parser = value::resolver)]
    pub resolver: Option<std::net::SocketAddr>,
    /// Where backups lie [default: backups, where there is such a directory]
    #[arg(long, value_name = "DIR")]
    pub backups: Option<PathBuf>,
    /// Contact neither relays nor a DNS server
    #[arg(long)]
    pub offline: bool,
}

/// Verbs on the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read it with all files that it names, and say everything that is wrong with it
    #[command(after_help = "Example:\n  postledger config check --config /etc/postledger.toml")]
    Check,
    /// Every key: its meaning, form, range and default; with --output json a JSON Schema
    #[command(after_help = "Examples:
  postledger config schema | less
  postledger config schema --output json > postledger.schema.json")]
    Schema,
    /// What holds, secrets masked, and where each value comes from: file and line, variable, default
    #[command(after_help = "Examples:
  postledger config show --config /etc/postledger/postledger.toml
  postledger config show --output json | jq '.keys[] | select(.origin.kind != \"default\")'")]
    Show,
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
