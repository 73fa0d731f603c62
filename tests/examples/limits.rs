//! Prints how fast the instruments are by themselves, as JSON: `cargo run --release -p postledger-tests --example limits`.

use anyhow::Result;
use postledger_tests::limit;
use postledger_tests::sink::{Keep, Script, Sink};
use std::net::SocketAddr;

/// Messages per measurement.
const MESSAGES: u32 = 50_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<()> {
    // A foreign sink to compare with may be named: host:port.
    if let Some(foreign) = std::env::args().nth(1) {
        let foreign: SocketAddr = foreign.parse()?;
        let took = limit::smtp(foreign, 20, MESSAGES as usize, 4096).await?;
        println!("{{\"foreign_sink_per_s\":{:.0}}}", f64::from(MESSAGES) / took.as_secs_f64());
    }
    for (name, script) in [
        ("digest", Script::fast()),
        ("count", Script::fast().keeping(Keep::Count)),
        ("all", Script::default()),
    ] {
        let sink = Sink::start(script).await?;
        let took = limit::smtp(sink.addr(), 20, MESSAGES as usize, 4096).await?;
        println!("{{\"sink_{name}_per_s\":{:.0}}}", f64::from(MESSAGES) / took.as_secs_f64());
    }
    let report = limit::http(64, u64::from(MESSAGES)).await?;
    println!("{{\"load_per_s\":{:.0}}}", report.accepted_per_second());
    Ok(())
}
