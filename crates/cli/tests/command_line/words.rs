//! The texts of help and of errors that need no service, word for word.

/// `TRYCMD=overwrite` writes them anew.
#[test]
fn help_and_errors_say_what_they_said() {
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "100").case("tests/command_line/*.md");
}

/// The first command of the README is `cargo run`: it needs to know which binary is meant.
#[test]
fn cargo_run_runs_the_real_one() {
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = std::process::Command::new(env!("CARGO")).args(metadata).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours =
        metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == "postledger-cli");
    assert_eq!(ours.unwrap()["default_run"], "postledger");
}
