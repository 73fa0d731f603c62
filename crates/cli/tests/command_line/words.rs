//! The texts of help and of errors that need no service, word for word.

use super::fixed_ledger;
use std::process::Command;

/// `TRYCMD=overwrite` writes them anew.
#[test]
fn help_and_errors_say_what_they_said() {
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "100").case("tests/command_line/*.md");
}

/// What is read of a ledger, without a service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_reads_as_it_did() {
    let dir = tempfile::tempdir().unwrap();
    fixed_ledger::make(dir.path()).await;
    let cases = trycmd::TestCases::new();
    cases.env("POSTLEDGER_DATA_DIR", dir.path().display().to_string());
    cases.case("tests/command_line/ledger/*.md");
}

/// The manual has a page for each verb: what stands there must stand in the texts of help, with an example.
#[test]
fn each_verb_explains_itself_with_an_example() {
    let pages = tempfile::tempdir().unwrap();
    let manual = ["manual", "--output", "json", "--to"];
    let output =
        Command::new(env!("CARGO_BIN_EXE_postledger")).args(manual).arg(pages.path()).output().unwrap();
    let written: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let help = include_str!("help.md");
    for page in written["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()) {
        let page = std::fs::read_to_string(page).unwrap();
        let title = page.lines().find_map(|line| line.strip_prefix(".TH ")).unwrap();
        let verb = title.split(' ').next().unwrap().replace('-', " ");
        assert!(help.contains(&format!("$ {verb} --help\n")), "help.md has no `{verb} --help`");
        let has_verbs = page.contains(".SH SUBCOMMANDS");
        assert!(has_verbs || page.contains("Example"), "`{verb} --help` has no example");
    }
    assert!(written["pages"].as_array().unwrap().len() > 30, "{written}");
}

/// Each shell reads its script; bash is there wherever this is developed, and is asked what it would complete.
#[test]
fn bash_completes_verbs_and_options() {
    let script = r#"source <("$0" completions bash) && COMP_WORDS=(postledger message re) COMP_CWORD=2 &&
        _postledger postledger re message && echo "${COMPREPLY[@]}""#;
    let output =
        Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_postledger")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "release reschedule redrive resolve");
}

/// The first command of the README is `cargo run`: it needs to know which binary is meant.
#[test]
fn cargo_run_runs_the_real_one() {
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(metadata).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours =
        metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == "postledger-cli");
    assert_eq!(ours.unwrap()["default_run"], "postledger");
}
