//! Messages on the command line: sending them, seeing and steering them.

use super::{Subject, value};
use clap::{Args as ClapArgs, Subcommand};
use postledger_core::event::Resolution;
use postledger_core::id::DeliveryId;
use postledger_core::message::MessageStatus;
use postledger_core::policy::Priority;
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
        /// msg_…, or dlv_… for the timeline of one delivery
        id: Subject,
    },
    /// Messages, newest first
    #[command(after_help = "Examples:
  postledger message list --status in_progress
  postledger message list --recipient ann@example.net --limit 5")]
    List {
        /// What its deliveries come to
        #[arg(long, value_parser = value::one_of(MessageStatus::ALL.iter().map(|word| word.as_str())))]
        status: Option<String>,
        /// A recipient's address
        #[arg(long, value_name = "ADDRESS")]
        recipient: Option<String>,
        /// A label
        #[arg(long)]
        tag: Option<String>,
        /// How urgent it is
        #[arg(long, value_parser = value::one_of(Priority::ALL.iter().map(|word| word.as_str())))]
        priority: Option<String>,
        /// At most so many, up to 100
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Where to go on: the next_cursor of the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Every event of a message, in order
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
    /// Withdraw what has not been sent
    Cancel {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Pause
    Hold {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Resume
    Release {
        /// msg_… or dlv_…
        id: Subject,
    },
    /// Put failed deliveries back in the queue
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
