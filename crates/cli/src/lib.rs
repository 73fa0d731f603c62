//! What the binary `postledger` does: reads the configuration, wires store, dispatcher and api together, and talks to people.
//!
//! It must not decide what is true (core), know SQL (store), SMTP (dispatcher) or axum (api).
//! Reading order: `args`, `config`, `service`, then the commands.

mod args;
mod client;
mod commands;
mod config;
mod doctor;
mod exit;
mod log;
pub mod manual;
mod meters;
mod output;
mod panics;
mod reload;
mod service;
mod signals;
mod supervisor;
mod system;
mod timeline;
mod trouble;

use clap::Parser;
use std::process::ExitCode;

/// Reads a configuration, with variables of the environment (their whole names) laid over it, and does nothing with it.
///
/// # Errors
/// Every key that is wrong and why, for a person.
pub fn check_config(text: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<(), String> {
    config::Loaded::parse(None, text, variables).map(|_| ()).map_err(|problems| problems.to_string())
}

/// Carries out the command line of this process.
pub fn main() -> ExitCode {
    // What this program writes holds addresses and secrets, in whatever directory it is told to write.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Every TLS connection of this process uses this one provider; two in one process panic at the first handshake.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nothing installs a provider before main");
    panics::describe();
    let args = args::Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&anyhow::Error::new(error).context("cannot start threads")),
    };
    match runtime.block_on(commands::run(args)) {
        Ok(code) => code.into(),
        Err(error) => exit::report(&error),
    }
}
