//! Figures of several rounds, by name.

use serde_json::{Map, json};

/// One round: name and value.
pub type Round = Vec<(&'static str, f64)>;

/// The rounds of one area.
#[derive(Default)]
pub struct Figures(Vec<(&'static str, Vec<f64>)>);

impl Figures {
    /// Adds a round.
    pub fn add(&mut self, round: Round) {
        for (name, value) in round {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => self.0.push((name, vec![value])),
            }
        }
    }

    /// Prints median, least and greatest.
    pub fn print(mut self, json: bool) {
        let mut object = Map::new();
        for (name, values) in &mut self.0 {
            values.sort_by(f64::total_cmp);
            let (median, least, greatest) = (values[values.len() / 2], values[0], values[values.len() - 1]);
            if json {
                object.insert((*name).to_owned(), json!({"median": median, "min": least, "max": greatest}));
            } else {
                // A ratio is near 1, where one decimal says nothing.
                let decimals = if name.contains("_ratio_") { 3 } else { 1 };
                println!("{name:<40} {median:>12.decimals$}   ({least:.decimals$} to {greatest:.decimals$})");
            }
        }
        if json {
            println!("{}", serde_json::Value::Object(object));
        }
    }
}

/// What it ran on.
pub fn machine() -> String {
    let first = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "machine: {cores} cores, {}, {}, Linux {}",
        first("/proc/cpuinfo", "model name"),
        first("/proc/meminfo", "MemTotal"),
        kernel.trim()
    )
}
