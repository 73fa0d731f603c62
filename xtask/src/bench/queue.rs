//! What a pending delivery costs in memory, and each step of the planner in time, by how many there are.
//!
//! The planner is the dispatcher's own affair, so a test of the dispatcher measures it, optimised, in a process for each
//! mix and size: what one run has left in the allocator would be another's figure.

use crate::Missed;
use crate::process::root;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::process::Command;

/// What waits; as in the dispatcher's `planner/tests/scale.rs`.
const MIXES: [(&str, &str); 5] = [
    ("one", "one tenant, one domain, due now"),
    ("now", "10,000 tenants, 10,000 domains, due now"),
    ("later", "the same, scheduled within a day"),
    ("deferred", "the same, to be repeated within a day"),
    ("held", "the same, held"),
];

/// Bytes of memory that a pending delivery may take.
const BAR: f64 = 200.0;

/// Every mix at a hundredth, a tenth, and all of `deliveries`.
///
/// # Errors
/// A delivery takes more than the bar: [`Missed`].
pub fn queue(deliveries: u64, json: bool) -> Result<()> {
    let sizes = [deliveries / 100, deliveries / 10, deliveries];
    let mut most = 0.0_f64;
    for (mix, said) in MIXES {
        let mut columns = Vec::new();
        for size in sizes {
            columns.push(run(mix, size)?);
        }
        for column in &columns {
            most = most.max(
                column.iter().find(|(name, _)| name == "bytes_resident").map_or(0.0, |(_, value)| *value),
            );
        }
        if json {
            for (size, column) in sizes.iter().zip(columns) {
                let mut object =
                    Map::from_iter([("mix".into(), mix.into()), ("deliveries".into(), (*size).into())]);
                object.extend(column.into_iter().map(|(name, value)| (name, value.into())));
                println!("{}", Value::Object(object));
            }
        } else {
            println!("{said}");
            let [first, second, third] = sizes;
            println!("  {:<30} {first:>12} {second:>12} {third:>12}", "deliveries");
            for at in 0..columns[0].len() {
                let values: String =
                    columns.iter().map(|column| format!(" {:>12.1}", column[at].1)).collect();
                println!("  {:<30}{values}", columns[0][at].0);
            }
        }
    }
    if most > BAR {
        return Err(Missed(format!("a pending delivery takes {most:.0} bytes; the bar is {BAR:.0}")).into());
    }
    Ok(())
}

fn run(mix: &str, size: u64) -> Result<Vec<(String, f64)>> {
    let test = ["test", "--quiet", "--release", "--package", "postledger-dispatcher", "--lib"];
    let output = Command::new("cargo")
        .args(test)
        .args(["planner::tests::scale", "--", "--nocapture"])
        .env("POSTLEDGER_QUEUE_MIX", mix)
        .env("POSTLEDGER_QUEUE_SIZE", size.to_string())
        .current_dir(root())
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figure = |line: &str| {
        let (name, value) = line.strip_prefix("figure ")?.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    let figures: Vec<_> = said.lines().filter_map(figure).collect();
    if !output.status.success() || figures.is_empty() {
        bail!("{mix} of {size}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(figures)
}
