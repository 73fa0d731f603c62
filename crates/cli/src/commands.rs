//! One file per verb.

mod audit;
mod backup;
mod config;
mod demo;
mod dev;
mod dkim;
mod doctor;
mod init;
mod key;
mod manual;
mod message;
mod migrate;
mod queue;
pub mod relay;
mod replay;
mod send;
mod serve;

use crate::args::{Args, Verb};
use crate::config::LogLevel;
use crate::exit::Exit;
use crate::log;
use anyhow::Result;

/// Carries out the command line.
///
/// # Errors
/// What went wrong; [`crate::exit::report`] knows its exit code.
pub async fn run(args: Args) -> Result<Exit> {
    let Args { verb, place } = args;
    match verb {
        // A service tells what it does, as its configuration says.
        Verb::Dev { .. } | Verb::Serve => {}
        // A demo's relay is down on purpose.
        Verb::Demo { .. } => log::start_quiet(LogLevel::Error)?,
        // The other verbs' talk is their own.
        _ => log::start_quiet(LogLevel::Warn)?,
    }
    match verb {
        Verb::Demo { exit } => demo::run(&place, exit).await,
        Verb::Dev { listen } => dev::run(&place, listen).await,
        Verb::Init(init) => init::run(&place, init).await,
        Verb::Serve => serve::run(&place).await,
        Verb::Send(message) => send::run(&place, *message).await,
        Verb::Message(verb) => message::run(&place, verb).await,
        Verb::Audit(verb) => audit::run(&place, verb).await,
        Verb::Replay { until, check } => replay::run(&place, until, check).await,
        Verb::Queue { limit } => queue::run(&place, limit).await,
        Verb::Key(verb) => key::run(&place, verb).await,
        Verb::Relay(verb) => relay::run(&place, verb).await,
        Verb::Dkim(verb) => dkim::run(&place, verb),
        Verb::Backup(verb) => backup::run(&place, verb).await,
        Verb::Restore(args) => backup::restore(&place, args).await,
        Verb::Migrate { check, to } => migrate::run(&place, check, &to).await,
        Verb::Doctor(args) => doctor::run(&place, args).await,
        Verb::Config(verb) => config::run(&place, &verb),
        Verb::Completions { shell } => manual::completions(shell),
        Verb::Manual { to } => manual::write(&place, &to),
    }
}
