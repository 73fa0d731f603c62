//! The pages that hold commands do what they say: every block of them is run as it stands, page by page, in a new
//! directory against the real binary. See `pages/bench.rs` for the few things that are put in place of others.

mod bench;
mod blocks;

use bench::Bench;
use postledger_core::event::{Cause, HoldReason};
use postledger_core::outcome::Trouble;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// Runs all blocks of a page; gives how many there were.
async fn run(page: &str) -> usize {
    let blocks = blocks::of(&read(page));
    let mut bench = Bench::new().await;
    for block in &blocks {
        bench.run(page, block);
    }
    blocks.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme() {
    assert!(run("README.md").await > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart() {
    assert!(run("docs/quickstart.md").await > 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn running_it() {
    assert!(run("docs/operations/running.md").await > 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn troubleshooting() {
    assert!(run("docs/operations/troubleshooting.md").await > 0);
}

#[test]
fn every_word_for_trouble_has_its_section() {
    let page = read("docs/operations/troubleshooting.md");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let exit_codes = (1..=6).map(|code| format!("Exit code {code}"));
    let causes = Cause::ALL.iter().map(|it| format!("`cause`: {it}"));
    let holds = HoldReason::ALL.iter().map(|it| format!("`hold_reason`: {it}"));
    let troubles = Trouble::ALL.iter().map(|it| format!("`trouble`: {it}"));
    let expected: Vec<_> = causes.chain(holds).chain(troubles).chain(exit_codes).collect();
    assert_eq!(sections, expected);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let pages =
        ["README.md", "docs/README.md", "docs/quickstart.md", "docs/security.md", "docs/comparison.md"];
    let operations = std::fs::read_dir(root().join("docs/operations")).unwrap();
    let operations = operations.map(|it| format!("docs/operations/{}", it.unwrap().file_name().display()));
    for page in pages.map(str::to_owned).into_iter().chain(operations) {
        let from = root().join(&page);
        for link in blocks::links(&read(&page)) {
            let file = link.split('#').next().unwrap();
            let target = from.parent().unwrap().join(file);
            assert!(file.is_empty() || target.exists(), "{page}: {link} leads nowhere");
        }
    }
}
