//! `cargo xtask bench`: figures of the real binary, with generator and sink on the same machine.
//!
//! Absolute figures drift on shared machines. Each run is made from nothing, the median of the rounds stands beside
//! the least and the greatest.

mod areas;
mod attachment;
mod dispatcher;
mod figures;
mod growth;
mod instruments;
mod limits;
mod queue;
mod slow_disk;

use crate::process;
use anyhow::{Context, Result, bail};
use figures::Figures;

#[derive(clap::Args)]
pub struct Args {
    /// accept, e2e, replay, start, queue, dispatcher, growth, attachment, instruments; the first three without it
    area: Option<Area>,
    /// Messages per round
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// `start`: finished messages in the ledger
    #[arg(long, default_value_t = 1_000_000)]
    finished: u64,
    /// `start`: pending deliveries in the ledger
    #[arg(long, default_value_t = 100_000)]
    pending: u64,
    /// `queue`: pending deliveries; a tenth and a hundredth of them stand beside
    #[arg(long, default_value_t = 10_000_000)]
    deliveries: u64,
    /// `dispatcher`: low deliveries that the critical ones pass
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u64,
    /// The limits of this machine beside the service, in turns, instead of an area
    #[arg(long, conflicts_with = "area")]
    limit: bool,
    /// A disk that takes 200 ms for each sync, instead of an area
    #[arg(long, conflicts_with_all = ["area", "limit"])]
    slow_disk: bool,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Area {
    /// Messages accepted durably over 64 connections, none delivered
    Accept,
    /// Messages from the first request to the sink's last reply
    E2e,
    /// Folding and verifying the ledger that e2e left
    Replay,
    /// From exec to listening, with much behind and much ahead
    Start,
    /// Memory of a pending delivery, and the planner's steps a second, by how many there are
    Queue,
    /// Messages a second to a sink beside smtp-source, and the delay of critical mail behind a backlog
    Dispatcher,
    /// Small messages beside one client with large files
    Attachment,
    /// The cost of a message at the beginning of a long ledger and at its end
    Growth,
    /// The generator beside wrk, the sink beside smtp-sink
    Instruments,
    /// Disk, SQLite, axum and SMTP with no service between them
    #[value(skip)]
    Limits,
    /// Who waits and who is refused when the disk is slow
    #[value(skip)]
    SlowDisk,
}

/// Runs the areas. Re-runs itself optimised first: a slow generator would measure itself.
pub fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let optimised = ["run", "--quiet", "--release", "--package", "xtask", "--"];
        let status = std::process::Command::new("cargo")
            .args(optimised)
            .args(given)
            .current_dir(process::root())
            .status();
        let status = status.context("cannot run cargo")?;
        // It has said its own last line.
        std::process::exit(status.code().unwrap_or(1));
    }
    if args.rounds == 0 || args.messages < 1000 {
        bail!("figures need at least one round of 1000 messages");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if !args.json {
        println!("{}", figures::machine());
    }
    let areas = match args.area {
        _ if args.limit => vec![Area::Limits],
        _ if args.slow_disk => vec![Area::SlowDisk],
        Some(area) => vec![area],
        None => vec![Area::Accept, Area::E2e, Area::Replay],
    };
    for area in areas {
        if area == Area::Queue {
            queue::queue(args.deliveries, args.json)?;
            continue;
        }
        let mut figures = Figures::default();
        let rounds = if matches!(area, Area::Start | Area::Growth) { 1 } else { args.rounds };
        for _ in 0..rounds {
            let round = match area {
                Area::Accept => runtime.block_on(areas::accept(args.messages))?,
                Area::E2e => runtime.block_on(areas::e2e(args.messages))?,
                Area::Replay => runtime.block_on(areas::replay(args.messages))?,
                Area::Start => runtime.block_on(areas::start(args.finished, args.pending))?,
                Area::Dispatcher => runtime.block_on(dispatcher::throughput(args.messages))?,
                Area::Queue => Vec::new(),
                Area::Attachment => runtime.block_on(attachment::attachment())?,
                Area::Growth => runtime.block_on(growth::growth(args.messages))?,
                Area::SlowDisk => runtime.block_on(slow_disk::slow_disk())?,
                Area::Limits => runtime.block_on(limits::limits(args.messages))?,
                Area::Instruments => runtime.block_on(instruments::instruments(args.messages))?,
            };
            figures.add(round);
        }
        figures.print(args.json);
        if area == Area::Dispatcher {
            let mut figures = Figures::default();
            let (round, missed) = runtime.block_on(dispatcher::urgency(args.backlog))?;
            figures.add(round);
            figures.print(args.json);
            if let Some(missed) = missed {
                return Err(missed.into());
            }
        }
    }
    Ok(())
}
