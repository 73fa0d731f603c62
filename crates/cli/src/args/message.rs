//! Messages on the command line: sending them, seeing and steering them.

use super::{Subject, value};
use clap::{Args as ClapArgs, Subcommand};
use postledger_core::event::Resolution;
use postledger_core::id::{DeliveryId, MessageId};
use postledger_core::message::MessageStatus;
use postledger_core::policy::{OnUnknown, Priority};
use postledger_core::time::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// A message from the command line.
#[derive(Debug, ClapArgs)]
pub struct Send {
    /// The author: an address, alone or in angle brackets after a name
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// A recipient; may be repeated
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
    /// A recipient of a copy; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub cc: Vec<String>,
    /// A hidden recipient; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub bcc: Vec<String>,
    /// Where answers go; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub reply_to: Vec<String>,
    /// Where bounces go [default: the configuration's bounce.address, else the author's]
    #[arg(long, value_name = "ADDRESS")]
    pub return_path: Option<String>,
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
    /// How urgent it is
    #[arg(long, value_parser = value::one_of(Priority::ALL.iter().map(|word| word.as_str())))]
    pub priority: Option<String>,
    /// Not before this time, such as 2026-12-01T09:00:00Z
    #[arg(long, value_name = "TIME")]
    pub send_at: Option<Timestamp>,
    /// Its lifetime, such as 24h
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub expires_after: Option<Duration>,
    /// Attempts that count, at most
    #[arg(long, value_name = "COUNT")]
    pub max_attempts: Option<u32>,
    /// What follows an attempt whose result is not known
    #[arg(long, value_name = "WORD", value_parser = value::one_of(OnUnknown::ALL.iter().map(|word| word.as_str())))]
    pub on_unknown: Option<String>,
    /// A configured route [default: as each delivery matches]
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// A further header field, such as 'X-Order: 17'; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = value::header)]
    pub header: Vec<(String, String)>,
    /// A label; may be repeated
    #[arg(long)]
    pub tag: Vec<String>,
    /// Your own data, such as order=17; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = value::pair)]
    pub metadata: Vec<(String, String)>,
    /// Send at most one message for this key
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// Verbs on messages.
#[derive(Debug, Subcommand)]
pub enum Message {
    /// A message, its deliveries and its timeline
    #[command(after_help = "Examples:
  postledger message show msg_…
  postledger message show dlv_…_1")]
    Show {
        /// msg_…, or dlv_… for the timeline of one delivery
        id: Subject,
    },
    /// Messages, newest first
    #[command(after_help = "Examples:
  postledger message list --status in_progress
  postledger message list --recipient ann@example.net --limit 5
  postledger message list --created-after 2026-12-01T00:00:00Z --all --output json")]
    List(MessageFilter),
    /// Every event of a message, in order
    #[command(after_help = "Example:\n  postledger message events msg_… --output json")]
    Events {
        /// msg_…, or dlv_… for one delivery's
        id: Subject,
    },
    /// Why a delivery is where it is, and what it waits for
    #[command(after_help = "Example:\n  postledger message explain dlv_…_1")]
    Explain {
        /// msg_… for all its deliveries, or dlv_…
        id: Subject,
    },
    /// The message as it is sent, in the form of Internet mail (RFC 5322)
    #[command(after_help = "Example:
  postledger message content msg_… > message.eml")]
    Content {
        /// msg_…, or dlv_… for the exact bytes of that delivery
        id: Subject,
    },
    /// Withdraw what has not been sent
    #[command(after_help = "Example:\n  postledger message cancel msg_…")]
    Cancel {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Pause
    #[command(after_help = "Example:\n  postledger message hold dlv_…_1")]
    Hold {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Resume
    #[command(after_help = "Example:\n  postledger message release msg_…")]
    Release {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Give what waits another time to be sent at
    #[command(after_help = "Example:
  postledger message reschedule msg_… --send-at 2026-12-01T09:00:00Z")]
    Reschedule {
        /// msg_…
        id: MessageId,
        /// Not before this time
        #[arg(long, value_name = "TIME")]
        send_at: Timestamp,
    },
    /// Put failed deliveries back in the queue
    #[command(after_help = "Example:\n  postledger message redrive msg_… --expires-after 24h")]
    Redrive {
        /// msg_… or dlv_…
        id: Subject,
        /// Their lifetime from now, such as 24h
        #[arg(long, value_name = "DURATION", value_parser = value::duration)]
        expires_after: Option<Duration>,
    },
    /// Say what became of an unknown delivery
    #[command(after_help = "Example:
  postledger message resolve dlv_…_1 --outcome delivered --reason 'the relay has it in its log'")]
    Resolve {
        /// dlv_…
        id: DeliveryId,
        /// What became of it
        #[arg(long, value_parser = value::one_of(Resolution::ALL.iter().map(|word| word.as_str())))]
        outcome: String,
        /// How you know
        #[arg(long)]
        reason: String,
    },
}

/// Which messages a list is about.
#[derive(Debug, ClapArgs)]
pub struct MessageFilter {
    /// What its deliveries come to
    #[arg(long, value_parser = value::one_of(MessageStatus::ALL.iter().map(|word| word.as_str())))]
    pub status: Option<String>,
    /// A recipient's address
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// A label
    #[arg(long)]
    pub tag: Option<String>,
    /// How urgent it is
    #[arg(long, value_parser = value::one_of(Priority::ALL.iter().map(|word| word.as_str())))]
    pub priority: Option<String>,
    /// Accepted at this time or later, such as 2026-12-01T09:00:00Z
    #[arg(long, value_name = "TIME")]
    pub created_after: Option<Timestamp>,
    /// Accepted before this time
    #[arg(long, value_name = "TIME")]
    pub created_before: Option<Timestamp>,
    /// At most so many, up to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    /// Where to go on: the next_cursor of the page before
    #[arg(long)]
    pub cursor: Option<String>,
    /// Every page, as one list
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}
