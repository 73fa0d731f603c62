//! The binary.

fn main() -> std::process::ExitCode {
    postledger_cli::main()
}
