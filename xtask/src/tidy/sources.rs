//! House rules that can be seen in the text of a file.

use crate::process::root;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// A file that is longer is hard to read in one sitting.
const MAX_LINES: usize = 400;

/// A word, where it must not stand, and why. Split here so that this file does not find itself.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (concat!("#[", "ignore"), &["rs"], "a test that does not run proves nothing"),
    (concat!("thread::", "sleep("), &["rs"], "wait for a signal, not for time"),
    (concat!("TO", "DO"), &["rs", "md", "toml"], "do it, or file it"),
    (concat!("FIX", "ME"), &["rs", "md", "toml"], "fix it, or file it"),
    (
        concat!("sqlx::", "query!("),
        &["rs"],
        "needs a database at build time; use query and the test that prepares all",
    ),
    (concat!("#[", "allow("), &["rs"], "use #[expect(…, reason = …)]"),
];

/// Violations in the files that git knows or would add.
pub fn findings() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("cannot run git ls-files")?;
    let files = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut findings = Vec::new();
    for file in files.lines() {
        let path = root().join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        findings.extend(of_file(file, &text));
        if file.ends_with(".md") {
            findings.extend(dead_links(&path, file, &text));
        }
    }
    Ok(findings)
}

fn of_file(file: &str, text: &str) -> Vec<String> {
    let extension = file.rsplit('.').next().unwrap_or_default();
    let mut findings = Vec::new();
    let is_test = file.contains("tests/") || file.ends_with("tests.rs");
    if extension == "rs" && !is_test && text.lines().count() > MAX_LINES {
        findings.push(format!("{file}: {} lines; split it", text.lines().count()));
    }
    if file.ends_with("/mod.rs") {
        findings.push(format!("{file}: name it after its folder and put it beside it"));
    }
    let stem = file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if extension == "rs" && ["util", "utils", "common", "types", "helpers", "manager"].contains(&stem) {
        findings.push(format!("{file}: name it after its one concept"));
    }
    let waits_for_time = concat!("time::", "sleep(");
    for (number, line) in (1..).zip(text.lines()) {
        if extension == "rs" && is_test && !file.starts_with("tests/src") && line.contains(waits_for_time) {
            findings.push(format!("{file}:{number}: a test waits for a signal, not for time"));
        }
        for (word, extensions, why) in FORBIDDEN {
            if extensions.contains(&extension) && line.contains(word) {
                findings.push(format!("{file}:{number}: {word}: {why}"));
            }
        }
    }
    findings
}

/// Relative links of a document that lead nowhere.
fn dead_links(path: &Path, file: &str, text: &str) -> Vec<String> {
    let folder = path.parent().unwrap_or(path);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_dead = |target: &&str| {
        let target = target.split('#').next().unwrap_or_default();
        !target.is_empty() && !target.contains("://") && !folder.join(target).exists()
    };
    targets.filter(is_dead).map(|target| format!("{file}: {target} does not exist")).collect()
}
