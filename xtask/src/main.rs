//! Everything that is done to Postledger rather than by it: `cargo xtask …`.
//!
//! Each verb ends with one line, `ok` or the first failure. Exit code 0, 1, or 5 when a bar or a verification
//! is missed.
#![expect(clippy::print_stdout, reason = "it talks to the person who called it")]

mod bench;
mod chaos;
mod ci;
mod dist;
mod docs;
mod process;
mod sim;
mod test;
mod tidy;
mod wire;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Work on Postledger")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run all tests
    Test(test::Args),
    /// Run what must pass before a change lands: fmt, clippy, deny, tidy, docs, tests
    Ci,
    /// Check the layering and the house rules
    Tidy,
    /// Write the documents that come from code
    Docs(docs::Args),
    /// Print figures
    Bench(bench::Args),
    /// Let everything around the real binary fail, and count what it loses
    Chaos(chaos::Args),
    /// Play whole days of mail in virtual time, with relays and recipients of every temper, people and crashes
    Sim(sim::Args),
    /// Send mail of awkward kinds, and compare what two foreign parsers read with what was asked
    Wire(wire::Args),
    /// Make the Debian package, in target/dist
    Dist,
    /// `postledger backup create`: copy the ledger of a data directory, verified
    Backup(Passed),
    /// `postledger restore`: make a data directory of a backup
    Restore(Passed),
}

/// Options of the binary's own verb, handed on.
#[derive(clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

/// A verification or a bar was missed: exit code 5.
#[derive(Debug)]
pub struct Missed(pub String);

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missed {}

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Test(args) => test::run(&args),
        Verb::Ci => ci::run(),
        Verb::Tidy => tidy::run(),
        Verb::Docs(args) => docs::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Chaos(args) => chaos::run(&args),
        Verb::Sim(args) => sim::run(&args),
        Verb::Wire(args) => wire::run(&args),
        Verb::Dist => dist::run(),
        Verb::Backup(args) => process::postledger(&["backup", "create"], &args.options),
        Verb::Restore(args) => process::postledger(&["restore"], &args.options),
    };
    match done {
        Ok(()) => {
            println!("ok");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("failed: {error:#}");
            ExitCode::from(if error.is::<Missed>() { 5 } else { 1 })
        }
    }
}
