//! The negative controls: a binary that makes a known mistake, so that the tests which must catch it are tested.

fn main() -> std::process::ExitCode {
    postledger_cli::main()
}
